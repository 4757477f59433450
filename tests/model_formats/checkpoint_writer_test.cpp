#include "model/formats/checkpoint_writer.hpp"

#include <algorithm>
#include <cmath>

#include "model/formats/checkpoint.hpp"
#include "model/tokenizer/byte_level.hpp"
#include "schemas/base/rng.hpp"
#include "tests/catch.hpp"
#include "tests/model_formats/full_disk.hpp"
#include "tests/model_formats/model_file.hpp"
#include "tests/model_formats/temporary_folder.hpp"

using namespace troupe;
using namespace troupe::model;
namespace fs = std::filesystem;

namespace {

ModelConfig tiny_config() {
  ModelConfig c;
  c.hidden_size = 8;
  c.num_hidden_layers = 2;
  c.num_attention_heads = 2;
  c.num_key_value_heads = 1;
  c.head_dim = 4;
  c.intermediate_size = 12;
  c.vocab_size = 256;
  c.max_position_embeddings = 64;
  c.rope_theta = 5e5;
  c.rms_norm_eps = 1e-6;
  c.bos_token_id = 1;
  c.eos_token_ids = {2, 3};
  c.pad_token_id = 0;
  return c;
}

/// 256 byte tokens and no merges.
std::shared_ptr<const Tokenizer> tiny_tokenizer() {
  TokenizerData data;
  for (int byte = 0; byte < 256; ++byte)
    data.tokens.push_back(byte_level_char(static_cast<unsigned char>(byte)));
  data.added = {{2, data.tokens[2], true}};
  data.eos = 2;
  auto made = Tokenizer::make(std::move(data));
  REQUIRE(made.ok());
  return *made;
}

std::vector<float> values_for(const TensorInfo& info) {
  Rng rng(std::hash<std::string>{}(info.name));
  std::vector<float> values(static_cast<std::size_t>(info.elements()));
  for (float& value : values) value = static_cast<float>(rng.uniform() - 0.5);
  return values;
}

Result<void> write_tiny(Disk& disk, const fs::path& folder, const ModelConfig& config,
                        Dtype dtype) {
  const auto tokenizer = tiny_tokenizer();
  TROUPE_ASSIGN(auto writer, CheckpointWriter::create(disk, folder, config, *tokenizer, dtype));
  for (const TensorInfo& info : writer.tensors())
    TROUPE_TRY(writer.write_f32(info.name, values_for(info)));
  return writer.finish();
}

}  // namespace

TEST_CASE("a_written_checkpoint_reads_back_equal") {
  for (const bool tied : {false, true}) {
    for (const Dtype dtype : {Dtype::F32, Dtype::BF16}) {
      const TemporaryFolder temporary;
      ModelConfig config = tiny_config();
      config.tie_word_embeddings = tied;
      const fs::path folder = temporary.path() / "model";
      REQUIRE(write_tiny(real_disk(), folder, config, dtype).ok());
      auto read = open_checkpoint(folder);
      INFO((read.ok() ? "" : read.error().text()));
      REQUIRE(read.ok());
      const ModelConfig& c = (*read)->config();
      CHECK(c.hidden_size == 8);
      CHECK(c.head_dim == 4);
      CHECK(c.num_key_value_heads == 1);
      CHECK(c.rope_theta == 5e5);
      CHECK(c.rms_norm_eps == 1e-6);
      CHECK(c.tie_word_embeddings == tied);
      CHECK(c.bos_token_id == 1);
      CHECK(c.pad_token_id == 0);
      CHECK(c.eos_token_ids == std::vector<std::int32_t>{2, 3});
      CHECK(c.torch_dtype == (dtype == Dtype::F32 ? "float32" : "bfloat16"));
      CHECK(((*read)->find("lm_head.weight") == nullptr) == tied);
      for (const TensorInfo& info : (*read)->tensors()) {
        CHECK(info.dtype == dtype);
        std::vector<float> found(static_cast<std::size_t>(info.elements()));
        REQUIRE((*read)->read_f32(info.name, found).ok());
        std::vector<float> wanted = values_for(info);
        if (dtype == Dtype::BF16)
          for (float& value : wanted) value = bf16_to_f32(f32_to_bf16(value));
        CHECK(found == wanted);
        CHECK((*read)->raw(info.name).size() ==
              found.size() * (dtype == Dtype::F32 ? 4u : 2u));
      }
    }
  }
}

