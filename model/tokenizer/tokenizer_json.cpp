// tokenizer_from_json: tokenizer.json of the PyPI package `tokenizers` (byte-level BPE only) and
// tokenizer_config.json of `transformers`.
#include <algorithm>
#include <unordered_map>

#include "model/formats/json.hpp"
#include "model/tokenizer/tokenizer_data.hpp"

namespace troupe::model {
namespace {

Error corrupt(std::string message) {
  return Error{ErrorCode::Corrupt, std::move(message),
               "Use the files as their model's author published them"};
}

Error unsupported(std::string what) {
  return Error{ErrorCode::Unsupported, "tokenizer.json: " + what + " is not offered",
               "Offered is byte-level BPE with the splits of GPT-2, SmolLM2, Qwen2 and Llama 3: "
               "choose another model"};
}

std::string type_of(const Json& part) {
  const Json* type = optional_field(part, "type");
  return type != nullptr && type->is_string() ? type->get<std::string>() : "(none)";
}

/// True when the field is missing, null, false, or an empty string.
bool is_off(const Json& object, const char* key) {
  const Json* field = optional_field(object, key);
  return field == nullptr || *field == false || *field == "";
}

/// The parts of a "Sequence" (under `key`), or the part itself; none for null.
std::vector<Json> parts_of(const Json* part, const char* key) {
  if (part == nullptr) return {};
  if (type_of(*part) != "Sequence") return {*part};
  const Json* list = optional_field(*part, key);
  if (list == nullptr || !list->is_array()) return {Json::object()};
  return {list->begin(), list->end()};
}

Result<void> check_byte_level(const Json& part, bool regex) {
  TROUPE_ASSIGN(const bool prefix, bool_field(part, "add_prefix_space", true));
  if (prefix) return unsupported("ByteLevel with add_prefix_space");
  TROUPE_ASSIGN(const bool use_regex, bool_field(part, "use_regex", true));
  if (use_regex != regex) return unsupported("this combination of Split and ByteLevel");
  return {};
}

Result<Pretokenizer> read_split(const Json& part) {
  const Json* pattern = optional_field(part, "pattern");
  const Json* regex = pattern == nullptr ? nullptr : optional_field(*pattern, "Regex");
  TROUPE_ASSIGN(const std::string behavior, string_field(part, "behavior", "Isolated"));
  if (regex == nullptr || !regex->is_string() || behavior != "Isolated" || !is_off(part, "invert"))
    return unsupported("a Split other than by an isolated regular expression");
  for (const Pretokenizer kind : {Pretokenizer::Gpt2, Pretokenizer::Llama3, Pretokenizer::Qwen2})
    if (regex->get<std::string>() == pattern_of(kind)) return kind;
  return unsupported("the pattern '" + regex->get<std::string>() + "'");
}

Result<Pretokenizer> read_pretokenizer(const Json& root) {
  const auto parts = parts_of(optional_field(root, "pre_tokenizer"), "pretokenizers");
  if (parts.empty()) return unsupported("no pre-tokenizer");
  if (type_of(parts.back()) != "ByteLevel")
    return unsupported("the pre-tokenizer '" + type_of(parts.back()) + "' at the end");
  if (parts.size() > 2) return unsupported("a sequence of more than two pre-tokenizers");
  const std::string first = type_of(parts.front());
  if (parts.size() == 1) {
    TROUPE_TRY(check_byte_level(parts.back(), true));
    return Pretokenizer::Gpt2;
  }
  if (first == "Digits") {
    if (is_off(parts.front(), "individual_digits")) return unsupported("Digits in groups");
    TROUPE_TRY(check_byte_level(parts.back(), true));
    return Pretokenizer::SmolLm;
  }
  if (first == "Split") {
    TROUPE_TRY(check_byte_level(parts.back(), false));
    return read_split(parts.front());
  }
  return unsupported("the pre-tokenizer '" + first + "'");
}

Result<std::int32_t> id_value(const Json& value, const std::string& of) {
  if (!value.is_number_integer() || value < 0 || value > (1 << 24))
    return corrupt("tokenizer.json: the id of '" + of + "' is not a token id");
  return value.get<std::int32_t>();
}

/// Grows `tokens` so that `id` exists. Ids may have gaps, but not absurd ones.
Result<void> put_token(TokenizerData& data, std::size_t count, std::int32_t id, std::string text) {
  const auto index = static_cast<std::size_t>(id);
  if (index >= 2 * count + 1024)
    return corrupt("tokenizer.json: id " + std::to_string(id) + " is far beyond the vocabulary");
  if (index >= data.tokens.size()) data.tokens.resize(index + 1);
  data.tokens[index] = std::move(text);
  return {};
}

Result<void> read_merges(const Json& model, TokenizerData& data) {
  std::unordered_map<std::string_view, std::int32_t> ids;
  for (std::size_t id = 0; id < data.tokens.size(); ++id)
    ids.emplace(data.tokens[id], static_cast<std::int32_t>(id));
  const Json* merges = optional_field(model, "merges");
  if (merges == nullptr || !merges->is_array()) return corrupt("tokenizer.json: no merges");
  for (const Json& merge : *merges) {
    std::string left, right;
    if (merge.is_string()) {  // before tokenizers 0.20
      const auto text = merge.get<std::string>();
      const std::size_t space = text.find(' ');
      if (space == std::string::npos) return corrupt("tokenizer.json: merge '" + text + "'");
      left = text.substr(0, space);
      right = text.substr(space + 1);
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
               merge[1].is_string()) {
      left = merge[0].get<std::string>();
      right = merge[1].get<std::string>();
    } else {
      return corrupt("tokenizer.json: a merge is neither 'a b' nor [a, b]");
    }
    const auto a = ids.find(left), b = ids.find(right);
    if (a == ids.end() || b == ids.end())
      return corrupt("tokenizer.json: merge of '" + left + "' and '" + right +
                     "', which are not both tokens");
    data.merges.emplace_back(a->second, b->second);
  }
  return {};
}

Result<void> read_model(const Json& root, TokenizerData& data) {
  const Json* model = optional_field(root, "model");
  if (model == nullptr || type_of(*model) != "BPE")
    return unsupported("the model '" + (model == nullptr ? "(none)" : type_of(*model)) + "'");
  for (const char* key :
       {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback", "fuse_unk"})
    if (!is_off(*model, key)) return unsupported(std::string("'") + key + "'");
  TROUPE_ASSIGN(data.ignore_merges, bool_field(*model, "ignore_merges", false));

  const Json* vocab = optional_field(*model, "vocab");
  const Json* added = optional_field(root, "added_tokens");
  if (vocab == nullptr || !vocab->is_object()) return corrupt("tokenizer.json: no vocab");
  if (added != nullptr && !added->is_array())
    return corrupt("tokenizer.json: added_tokens is not a list");
  const std::size_t count = vocab->size() + (added == nullptr ? 0 : added->size());
  for (const auto& [text, value] : vocab->items()) {
    TROUPE_ASSIGN(const std::int32_t id, id_value(value, text));
    TROUPE_TRY(put_token(data, count, id, text));
  }
  if (!is_off(*model, "unk_token")) {
    TROUPE_ASSIGN(const std::string unknown, string_field(*model, "unk_token"));
    const auto it = vocab->find(unknown);
    if (it == vocab->end()) return corrupt("tokenizer.json: unk_token is not in the vocab");
    data.unknown = it->get<std::int32_t>();
  }
  TROUPE_TRY(read_merges(*model, data));

  for (const Json& token : added == nullptr ? Json::array() : *added) {
    AddedToken entry;
    TROUPE_ASSIGN(entry.content, string_field(token, "content"));
    TROUPE_ASSIGN(entry.special, bool_field(token, "special", false));
    const Json* id = optional_field(token, "id");
    if (id == nullptr || entry.content.empty())
      return corrupt("tokenizer.json: an added token has no id or no content");
    TROUPE_ASSIGN(entry.id, id_value(*id, entry.content));
    for (const char* key : {"single_word", "lstrip", "rstrip"})
      if (!is_off(token, key))
        return unsupported("'" + std::string(key) + "' of '" + entry.content + "'");
    TROUPE_TRY(put_token(data, count, entry.id, entry.content));
    data.added.push_back(std::move(entry));
  }
  std::sort(data.added.begin(), data.added.end(),
            [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  return {};
}

Result<void> read_normalizer(const Json& root, TokenizerData& data) {
  for (const Json& part : parts_of(optional_field(root, "normalizer"), "normalizers")) {
    if (type_of(part) != "NFC") return unsupported("the normalizer '" + type_of(part) + "'");
    data.nfc = true;
  }
  return {};
}

/// Finds out whether one special token (bos) is put in front; anything else is refused.
Result<void> read_post_processor(const Json& root, TokenizerData& data) {
  for (const Json& part : parts_of(optional_field(root, "post_processor"), "processors")) {
    if (type_of(part) == "ByteLevel") continue;  // moves offsets only
    if (type_of(part) != "TemplateProcessing")
      return unsupported("the post-processor '" + type_of(part) + "'");
    const Json* single = optional_field(part, "single");
    if (single == nullptr || !single->is_array() || single->empty() || single->size() > 2 ||
        optional_field(single->back(), "Sequence") == nullptr)
      return unsupported("a post-processor that appends tokens");
    data.add_bos = single->size() == 2;
  }
  return {};
}

Result<void> read_config(std::string_view text, TokenizerData& data) {
  if (text.empty()) return {};
  auto config = parse_json(text);
  if (!config) return config.error().in("tokenizer_config.json");
  const auto id_of = [&](const char* key) -> std::optional<std::int32_t> {
    const Json* name = optional_field(*config, key);
    if (name != nullptr && name->is_object()) name = optional_field(*name, "content");
    if (name == nullptr || !name->is_string()) return std::nullopt;
    for (const AddedToken& token : data.added)
      if (token.content == name->get<std::string>()) return token.id;
    return std::nullopt;
  };
  data.bos = id_of("bos_token");
  data.eos = id_of("eos_token");
  data.pad = id_of("pad_token");
  if (const Json* chat = optional_field(*config, "chat_template"); chat && chat->is_string())
    data.chat_template = chat->get<std::string>();
  return {};
}

}  // namespace

Result<TokenizerData> tokenizer_from_json(std::string_view json, std::string_view config) {
  auto root = parse_json(json);
  if (!root) return root.error().in("tokenizer.json");
  if (!root->is_object()) return corrupt("tokenizer.json is not a JSON object");
  TokenizerData data;
  TROUPE_TRY(read_normalizer(*root, data));
  TROUPE_ASSIGN(data.pretokenizer, read_pretokenizer(*root));
  TROUPE_TRY(read_model(*root, data));
  TROUPE_TRY(read_post_processor(*root, data));
  TROUPE_TRY(read_config(config, data));
  return data;
}

}  // namespace troupe::model
