// The small real model's tokenizer against what the PyPI package `tokenizers` gave.
#include "model/tokenizer/byte_level.hpp"
#include "schemas/base/rng.hpp"
#include "tests/catch.hpp"
#include "tests/model_tokenizer/expected.hpp"

using namespace troupe;
using namespace troupe::model;

namespace {

/// FNV-1a over 64-bit values; every list ends with 0xFFFFFFFF.
class Hash {
 public:
  template <class Values>
  void add(const Values& values) {
    for (const auto value : values) fold(static_cast<std::uint64_t>(value));
    fold(0xFFFFFFFFull);
  }
  std::uint64_t value() const { return value_; }

 private:
  void fold(std::uint64_t value) { value_ = (value_ ^ value) * 0x100000001B3ull; }
  std::uint64_t value_ = 0xCBF29CE484222325ull;
};

std::u32string code_points(const std::string& text) {
  std::u32string points;
  for (std::size_t i = 0; i < text.size(); ++i) {  // the byte-level alphabet is below U+0800
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) points.push_back(lead);
    else points.push_back(((lead & 0x1Fu) << 6) | (static_cast<unsigned char>(text[++i]) & 0x3Fu));
  }
  return points;
}

/// Groups of 20 strings whose hash, as `add` makes it of each string, is not the expected one.
template <class Add>
std::vector<std::size_t> groups_that_differ(const nlohmann::json& expected_hashes, Add add) {
  const auto rows = expected::lines("strings.jsonl");
  REQUIRE(rows.size() >= 12000);
  REQUIRE(expected_hashes.size() == (rows.size() + 19) / 20);
  std::vector<std::size_t> wrong;
  for (std::size_t group = 0; group < expected_hashes.size(); ++group) {
    Hash hash;
    for (std::size_t i = 20 * group; i < std::min(rows.size(), 20 * group + 20); ++i)
      add(rows[i].first, hash);
    const auto hex = expected_hashes[group].get<std::string>();
    if (hash.value() != std::stoull(hex, nullptr, 16)) wrong.push_back(group);
  }
  return wrong;
}

nlohmann::json expected_splits() {
  std::ifstream file(std::string(TROUPE_SOURCE_DIR) + "/tests/model_tokenizer/splits.json");
  return nlohmann::json::parse(file);
}

}  // namespace

TEST_CASE("ids_equal_the_reference_on_twelve_thousand_strings") {
  const auto tokenizer = expected::real_tokenizer();
  if (tokenizer == nullptr) return skip_test(kNoModel);
  const auto rows = expected::lines("strings.jsonl");
  REQUIRE(rows.size() >= 12000);
  std::size_t wrong = 0;
  for (const auto& [text, packed] : rows) {
    if (tokenizer->encode(text) == expected::unpack(packed)) continue;
    if (++wrong > 10) continue;
    INFO(text);
    CHECK(tokenizer->encode(text) == expected::unpack(packed));
  }
  CHECK(wrong == 0);
}

TEST_CASE("digits_are_split_one_by_one") {
  const auto tokenizer = expected::real_tokenizer();
  if (tokenizer == nullptr) return skip_test(kNoModel);
  CHECK(tokenizer->encode("a  12") == std::vector<Token>{81, 256, 33, 34});
}

TEST_CASE("every_pretokenizer_cuts_as_the_reference_does") {  // needs no model
  const auto hashes = expected_splits();
  for (const auto& [name, kind] :
       {std::pair("smollm", Pretokenizer::SmolLm), std::pair("gpt2", Pretokenizer::Gpt2),
        std::pair("llama3", Pretokenizer::Llama3), std::pair("qwen2", Pretokenizer::Qwen2)}) {
    INFO(name << ": groups of 20 lines of strings.jsonl that differ");
    CHECK(groups_that_differ(hashes[name], [&](const std::string& text, Hash& hash) {
            std::vector<std::string_view> pieces;
            split(kind, text, pieces);
            for (const auto piece : pieces) hash.add(code_points(to_byte_level(piece)));
          }).empty());
  }
}

