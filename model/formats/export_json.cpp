// The JSON files of a Hugging Face folder, declared in checkpoint_writer.hpp.
#include <nlohmann/json.hpp>

#include "model/formats/checkpoint_writer.hpp"

namespace troupe::model {
namespace {

using Ordered = nlohmann::ordered_json;

/// Never throws: what is not UTF-8 in a file we read becomes U+FFFD.
std::string text_of(const Ordered& json, int indent) {
  return json.dump(indent, ' ', false, Ordered::error_handler_t::replace) + "\n";
}

Ordered byte_level(bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", true},
          {"use_regex", use_regex}};
}

Ordered pre_tokenizer(Pretokenizer kind) {
  if (kind == Pretokenizer::Gpt2) return byte_level(true);
  Ordered parts = Ordered::array();
  if (kind == Pretokenizer::SmolLm) {
    parts.push_back({{"type", "Digits"}, {"individual_digits", true}});
    parts.push_back(byte_level(true));
  } else {
    parts.push_back({{"type", "Split"},
                     {"pattern", {{"Regex", pattern_of(kind)}}},
                     {"behavior", "Isolated"},
                     {"invert", false}});
    parts.push_back(byte_level(false));
  }
  return {{"type", "Sequence"}, {"pretokenizers", parts}};
}

/// Puts bos in front of a text.
Ordered post_processor(const TokenizerData& data) {
  if (!data.add_bos || !data.bos) return byte_level(true);
  const std::string& bos = data.tokens[static_cast<std::size_t>(*data.bos)];
  const Ordered special = {{"SpecialToken", {{"id", bos}, {"type_id", 0}}}};
  const auto sequence = [](const char* id, int type) {
    return Ordered{{"Sequence", {{"id", id}, {"type_id", type}}}};
  };
  return {{"type", "TemplateProcessing"},
          {"single", Ordered::array({special, sequence("A", 0)})},
          {"pair", Ordered::array({special, sequence("A", 0), sequence("B", 1)})},
          {"special_tokens",
           {{bos,
             {{"id", bos},
              {"ids", Ordered::array({*data.bos})},
              {"tokens", Ordered::array({bos})}}}}}};
}

Ordered bpe_model(const TokenizerData& data) {
  Ordered vocab = Ordered::object();
  // ordered_json searches its keys one by one on operator[]; ids are unique, so push is enough.
  auto& items = vocab.get_ref<Ordered::object_t&>();
  items.reserve(data.tokens.size());
  for (std::size_t id = 0; id < data.tokens.size(); ++id)
    if (!data.tokens[id].empty()) items.push_back({data.tokens[id], id});
  Ordered merges = Ordered::array();
  for (const auto& [left, right] : data.merges)
    merges.push_back(data.tokens[static_cast<std::size_t>(left)] + " " +
                     data.tokens[static_cast<std::size_t>(right)]);
  Ordered unknown = nullptr;
  if (data.unknown) unknown = data.tokens[static_cast<std::size_t>(*data.unknown)];
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", unknown},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", false},
          {"byte_fallback", false},
          {"ignore_merges", data.ignore_merges},
          {"vocab", std::move(vocab)},
          {"merges", std::move(merges)}};
}

}  // namespace

std::string generation_config_to_json(const ModelConfig& config) {
  Ordered json = {{"_from_model_config", true}};
  if (config.bos_token_id) json["bos_token_id"] = *config.bos_token_id;
  if (config.eos_token_ids.size() == 1) json["eos_token_id"] = config.eos_token_ids.front();
  if (config.eos_token_ids.size() > 1) json["eos_token_id"] = config.eos_token_ids;
  if (config.pad_token_id) json["pad_token_id"] = *config.pad_token_id;
  return text_of(json, 2);
}

std::string tokenizer_to_json(const TokenizerData& data) {
  Ordered added = Ordered::array();
  for (const AddedToken& token : data.added)
    added.push_back({{"id", token.id},
                     {"content", token.content},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", token.special}});
  const Ordered json = {{"version", "1.0"},
                        {"truncation", nullptr},
                        {"padding", nullptr},
                        {"added_tokens", std::move(added)},
                        {"normalizer", data.nfc ? Ordered{{"type", "NFC"}} : Ordered(nullptr)},
                        {"pre_tokenizer", pre_tokenizer(data.pretokenizer)},
                        {"post_processor", post_processor(data)},
                        {"decoder", byte_level(true)},
                        {"model", bpe_model(data)}};
  return text_of(json, 1);
}

std::string tokenizer_config_to_json(const TokenizerData& data, const ModelConfig& config) {
  // PreTrainedTokenizerFast takes tokenizer.json as it is; the classes of model families rebuild
  // their pre-tokenizer and would lose SmolLM2's digits.
  Ordered json = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                  {"add_prefix_space", false},
                  {"clean_up_tokenization_spaces", false},
                  {"model_max_length", config.max_position_embeddings}};
  const auto name = [&](const char* key, std::optional<std::int32_t> id) {
    if (id) json[key] = data.tokens[static_cast<std::size_t>(*id)];
  };
  name("bos_token", data.bos);
  name("eos_token", data.eos);
  name("pad_token", data.pad);
  if (!data.chat_template.empty()) json["chat_template"] = data.chat_template;
  return text_of(json, 2);
}

}  // namespace troupe::model
