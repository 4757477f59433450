// Damaged and hostile files: an error or a file that reads, never a crash or a huge allocation.
#include <nlohmann/json.hpp>

#include "model/formats/checkpoint.hpp"
#include "model/formats/gguf_checkpoint.hpp"
#include "model/tokenizer/tokenizer.hpp"
#include "schemas/base/rng.hpp"
#include "tests/catch.hpp"
#include "tests/contains_text.hpp"
#include "tests/model_formats/synthetic.hpp"
#include "tests/model_formats/temporary_folder.hpp"

using namespace troupe;
using namespace troupe::model;
namespace fs = std::filesystem;

namespace {

/// Reads everything that opening promises can be read. True when the file opened.
bool use_all(const fs::path& path, std::uint64_t file_bytes) {
  auto opened = open_checkpoint(path);
  if (!opened) {
    REQUIRE(!opened.error().message.empty());
    REQUIRE(!opened.error().help.empty());
    return false;
  }
  std::uint64_t elements = 0;
  for (const TensorInfo& info : (*opened)->tensors()) {
    elements += static_cast<std::uint64_t>(info.elements());
    REQUIRE(elements <= 2 * file_bytes);  // Q4_0 has 32 elements in 18 bytes
    std::vector<float> values(static_cast<std::size_t>(info.elements()));
    const auto read = (*opened)->read_f32(info.name, values);
    if (!read) REQUIRE(!read.error().message.empty());
  }
  for (const TensorInfo& wanted : expected_tensors((*opened)->config())) {
    std::vector<float> values(static_cast<std::size_t>(wanted.elements()));
    REQUIRE((*opened)->read_f32(wanted.name, values).ok());
  }
  return true;
}

void use_tokenizer(const fs::path& path) {
  auto opened = Tokenizer::open(path);
  if (!opened) return;
  const auto ids = (*opened)->encode("abab1 <|e|> xyz \xff\xc3");
  (void)(*opened)->decode((*opened)->encode_with_special("ab<|e|>1"));
  (void)(*opened)->decode(ids);
}

std::string flipped(std::string bytes, Rng& rng, std::size_t within) {
  for (std::uint64_t i = 1 + rng.below(4); i > 0; --i) {
    const std::size_t at = static_cast<std::size_t>(rng.below(within));
    switch (rng.below(4)) {
      case 0: bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng.below(8))); break;
      case 1: bytes[at] = static_cast<char>(rng.below(256)); break;
      case 2: bytes[at] = static_cast<char>(0xFF); break;
      default:  // a whole number at once
        for (std::size_t j = at; j < std::min(at + 8, bytes.size()); ++j)
          bytes[j] = static_cast<char>(j == at + 7 ? 0x7F : 0xFF);
    }
  }
  return bytes;
}

/// The tiny model as safetensors: every tensor in F32 or BF16 alternately.
std::string tiny_safetensors(const ModelConfig& config) {
  nlohmann::ordered_json header;
  std::uint64_t offset = 0;
  bool wide = true;
  for (const TensorInfo& info : expected_tensors(config)) {
    const std::uint64_t end = offset + static_cast<std::uint64_t>(info.elements()) * (wide ? 4 : 2);
    header[info.name] = {{"dtype", wide ? "F32" : "BF16"},
                         {"shape", info.shape},
                         {"data_offsets", {offset, end}}};
    offset = end;
    wide = !wide;
  }
  const std::string text = header.dump();
  const std::uint64_t size = text.size();
  std::string file(reinterpret_cast<const char*>(&size), 8);
  return file + text + std::string(offset, '\x3C');
}

ModelConfig tiny_config() {
  const TemporaryFolder temporary;
  synthetic::write_file(temporary.path() / "m.gguf", synthetic::tiny_llama().bytes());
  auto opened = open_checkpoint(temporary.path() / "m.gguf");
  INFO((opened.ok() ? "" : opened.error().text()));
  REQUIRE(opened.ok());
  return (*opened)->config();
}

}  // namespace

TEST_CASE("a_small_gguf_made_by_hand_opens") {
  const TemporaryFolder temporary;
  const std::string bytes = synthetic::tiny_llama().bytes();
  synthetic::write_file(temporary.path() / "m.gguf", bytes);
  CHECK(use_all(temporary.path() / "m.gguf", bytes.size()));
  CHECK(use_all(temporary.path(), bytes.size()));  // the folder that holds just it
  auto tokenizer = Tokenizer::open(temporary.path() / "m.gguf");
  REQUIRE(tokenizer.ok());
  CHECK((*tokenizer)->encode("abba1") == std::vector<Token>{3, 2, 1, 4});
}

