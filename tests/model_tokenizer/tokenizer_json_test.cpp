// tokenizer.json made by hand: needs no model.
#include <nlohmann/json.hpp>

#include "model/formats/checkpoint_writer.hpp"
#include "model/tokenizer/byte_level.hpp"
#include "schemas/base/rng.hpp"
#include "tests/catch.hpp"
#include "tests/contains_text.hpp"

using namespace troupe;
using namespace troupe::model;
using Json = nlohmann::json;

namespace {

/// Bytes 'a'..'z', space, digits and newline; merges a+b, ab+c, space+a, 1+2; tokens <s> and </s>.
Json small() {
  Json vocab;
  int id = 0;
  for (const char c : std::string("abcdefghijklmnopqrstuvwxyz 0123456789\n'!"))
    vocab[byte_level_char(static_cast<unsigned char>(c))] = id++;
  const std::string space = byte_level_char(' ');
  vocab["ab"] = id++;         // 40
  vocab["abc"] = id++;        // 41
  vocab[space + "a"] = id++;  // 42
  vocab["12"] = id++;         // 43, <s> is 44
  Json json = {{"version", "1.0"},
               {"normalizer", nullptr},
               {"pre_tokenizer",
                {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
               {"post_processor", nullptr},
               {"decoder", {{"type", "ByteLevel"}}},
               {"model",
                {{"type", "BPE"},
                 {"vocab", vocab},
                 {"merges", {"a b", Json::array({"ab", "c"}), space + " a", "1 2"}}}}};
  json["added_tokens"] = {{{"id", id}, {"content", "<s>"}, {"special", true}},
                          {{"id", id + 1}, {"content", "</s>"}, {"special", true}},
                          {{"id", id + 2}, {"content", "zz"}, {"special", false}}};
  return json;
}

Result<std::shared_ptr<const Tokenizer>> make(const Json& json, const std::string& config = "") {
  TROUPE_ASSIGN(TokenizerData data, tokenizer_from_json(json.dump(), config));
  return Tokenizer::make(std::move(data));
}

std::string error_of(const Json& json) {
  const auto made = make(json);
  return made ? "made" : made.error().message;
}

}  // namespace

TEST_CASE("a_tokenizer_json_made_by_hand_encodes_and_decodes") {
  const auto made = make(small(), R"({"eos_token": {"content": "</s>"}, "bos_token": "<s>"})");
  REQUIRE(made.ok());
  const Tokenizer& t = **made;
  CHECK(t.encode("abcab") == std::vector<Token>{41, 40});
  CHECK(t.encode("b ab") == std::vector<Token>{1, 26, 40});  // "ab" is merged before " a"
  CHECK(t.encode("b ac") == std::vector<Token>{1, 42, 2});
  CHECK(t.encode("12") == std::vector<Token>{43});
  CHECK(t.encode("A\xff").empty());         // no token, no unknown token: vanishes
  CHECK(t.encode("<s>") == t.encode("s"));  // '<' and '>' have no token either
  CHECK(t.encode_with_special("<s>abc</s>") == std::vector<Token>{44, 41, 45});
  CHECK(t.encode("azza") == std::vector<Token>{0, 46, 0});  // added, but not special
  CHECK(t.eos() == 45);
  CHECK(t.bos() == 44);
  CHECK(t.decode(std::vector<Token>{44, 41, 45}) == "<s>abc</s>");
  CHECK(t.decode(std::vector<Token>{44, 41, 45}, true) == "abc");
}

TEST_CASE("plain_text_cannot_spell_a_special_token") {
  for (const bool ignore_merges : {false, true}) {
    Json json = small();
    json["model"]["ignore_merges"] = ignore_merges;
    json["added_tokens"].push_back({{"id", 41}, {"content", "abc"}, {"special", true}});  // a merge
    json["added_tokens"].push_back({{"id", 2}, {"content", "c"}, {"special", true}});     // a byte
    const auto made = make(json);
    REQUIRE(made.ok());
    CHECK((*made)->encode_with_special("abc") == std::vector<Token>{41});
    CHECK((*made)->encode("abc") == std::vector<Token>{40});
    CHECK((*made)->encode("ab") == std::vector<Token>{40});
  }
}

TEST_CASE("digits_before_byte_level_are_split") {
  Json json = small();
  json["pre_tokenizer"] = {
      {"type", "Sequence"},
      {"pretokenizers",
       {{{"type", "Digits"}, {"individual_digits", true}},
        {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}}}};
  const auto made = make(json);
  REQUIRE(made.ok());
  CHECK((*made)->encode("12") == std::vector<Token>{28, 29});
}

TEST_CASE("what_is_exported_reads_back_the_same") {
  for (const Pretokenizer kind : {Pretokenizer::Gpt2, Pretokenizer::SmolLm, Pretokenizer::Llama3,
                                  Pretokenizer::Qwen2}) {
    const auto made = make(small(), R"({"eos_token": "</s>", "bos_token": "<s>"})");
    REQUIRE(made.ok());
    TokenizerData data = (*made)->data();
    data.pretokenizer = kind;
    data.nfc = kind == Pretokenizer::Qwen2;
    data.ignore_merges = kind == Pretokenizer::Llama3;
    data.add_bos = kind == Pretokenizer::Llama3;
    data.chat_template = "{{ messages }}";
    ModelConfig config;
    config.max_position_embeddings = 77;
    const auto read =
        tokenizer_from_json(tokenizer_to_json(data), tokenizer_config_to_json(data, config));
    INFO((read.ok() ? "" : read.error().text()));
    REQUIRE(read.ok());
    CHECK(read->tokens == data.tokens);
    CHECK(read->merges == data.merges);
    CHECK(read->pretokenizer == data.pretokenizer);
    CHECK(read->nfc == data.nfc);
    CHECK(read->ignore_merges == data.ignore_merges);
    CHECK(read->add_bos == data.add_bos);
    CHECK(read->bos == data.bos);
    CHECK(read->eos == data.eos);
    CHECK(read->added.size() == data.added.size());
    CHECK(read->chat_template == data.chat_template);
  }
}

TEST_CASE("what_is_not_offered_is_named") {
  const auto with = [](const char* pointer, Json value) {
    Json json = small();
    json[Json::json_pointer(pointer)] = std::move(value);
    return error_of(json);
  };
  CHECK(error_of(small()) == "made");
  CHECK_THAT(with("/model/type", "Unigram"), contains_text("Unigram"));
  CHECK_THAT(with("/model/byte_fallback", true), contains_text("byte_fallback"));
  CHECK_THAT(with("/model/dropout", 0.1), contains_text("dropout"));
  CHECK_THAT(with("/normalizer", {{"type", "Lowercase"}}), contains_text("Lowercase"));
  CHECK_THAT(with("/pre_tokenizer", {{"type", "Whitespace"}}), contains_text("Whitespace"));
  CHECK_THAT(with("/pre_tokenizer/add_prefix_space", true), contains_text("add_prefix_space"));
  CHECK_THAT(with("/pre_tokenizer", nullptr), contains_text("no pre-tokenizer"));
  CHECK_THAT(with("/post_processor", {{"type", "BertProcessing"}}), contains_text("BertProcessing"));
  CHECK_THAT(with("/added_tokens/0/lstrip", true), contains_text("lstrip"));
  CHECK_THAT(with("/model/merges/0", "a q q"), contains_text("q q"));
  CHECK_THAT(with("/model/merges/0", "c a"), contains_text("ca"));
  CHECK_THAT(with("/model/vocab/b", 1 << 20), contains_text("far beyond"));
  CHECK_THAT(with("/model/vocab/b", -4), contains_text("'b'"));
}

TEST_CASE("a_damaged_tokenizer_json_never_crashes") {
  const std::string text = small().dump();
  Rng rng(4);
  int made = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string changed = text;
    for (std::uint64_t i = 1 + rng.below(3); i > 0; --i)
      changed[rng.below(changed.size())] = static_cast<char>(rng.below(256));
    if (round % 5 == 0) changed.resize(rng.below(changed.size()));
    auto data = tokenizer_from_json(changed, round % 2 == 0 ? changed : "");
    if (!data) continue;
    auto tokenizer = Tokenizer::make(std::move(*data));
    if (!tokenizer) continue;
    ++made;
    (void)(*tokenizer)->decode((*tokenizer)->encode_with_special("abc ab 12 <s>\xff" + changed));
  }
  CHECK(made > 0);
  CHECK(made < 4000);
}

TEST_CASE("invalid_utf8_is_replaced_as_unicode_recommends") {
  CHECK(valid_utf8("plain") == "plain");
  CHECK(valid_utf8("\xC3\xA9") == "\u00E9");
  CHECK(valid_utf8("a\xFFz") == "a\uFFFDz");
  CHECK(valid_utf8("\xF0\x9F\x98") == "\uFFFD");            // one cut character, one mark
  CHECK(valid_utf8("\xF0\x9F\x98x\xE2\x82") == "\uFFFDx\uFFFD");
  CHECK(valid_utf8("\xED\xA0\x80") == "\uFFFD\uFFFD\uFFFD");  // a surrogate
  CHECK(from_byte_level(to_byte_level(std::string("\0 \x80\xFF\n", 5))) ==
        std::string("\0 \x80\xFF\n", 5));
  CHECK(from_byte_level("a b") == std::nullopt);  // a space is not in the alphabet
}
