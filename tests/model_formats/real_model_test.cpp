#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "model/formats/checkpoint.hpp"
#include "tests/catch.hpp"
#include "tests/model_formats/model_file.hpp"

using namespace troupe;
using namespace troupe::model;

TEST_CASE("the_small_real_model_opens_with_its_configuration") {
  if (model_file().empty()) return skip_test(kNoModel);
  auto opened = open_checkpoint(model_file());
  REQUIRE(opened.ok());
  const ModelConfig& c = (*opened)->config();
  CHECK(c.architecture == "llama");
  CHECK(c.hidden_size == 576);
  CHECK(c.num_hidden_layers == 30);
  CHECK(c.num_attention_heads == 9);
  CHECK(c.num_key_value_heads == 3);
  CHECK(c.head_dim == 64);
  CHECK(c.intermediate_size == 1536);
  CHECK(c.vocab_size == 49152);
  CHECK(c.rms_norm_eps == Approx(1e-5));
  CHECK(c.rope_theta == 1e5);
  CHECK(c.max_position_embeddings == 8192);
  CHECK(c.tie_word_embeddings);
  CHECK(c.bos_token_id == 1);
  CHECK(c.eos_token_ids == std::vector<std::int32_t>{2});
  std::int64_t parameters = 0;
  for (const TensorInfo& info : (*opened)->tensors()) parameters += info.elements();
  CHECK(parameters == 134'515'008);
  CHECK((*opened)->tensors().size() == 272);
}

TEST_CASE("every_tensor_of_the_small_real_model_is_finite") {
  if (model_file().empty()) return skip_test(kNoModel);
  auto opened = open_checkpoint(model_file());
  REQUIRE(opened.ok());
  std::vector<float> values;
  for (const TensorInfo& info : (*opened)->tensors()) {
    values.assign(static_cast<std::size_t>(info.elements()), NAN);
    REQUIRE((*opened)->read_f32(info.name, values).ok());
    double squares = 0;
    for (const float value : values) squares += static_cast<double>(value) * value;
    INFO(info.name);
    CHECK(std::isfinite(squares));
    CHECK(squares > 0);
  }
}

// expected_values.json was made by make_expected_values.py with transformers.
TEST_CASE("tensors_have_the_values_and_row_order_that_transformers_gives_them") {
  if (model_file().empty()) return skip_test(kNoModel);
  auto opened = open_checkpoint(model_file());
  REQUIRE(opened.ok());
  std::ifstream file(std::string(TROUPE_SOURCE_DIR) + "/tests/model_formats/expected_values.json");
  const auto expected = nlohmann::json::parse(file);
  REQUIRE(expected.size() >= 12);
  for (const auto& tensor : expected) {
    const auto name = tensor["name"].get<std::string>();
    INFO(name);
    const TensorInfo* info = (*opened)->find(name);
    REQUIRE(info != nullptr);
    CHECK(info->shape == tensor["shape"].get<std::vector<std::int64_t>>());
    std::vector<float> values(static_cast<std::size_t>(info->elements()));
    REQUIRE((*opened)->read_f32(name, values).ok());
    for (std::size_t i = 0; i < tensor["index"].size(); ++i)
      CHECK(values[tensor["index"][i].get<std::size_t>()] == tensor["value"][i].get<float>());
    const std::size_t columns = values.size() / static_cast<std::size_t>(info->shape[0]);
    double sum = 0, row_weighted = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      sum += values[i];
      row_weighted += static_cast<double>(values[i]) * static_cast<double>(i / columns);
    }
    CHECK(sum == Approx(tensor["sum"].get<double>()).epsilon(1e-9).margin(1e-6));
    CHECK(row_weighted ==
          Approx(tensor["row_weighted_sum"].get<double>()).epsilon(1e-9).margin(1e-4));
  }
}