TEST_CASE("a_gguf_cut_anywhere_is_an_error") {
  const TemporaryFolder temporary;
  const fs::path path = temporary.path() / "m.gguf";
  const std::string bytes = synthetic::tiny_llama().bytes();
  for (std::size_t size = 0; size + 32 < bytes.size(); size += size < 2000 ? 1 : 29) {
    synthetic::write_file(path, std::string_view(bytes).substr(0, size));
    INFO("cut to " << size << " of " << bytes.size());
    REQUIRE(!use_all(path, size));
    use_tokenizer(path);
  }
}

TEST_CASE("flipped_bytes_in_a_gguf_never_crash") {
  const TemporaryFolder temporary;
  const fs::path path = temporary.path() / "m.gguf";
  const std::string bytes = synthetic::tiny_llama().bytes();
  Rng rng(1);
  int opened = 0;
  for (int round = 0; round < 6000; ++round) {
    synthetic::write_file(path, flipped(bytes, rng, 1900));  // the header: data has no structure
    opened += use_all(path, bytes.size()) ? 1 : 0;
    use_tokenizer(path);
  }
  CHECK(opened > 0);
  CHECK(opened < 6000);
}

TEST_CASE("a_gguf_that_claims_too_much_is_an_error_that_names_what") {
  const TemporaryFolder temporary;
  const fs::path path = temporary.path() / "m.gguf";
  const auto message = [&](const synthetic::Gguf& file) {
    synthetic::write_file(path, file.bytes());
    auto opened = open_checkpoint(path);
    return opened ? std::string("opened") : opened.error().message;
  };
  CHECK_THAT(message(synthetic::tiny_llama().tensor("big", {1u << 30, 1u << 30}, 0, 4)),
             contains_text("big") && contains_text("dimension"));
  CHECK_THAT(message(synthetic::tiny_llama().tensor("far", {1u << 20}, 0, 4)),
             contains_text("far") && contains_text("fit"));
  CHECK_THAT(message(synthetic::tiny_llama().tensor("odd", {33}, 8, 68)), contains_text("odd"));
  CHECK_THAT(message(synthetic::tiny_llama().tensor("none", {0, 4}, 0, 0)), contains_text("none"));
  CHECK_THAT(message(synthetic::tiny_llama().tensor("new", {256}, 13, 176)),
             contains_text("new") && contains_text("13"));
  CHECK_THAT(message(synthetic::tiny_llama().tensor("token_embd.weight", {5, 32}, 0, 640)),
             contains_text("token_embd.weight") && contains_text("twice"));
  CHECK_THAT(message(synthetic::tiny_llama().u32("llama.block_count", 2)), contains_text("twice"));
  CHECK_THAT(message(synthetic::tiny_llama().key("long", 9).raw<std::uint32_t>(8).raw(~0ull)),
             contains_text("'long'"));
  CHECK_THAT(message(synthetic::tiny_llama().key("nested", 9).raw<std::uint32_t>(9).raw(1ull)),
             contains_text("'nested'"));
  CHECK_THAT(message(synthetic::tiny_llama().f32("llama.expert_count", 2)),
             contains_text("llama.expert_count"));
  CHECK_THAT(message(synthetic::tiny_llama().str("llama.rope.scaling.type", "yarn")),
             contains_text("yarn"));
  CHECK_THAT(message(synthetic::tiny_llama().tensor("blk.0.attn_q.bias", {32}, 0, 128)),
             contains_text("bias"));
  CHECK_THAT(message(synthetic::Gguf().str("general.architecture", "mamba")), contains_text("mamba"));
}

TEST_CASE("an_unknown_architecture_names_the_supported_ones") {
  const TemporaryFolder temporary;
  synthetic::write_file(temporary.path() / "config.json", R"({"model_type": "mamba"})");
  auto opened = open_checkpoint(temporary.path());
  REQUIRE(!opened.ok());
  CHECK(opened.error().code == ErrorCode::Unsupported);
  CHECK(opened.error().message.find("mamba") != std::string::npos);
  CHECK(opened.error().help.find("llama") != std::string::npos);
}

