#pragma once
// Pre-tokenizers: cut text into the pieces that BPE works on. Each is its family's regular
// expression written by hand over Unicode categories (ICU), because backtracking engines are slow
// and fail on invalid UTF-8; here an invalid byte counts as a symbol. Pure functions, any thread.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::model {

enum class Pretokenizer : std::uint8_t {
  Gpt2,    // 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
  SmolLm,  // every \p{N} alone, then Gpt2 on what is between
  Llama3,  // (?i:'s|...)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|
           // \s*[\r\n]+|\s+(?!\S)|\s+
  Qwen2,   // Llama3 with single digits
};

/// Appends views into `text`; together they are `text`.
void split(Pretokenizer kind, std::string_view text, std::vector<std::string_view>& pieces);

/// Names in GGUF's tokenizer.ggml.pre: "smollm", "gpt-2", "llama-bpe", "qwen2".
std::optional<Pretokenizer> pretokenizer_of_gguf(std::string_view name);
/// The regular expression of a kind, as tokenizer.json files write it. SmolLm has Gpt2's.
std::string_view pattern_of(Pretokenizer kind);

}  // namespace troupe::model
