#pragma once
// Tokenizer: byte-level BPE as in the GPT-2, SmolLM2, Qwen2 and Llama-3 families, read from a GGUF
// file or from tokenizer.json. Equal, token for token, to the PyPI package `tokenizers`. Immutable
// after opening; shared; any method may be called on any thread and on any bytes, invalid UTF-8
// included. Only opening can fail; a scheme that is not offered is Unsupported, never approximated.
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/engine.hpp"  // Token
#include "model/tokenizer/bpe.hpp"
#include "model/tokenizer/tokenizer_data.hpp"

namespace troupe::model {

class Tokenizer {
 public:
  /// `path`: a .gguf file, or a folder with tokenizer.json (and tokenizer_config.json), or a folder
  /// with exactly one .gguf: whatever open_checkpoint takes.
  static Result<std::shared_ptr<const Tokenizer>> open(const std::filesystem::path& path);
  static Result<std::shared_ptr<const Tokenizer>> make(TokenizerData data);

  /// Plain text: a special token's name inside it is text like any other, so a question cannot
  /// inject control tokens. Nothing is added in front or behind. Bytes that no token covers vanish
  /// (21 of the 256 in SmolLM2), as in the reference.
  std::vector<Token> encode(std::string_view text) const;
  /// The names of special tokens in the text become those tokens. For text that Troupe wrote.
  std::vector<Token> encode_with_special(std::string_view text) const;

  /// Valid UTF-8: what is not (a character cut in the middle) becomes U+FFFD. Ids outside the
  /// vocabulary give nothing.
  std::string decode(std::span<const Token> tokens, bool skip_special = false) const;
  /// The exact bytes, valid UTF-8 or not.
  std::string decode_bytes(std::span<const Token> tokens, bool skip_special = false) const;
  /// The bytes of one token; empty for an id outside the vocabulary.
  std::string_view token_to_piece(Token token) const;

  /// Of a special token's name ("<|im_end|>") or of a token's text in the byte-level alphabet.
  std::optional<Token> id_of(std::string_view name) const;
  bool is_special(Token token) const;
  std::size_t vocab_size() const { return data_.tokens.size(); }
  std::optional<Token> bos() const { return data_.bos; }
  std::optional<Token> eos() const { return data_.eos; }
  std::optional<Token> pad() const { return data_.pad; }
  /// The model was trained with bos in front of every text; templates that are plain text add it.
  bool adds_bos() const { return data_.add_bos; }
  /// Jinja source as the model's author wrote it; kept for export, not interpreted.
  const std::string& chat_template() const { return data_.chat_template; }
  const TokenizerData& data() const { return data_; }

 private:
  explicit Tokenizer(TokenizerData data) : data_(std::move(data)) {}
  Result<void> build();
  void encode_plain(std::string_view text, std::vector<Token>& out) const;
  void encode_added(std::string_view text, bool with_special, std::vector<Token>& out) const;

  TokenizerData data_;
  Bpe bpe_;
  std::vector<std::string> pieces_;  // bytes of every id
  std::vector<bool> special_;
  std::vector<std::size_t> added_by_length_;  // indices into data_.added, longest content first
  bool added_begins_with_[256] = {};
  bool has_plain_added_ = false;  // added tokens that are not special: matched in any text
};

}  // namespace troupe::model