TEST_CASE("safetensors_cut_or_flipped_never_crash") {
  const TemporaryFolder temporary;
  const fs::path path = temporary.path() / "model.safetensors";
  const ModelConfig config = tiny_config();
  synthetic::write_file(temporary.path() / "config.json", config_to_json(config));
  const std::string bytes = tiny_safetensors(config);
  synthetic::write_file(path, bytes);
  REQUIRE(use_all(temporary.path(), bytes.size()));
  for (std::size_t size = 0; size < bytes.size(); size += size < 1500 ? 3 : 61) {
    synthetic::write_file(path, std::string_view(bytes).substr(0, size));
    REQUIRE(!use_all(temporary.path(), size));
  }
  Rng rng(2);
  int opened = 0;
  for (int round = 0; round < 4000; ++round) {
    synthetic::write_file(path, flipped(bytes, rng, 1400));
    opened += use_all(temporary.path(), bytes.size()) ? 1 : 0;
  }
  CHECK(opened < 4000);
}

TEST_CASE("flipped_bytes_in_config_json_never_crash") {
  const TemporaryFolder temporary;
  const ModelConfig config = tiny_config();
  const std::string tensors = tiny_safetensors(config), text = config_to_json(config);
  synthetic::write_file(temporary.path() / "model.safetensors", tensors);
  Rng rng(3);
  int opened = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string changed = flipped(text, rng, text.size());
    if (round % 3 == 0) {  // still JSON, but with other numbers
      changed = text;
      for (int i = 0; i < 3; ++i) {
        const std::size_t at = changed.find_first_of("0123456789", rng.below(changed.size()));
        if (at != std::string::npos) changed[at] = static_cast<char>('0' + rng.below(10));
      }
    }
    synthetic::write_file(temporary.path() / "config.json", changed);
    opened += use_all(temporary.path(), tensors.size()) ? 1 : 0;
  }
  CHECK(opened > 0);
  CHECK(opened < 3000);
}

TEST_CASE("an_index_that_leaves_the_folder_is_refused") {
  const TemporaryFolder temporary;
  const ModelConfig config = tiny_config();
  synthetic::write_file(temporary.path() / "config.json", config_to_json(config));
  for (const char* name : {"../m.safetensors", "/etc/m.safetensors", "a/b.safetensors", "passwd"}) {
    synthetic::write_file(temporary.path() / "model.safetensors.index.json",
                          nlohmann::json{{"weight_map", {{"model.norm.weight", name}}}}.dump());
    auto opened = open_checkpoint(temporary.path());
    REQUIRE(!opened.ok());
    CHECK(opened.error().message.find("outside the folder") != std::string::npos);
  }
}

TEST_CASE("a_sharded_checkpoint_opens_as_one") {
  const TemporaryFolder temporary;
  const ModelConfig config = tiny_config();
  synthetic::write_file(temporary.path() / "config.json", config_to_json(config));
  nlohmann::json map;
  int shard = 0;
  for (const TensorInfo& info : expected_tensors(config)) {
    const std::string name = "model-" + std::to_string(++shard) + ".safetensors";
    const std::uint64_t bytes = static_cast<std::uint64_t>(info.elements()) * 4;
    const std::string header =
        nlohmann::json{{info.name,
                        {{"dtype", "F32"}, {"shape", info.shape}, {"data_offsets", {0, bytes}}}}}
            .dump();
    const std::uint64_t size = header.size();
    synthetic::write_file(temporary.path() / name,
                          std::string(reinterpret_cast<const char*>(&size), 8) + header +
                              std::string(bytes, '\x3C'));
    map[info.name] = name;
  }
  synthetic::write_file(temporary.path() / "model.safetensors.index.json",
                        nlohmann::json{{"weight_map", map}}.dump());
  CHECK(use_all(temporary.path(), 1u << 20));
  fs::remove(temporary.path() / "model-3.safetensors");
  auto opened = open_checkpoint(temporary.path());
  REQUIRE(!opened.ok());
  CHECK(opened.error().message.find("model-3.safetensors") != std::string::npos);
}

TEST_CASE("what_is_no_model_says_what_to_give_instead") {
  const TemporaryFolder temporary;
  for (const fs::path& path : {temporary.path(), temporary.path() / "missing.gguf"}) {
    auto opened = open_checkpoint(path);
    REQUIRE(!opened.ok());
    CHECK(opened.error().code == ErrorCode::NotFound);
    CHECK(opened.error().text().find(".gguf file or a folder") != std::string::npos);
  }
}
