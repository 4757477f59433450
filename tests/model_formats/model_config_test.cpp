#include "model/formats/model_config.hpp"

#include "model/formats/tensor_source.hpp"
#include "tests/catch.hpp"
#include "tests/contains_text.hpp"

using namespace troupe;
using namespace troupe::model;

namespace {

const std::string kBase =
    R"("model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
       "num_key_value_heads": 2, "intermediate_size": 96, "vocab_size": 300,
       "max_position_embeddings": 512)";

Result<ModelConfig> read(const std::string& more) {
  return config_from_json("{" + kBase + (more.empty() ? "" : ", " + more) + "}");
}

std::string message(const std::string& more) {
  const auto config = read(more);
  return config ? "read" : config.error().message;
}

}  // namespace

TEST_CASE("config_json_of_transformers_4_and_5_are_understood") {
  const auto four = read(R"("rope_theta": 5000.0, "torch_dtype": "bfloat16", "eos_token_id": 2)");
  REQUIRE(four.ok());
  CHECK(four->rope_theta == 5000.0);
  CHECK(four->torch_dtype == "bfloat16");
  CHECK(four->head_dim == 16);
  CHECK(four->eos_token_ids == std::vector<std::int32_t>{2});
  CHECK(!four->pad_token_id);
  const auto five =
      read(R"("rope_parameters": {"rope_theta": 7000.0, "rope_type": "default"}, "head_dim": 32,
              "dtype": "float16", "eos_token_id": [2, 7], "pad_token_id": -1)");
  REQUIRE(five.ok());
  CHECK(five->rope_theta == 7000.0);
  CHECK(five->torch_dtype == "float16");
  CHECK(five->head_dim == 32);
  CHECK(five->eos_token_ids == std::vector<std::int32_t>{2, 7});
  CHECK(!five->pad_token_id);
}

TEST_CASE("what_would_change_the_arithmetic_is_refused_by_name") {
  CHECK(message("") == "read");
  CHECK(message(R"("attention_bias": false, "rope_scaling": null)") == "read");
  CHECK_THAT(message(R"("attention_bias": true)"), contains_text("attention_bias"));
  CHECK_THAT(message(R"("mlp_bias": true)"), contains_text("mlp_bias"));
  CHECK_THAT(message(R"("hidden_act": "gelu")"), contains_text("gelu"));
  CHECK_THAT(message(R"("rope_scaling": {"type": "linear", "factor": 2})"), contains_text("linear"));
  CHECK_THAT(message(R"("rope_scaling": {"rope_type": "llama3"})"), contains_text("llama3"));
  CHECK_THAT(message(R"("rope_parameters": {"rope_type": "yarn"})"), contains_text("yarn"));
  CHECK_THAT(message(R"("partial_rotary_factor": 0.5)"), contains_text("partial_rotary_factor"));
}

TEST_CASE("sizes_that_cannot_be_are_errors_that_name_the_key") {
  CHECK_THAT(message(R"("head_dim": 0)"), contains_text("head_dim"));
  CHECK_THAT(message(R"("head_dim": 15)"), contains_text("head_dim"));
  CHECK_THAT(message(R"("rms_norm_eps": 2)"), contains_text("rms_norm_eps"));
  CHECK_THAT(message(R"("rope_theta": 0)"), contains_text("rope_theta"));
  CHECK_THAT(message(R"("eos_token_id": 300)"), contains_text("eos_token_id"));
  CHECK_THAT(message(R"("bos_token_id": "x")"), contains_text("bos_token_id"));
  const auto with = [](const std::string& key, const std::string& value) {
    std::string text = "{" + kBase + "}";
    const std::size_t at = text.find(':', text.find('"' + key + '"')) + 1;
    text.replace(at, text.find_first_of(",}", at) - at, value);
    const auto config = config_from_json(text);
    return config ? std::string("read") : config.error().message;
  };
  for (const char* key : {"hidden_size", "num_hidden_layers", "num_attention_heads",
                          "intermediate_size", "vocab_size", "max_position_embeddings"})
    for (const char* value : {"0", "-1", "1e300", "9223372036854775807", "18446744073709551615",
                              "\"8\"", "[]", "null"}) {
      if (std::string_view(value) == "null" &&
          std::string_view(key) == "max_position_embeddings")
        continue;  // has a default
      INFO(key << " = " << value);
      CHECK_THAT(with(key, value), contains_text(key));
    }
  CHECK_THAT(with("num_key_value_heads", "3"), contains_text("num_key_value_heads"));
  CHECK(!config_from_json("[1, 2").ok());
  CHECK(!config_from_json(std::string(100000, '[')).ok());
}

TEST_CASE("the_tensors_of_an_architecture_are_listed_with_their_shapes") {
  const auto config = read("");
  REQUIRE(config.ok());
  const auto tensors = expected_tensors(*config);
  CHECK(tensors.size() == 2 * 9 + 3);
  const auto shape = [&](const std::string& name) {
    for (const TensorInfo& info : tensors)
      if (info.name == name) return info.shape;
    return std::vector<std::int64_t>{};
  };
  CHECK(shape("model.layers.1.self_attn.k_proj.weight") == std::vector<std::int64_t>{32, 64});
  CHECK(shape("model.layers.1.self_attn.o_proj.weight") == std::vector<std::int64_t>{64, 64});
  CHECK(shape("model.layers.0.mlp.down_proj.weight") == std::vector<std::int64_t>{64, 96});
  CHECK(shape("lm_head.weight") == std::vector<std::int64_t>{300, 64});
}
