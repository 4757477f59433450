#pragma once
// TokenizerData: what a file says about a tokenizer, before it is built; also what the checkpoint
// writer exports. A value. The readers check types and ranges of everything they take; what they
// understand but do not offer is Unsupported with the name of the part.
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/tokenizer/pretokenizer.hpp"
#include "schemas/base/result.hpp"

namespace troupe::model {

class GgufFile;

/// A token that is matched in the text before BPE, by its literal content.
struct AddedToken {
  std::int32_t id = 0;
  std::string content;
  bool special = true;  // false: matched also in text that must not yield special tokens
};

struct TokenizerData {
  std::vector<std::string> tokens;  // by id, in the byte-level alphabet; empty: unused id
  std::vector<std::pair<std::int32_t, std::int32_t>> merges;  // ids of left and right, best first
  std::vector<AddedToken> added;                              // by id
  Pretokenizer pretokenizer = Pretokenizer::Gpt2;
  bool nfc = false;            // Unicode normalisation form C first
  bool ignore_merges = false;  // a piece that is a token is that token, whatever the merges say
  std::optional<std::int32_t> bos, eos, pad, unknown;
  bool add_bos = false;
  std::string chat_template;
};

Result<TokenizerData> tokenizer_from_gguf(const GgufFile& file);
/// `config`: text of tokenizer_config.json, or empty.
Result<TokenizerData> tokenizer_from_json(std::string_view json, std::string_view config);

}  // namespace troupe::model