TEST_CASE("unicode_normalisation_equals_the_reference") {
  const auto smollm = expected::real_tokenizer();
  if (smollm == nullptr) return skip_test(kNoModel);
  TokenizerData data = smollm->data();
  data.added.clear();
  data.pretokenizer = Pretokenizer::Qwen2;
  data.nfc = true;
  auto made = Tokenizer::make(std::move(data));
  REQUIRE(made.ok());
  CHECK(groups_that_differ(expected_splits()["qwen2 ids under nfc"],
                           [&](const std::string& text, Hash& hash) {
                             hash.add((*made)->encode(text));
                           })
            .empty());
}

TEST_CASE("special_tokens_are_parsed_only_when_asked_for") {
  const auto tokenizer = expected::real_tokenizer();
  if (tokenizer == nullptr) return skip_test(kNoModel);
  const auto rows = expected::lines("special.jsonl");
  REQUIRE(rows.size() == 300);
  for (const auto& [text, packed] : rows) {
    INFO(text);
    CHECK(tokenizer->encode_with_special(text) == expected::unpack(packed));
    for (const Token id : tokenizer->encode(text)) CHECK(!tokenizer->is_special(id));
  }
}

TEST_CASE("random_ids_decode_to_what_the_reference_gives") {
  const auto tokenizer = expected::real_tokenizer();
  if (tokenizer == nullptr) return skip_test(kNoModel);
  for (const auto& [packed, text] : expected::lines("decode.jsonl"))
    CHECK(tokenizer->decode(expected::unpack(packed)) == text);
}

TEST_CASE("what_was_encoded_decodes_to_itself_but_for_bytes_without_a_token") {
  const auto tokenizer = expected::real_tokenizer();
  if (tokenizer == nullptr) return skip_test(kNoModel);
  std::string covered, missing;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text(1, static_cast<char>(byte));
    (tokenizer->encode(text).empty() ? missing : covered) += text;
  }
  CHECK(missing.size() == 21);
  Rng rng(11);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes, kept;  // any bytes: mostly not valid UTF-8
    for (std::uint64_t i = rng.below(200); i > 0; --i) {
      bytes.push_back(static_cast<char>(rng.below(round % 3 == 0 ? 256 : 128)));
      if (missing.find(bytes.back()) == std::string::npos) kept.push_back(bytes.back());
    }
    REQUIRE(tokenizer->decode_bytes(tokenizer->encode(bytes)) == kept);
  }
}

TEST_CASE("the_real_tokenizer_knows_its_control_tokens") {
  const auto tokenizer = expected::real_tokenizer();
  if (tokenizer == nullptr) return skip_test(kNoModel);
  CHECK(tokenizer->vocab_size() == 49152);
  CHECK(tokenizer->id_of("<|im_start|>") == 1);
  CHECK(tokenizer->id_of("<|im_end|>") == 2);
  CHECK(tokenizer->id_of("no such token") == std::nullopt);
  CHECK(tokenizer->bos() == 1);
  CHECK(tokenizer->eos() == 2);
  CHECK(tokenizer->pad() == 2);
  CHECK(!tokenizer->adds_bos());
  CHECK(tokenizer->is_special(2));
  CHECK(!tokenizer->is_special(81));
  CHECK(tokenizer->token_to_piece(2) == "<|im_end|>");
  CHECK(tokenizer->token_to_piece(256) == "  ");
  CHECK(tokenizer->token_to_piece(-1).empty());
  CHECK(tokenizer->token_to_piece(49152).empty());
  CHECK(tokenizer->decode(std::vector<Token>{81, 2, 256, 99999999}, true) == "a  ");
  CHECK(tokenizer->chat_template().find("<|im_start|>system") != std::string::npos);
}
