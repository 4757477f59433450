// tokenizer_from_gguf: metadata keys tokenizer.ggml.* (docs/gguf.md of ggml).
#include <unordered_map>

#include "model/formats/gguf.hpp"
#include "model/tokenizer/tokenizer_data.hpp"

namespace troupe::model {
namespace {

constexpr std::int64_t kControl = 3, kUserDefined = 4;  // tokenizer.ggml.token_type

Error corrupt(std::string message) {
  return Error{ErrorCode::Corrupt, std::move(message),
               "The file is damaged or not complete: fetch it again"};
}

Result<std::optional<std::int32_t>> token_id(const GgufFile& file, const char* key,
                                             std::size_t vocab_size) {
  if (!file.has(key)) return std::optional<std::int32_t>{};
  TROUPE_ASSIGN(const std::int64_t id, file.integer(key));
  if (id < 0 || static_cast<std::uint64_t>(id) >= vocab_size)
    return corrupt(std::string("key '") + key + "' is outside the vocabulary");
  return std::optional(static_cast<std::int32_t>(id));
}

Result<void> read_merges(const GgufFile& file, TokenizerData& data) {
  std::unordered_map<std::string_view, std::int32_t> ids;
  for (std::size_t id = 0; id < data.tokens.size(); ++id)
    ids.emplace(data.tokens[id], static_cast<std::int32_t>(id));
  TROUPE_ASSIGN(const auto merges, file.strings("tokenizer.ggml.merges"));
  data.merges.reserve(merges.size());
  for (std::size_t i = 0; i < merges.size(); ++i) {
    // A space is not in the byte-level alphabet: the first one separates.
    const std::size_t space = merges[i].find(' ');
    if (space == std::string_view::npos)
      return corrupt("tokenizer.ggml.merges: number " + std::to_string(i) + " has no space");
    const auto left = ids.find(merges[i].substr(0, space));
    const auto right = ids.find(merges[i].substr(space + 1));
    if (left == ids.end() || right == ids.end())
      return corrupt("tokenizer.ggml.merges: number " + std::to_string(i) +
                     " is of texts that are no tokens");
    data.merges.emplace_back(left->second, right->second);
  }
  return {};
}

}  // namespace

Result<TokenizerData> tokenizer_from_gguf(const GgufFile& file) {
  TROUPE_ASSIGN(const std::string model, file.string("tokenizer.ggml.model"));
  if (model != "gpt2")
    return Error{ErrorCode::Unsupported, "the tokenizer model '" + model + "' is not offered",
                 "Choose a model with a byte-level BPE tokenizer ('gpt2' in GGUF)"};
  TokenizerData data;
  TROUPE_ASSIGN(const std::string pre, file.string("tokenizer.ggml.pre"));
  const auto kind = pretokenizer_of_gguf(pre);
  if (!kind)
    return Error{ErrorCode::Unsupported, "the pre-tokenizer '" + pre + "' is not offered",
                 "Offered are smollm, gpt-2, llama-bpe and qwen2: choose another model"};
  data.pretokenizer = *kind;
  data.ignore_merges = *kind == Pretokenizer::Llama3;  // as all tokenizers of that family

  TROUPE_ASSIGN(const auto tokens, file.strings("tokenizer.ggml.tokens"));
  data.tokens.assign(tokens.begin(), tokens.end());
  if (data.tokens.empty()) return corrupt("tokenizer.ggml.tokens is empty");
  if (file.has("tokenizer.ggml.token_type")) {
    TROUPE_ASSIGN(const auto types, file.integers("tokenizer.ggml.token_type"));
    if (types.size() != data.tokens.size())
      return corrupt("tokenizer.ggml.token_type and tokenizer.ggml.tokens differ in length");
    for (std::size_t id = 0; id < types.size(); ++id)
      if ((types[id] == kControl || types[id] == kUserDefined) && !data.tokens[id].empty())
        data.added.push_back(
            {static_cast<std::int32_t>(id), data.tokens[id], types[id] == kControl});
  }
  TROUPE_TRY(read_merges(file, data));

  const std::size_t size = data.tokens.size();
  TROUPE_ASSIGN(data.bos, token_id(file, "tokenizer.ggml.bos_token_id", size));
  TROUPE_ASSIGN(data.eos, token_id(file, "tokenizer.ggml.eos_token_id", size));
  TROUPE_ASSIGN(data.pad, token_id(file, "tokenizer.ggml.padding_token_id", size));
  // tokenizer.ggml.unknown_token_id is not used by byte-level BPE: what has no token vanishes.
  if (file.has("tokenizer.ggml.add_bos_token")) {
    TROUPE_ASSIGN(const std::int64_t add, file.integer("tokenizer.ggml.add_bos_token"));
    data.add_bos = add != 0;
  }
  if (file.has("tokenizer.chat_template")) {
    TROUPE_ASSIGN(data.chat_template, file.string("tokenizer.chat_template"));
  }
  return data;
}

}  // namespace troupe::model