TEST_CASE("a_folder_that_exists_is_not_overwritten") {
  const TemporaryFolder temporary;
  const auto written = write_tiny(real_disk(), temporary.path(), tiny_config(), Dtype::F32);
  REQUIRE(!written.ok());
  CHECK(written.error().code == ErrorCode::Conflict);
}

TEST_CASE("tensors_in_the_wrong_order_or_size_are_refused") {
  const TemporaryFolder temporary;
  const auto tokenizer = tiny_tokenizer();
  auto writer = CheckpointWriter::create(real_disk(), temporary.path() / "m", tiny_config(),
                                         *tokenizer, Dtype::BF16);
  REQUIRE(writer.ok());
  CHECK(!writer->write_f32("model.norm.weight", std::vector<float>(8)).ok());
  CHECK(!writer->write_f32("model.embed_tokens.weight", std::vector<float>(8)).ok());
  CHECK(!writer->write("model.embed_tokens.weight", {}).ok());
  CHECK(!writer->finish().ok());
}

TEST_CASE("a_full_disk_is_an_error_wherever_it_happens") {
  std::uint64_t needed = 0;
  {
    const TemporaryFolder temporary;
    FullDisk disk(UINT64_MAX);
    REQUIRE(write_tiny(disk, temporary.path() / "m", tiny_config(), Dtype::BF16).ok());
    needed = disk.written();
  }
  REQUIRE(needed > 5000);
  for (std::uint64_t room = 0; room < needed; room += needed / 40) {
    const TemporaryFolder temporary;
    FullDisk disk(room);
    const auto written = write_tiny(disk, temporary.path() / "m", tiny_config(), Dtype::BF16);
    REQUIRE(!written.ok());
    CHECK(written.error().code == ErrorCode::DiskFull);
    CHECK(!open_checkpoint(temporary.path() / "m").ok());
  }
}

// With TROUPE_KEEP_CHECKPOINT=FOLDER the folder stays, for check_with_transformers.py.
TEST_CASE("the_small_real_model_survives_being_written_in_bf16") {
  if (model_file().empty()) return skip_test(kNoModel);
  const TemporaryFolder temporary;
  const char* keep = std::getenv("TROUPE_KEEP_CHECKPOINT");
  const fs::path folder = keep != nullptr ? fs::path(keep) : temporary.path() / "model";
  auto original = open_checkpoint(model_file());
  auto tokenizer = Tokenizer::open(model_file());
  REQUIRE(original.ok());
  REQUIRE(tokenizer.ok());
  auto writer = CheckpointWriter::create(real_disk(), folder, (*original)->config(), **tokenizer,
                                         Dtype::BF16);
  REQUIRE(writer.ok());
  std::vector<float> values, found;
  for (const TensorInfo& info : writer->tensors()) {
    values.resize(static_cast<std::size_t>(info.elements()));
    REQUIRE((*original)->read_f32(info.name, values).ok());
    REQUIRE(writer->write_f32(info.name, values).ok());
  }
  REQUIRE(writer->finish().ok());

  auto copy = open_checkpoint(folder);
  REQUIRE(copy.ok());
  CHECK((*copy)->config().rope_theta == (*original)->config().rope_theta);
  CHECK((*copy)->config().rms_norm_eps == Approx((*original)->config().rms_norm_eps));
  REQUIRE((*copy)->tensors().size() == (*original)->tensors().size());
  for (const TensorInfo& info : (*copy)->tensors()) {
    values.resize(static_cast<std::size_t>(info.elements()));
    found.resize(values.size());
    REQUIRE((*original)->read_f32(info.name, values).ok());
    REQUIRE((*copy)->read_f32(info.name, found).ok());
    for (float& value : values) value = bf16_to_f32(f32_to_bf16(value));
    CHECK(found == values);
  }

  auto exported = Tokenizer::open(folder);
  INFO((exported.ok() ? "" : exported.error().text()));
  REQUIRE(exported.ok());
  const TokenizerData &a = (*tokenizer)->data(), &b = (*exported)->data();
  CHECK(a.tokens == b.tokens);
  CHECK(a.merges == b.merges);
  CHECK(a.pretokenizer == b.pretokenizer);
  CHECK(a.added.size() == b.added.size());
  CHECK(a.bos == b.bos);
  CHECK(a.eos == b.eos);
  CHECK(a.pad == b.pad);
  CHECK(a.chat_template == b.chat_template);
  CHECK((*exported)->encode("a  12") == std::vector<Token>{81, 256, 33, 34});
}
