// The small real model's tokenizer against what the PyPI package `tokenizers` gave.
#include "schemas/base/rng.hpp"
#include "tests/catch.hpp"
#include "tests/model_tokenizer/expected.hpp"

using namespace troupe;
using namespace troupe::model;

namespace {

std::uint64_t fnv(std::uint64_t hash, const std::vector<Token>& ids) {
  const auto fold = [&](std::uint64_t value) { hash = (hash ^ value) * 0x100000001B3ull; };
  for (const Token id : ids) fold(static_cast<std::uint64_t>(id));
  fold(0xFFFFFFFFull);
  return hash;
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

TEST_CASE("other_splits_equal_the_reference") {
  const auto smollm = expected::real_tokenizer();
  if (smollm == nullptr) return skip_test(kNoModel);
  std::ifstream file(std::string(TROUPE_SOURCE_DIR) +
                     "/tests/model_tokenizer/other_splits.json");
  const auto hashes = nlohmann::json::parse(file);
  const auto rows = expected::lines("strings.jsonl");
  for (const auto& [name, kind, nfc] :
       {std::tuple("gpt2", Pretokenizer::Gpt2, false),
        std::tuple("llama3", Pretokenizer::Llama3, false),
        std::tuple("qwen2", Pretokenizer::Qwen2, true)}) {
    TokenizerData data = smollm->data();
    data.added.clear();
    data.pretokenizer = kind;
    data.nfc = nfc;
    auto made = Tokenizer::make(std::move(data));
    REQUIRE(made.ok());
    REQUIRE(hashes[name].size() == (rows.size() + 19) / 20);
    std::vector<std::size_t> wrong;
    for (std::size_t group = 0; group < hashes[name].size(); ++group) {
      std::uint64_t hash = 0xCBF29CE484222325ull;
      for (std::size_t i = 20 * group; i < std::min(rows.size(), 20 * group + 20); ++i)
        hash = fnv(hash, (*made)->encode(rows[i].first));
      const auto hex = hashes[name][group].get<std::string>();
      if (hash != std::stoull(hex, nullptr, 16)) wrong.push_back(group);
    }
    INFO(name << ": groups of 20 lines of strings.jsonl that differ");
    CHECK(wrong == std::vector<std::size_t>{});
  }
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
