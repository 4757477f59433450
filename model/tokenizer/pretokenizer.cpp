#include "model/tokenizer/pretokenizer.hpp"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

namespace troupe::model {
namespace {

enum class Class : std::uint8_t { Letter, Number, Space, Other };

Class class_of(UChar32 c) {
  if (c < 0) return Class::Other;  // an invalid byte
  if (c < 0x80) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return Class::Letter;
    if (c >= '0' && c <= '9') return Class::Number;
    return c == ' ' || (c >= '\t' && c <= '\r') ? Class::Space : Class::Other;
  }
  const std::uint32_t category = U_MASK(u_charType(c));
  if ((category & U_GC_L_MASK) != 0) return Class::Letter;
  if ((category & U_GC_N_MASK) != 0) return Class::Number;
  return u_isUWhiteSpace(c) != 0 ? Class::Space : Class::Other;
}

struct Character {
  UChar32 code = -1;
  Class cls = Class::Other;
  std::size_t end = 0;  // position after it
};

/// Text with positions in bytes. `at(end())` must not be asked.
class Text {
 public:
  explicit Text(std::string_view text) : text_(text) {}
  std::size_t end() const { return text_.size(); }
  Character at(std::size_t position) const {
    Character c;
    c.end = position;
    U8_NEXT(reinterpret_cast<const std::uint8_t*>(text_.data()), c.end, text_.size(), c.code);
    c.cls = class_of(c.code);
    return c;
  }
  /// After the run of characters of class `cls` that begins at `position`; of `most` characters.
  std::size_t run(std::size_t position, Class cls, std::size_t most = SIZE_MAX) const {
    for (; position < end() && most > 0; --most) {
      const Character c = at(position);
      if (c.cls != cls) break;
      position = c.end;
    }
    return position;
  }
  char byte(std::size_t position) const { return position < end() ? text_[position] : '\0'; }
  std::string_view view() const { return text_; }

 private:
  std::string_view text_;
};

/// After "'s", "'t", "'re", "'ve", "'m", "'ll" or "'d" at `position`, or `position` itself.
std::size_t contraction(const Text& text, std::size_t position, bool any_case) {
  if (text.byte(position) != '\'') return position;
  const auto letter = [&](std::size_t at) {
    const char c = text.byte(at);
    return any_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  };
  const char first = letter(position + 1), second = letter(position + 2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return position + 2;
  if ((first == 'r' || first == 'v') && second == 'e') return position + 3;
  if (first == 'l' && second == 'l') return position + 3;
  // U+017F, the long s, is an s when case does not matter.
  if (any_case && text.view().substr(position + 1).starts_with("\u017F")) return position + 3;
  return position;
}

/// \s+(?!\S)|\s+ at a space: the run, but its last character is left to what follows it.
std::size_t spaces(const Text& text, std::size_t position) {
  std::size_t last = position, end = position;
  while (end < text.end()) {
    const Character c = text.at(end);
    if (c.cls != Class::Space) break;
    last = end;
    end = c.end;
  }
  return end == text.end() || last == position ? end : last;
}

std::size_t next_gpt2(const Text& text, std::size_t position) {
  if (const std::size_t end = contraction(text, position, false); end > position) return end;
  const Character first = text.at(position);
  if (first.code == ' ' && first.end < text.end()) {
    const Character second = text.at(first.end);
    if (second.cls != Class::Space) return text.run(first.end, second.cls);
  }
  if (first.cls != Class::Space) return text.run(position, first.cls);
  return spaces(text, position);
}

std::size_t next_llama3(const Text& text, std::size_t position, std::size_t digits) {
  if (const std::size_t end = contraction(text, position, true); end > position) return end;
  const Character first = text.at(position);
  if (first.cls == Class::Letter) return text.run(position, Class::Letter);
  if (first.cls == Class::Number) return text.run(position, Class::Number, digits);
  const bool newline = first.code == '\n' || first.code == '\r';
  const Class second = first.end < text.end() ? text.at(first.end).cls : Class::Space;
  if (!newline && second == Class::Letter) return text.run(first.end, Class::Letter);
  if (first.cls == Class::Other || (first.code == ' ' && second == Class::Other)) {
    std::size_t end = text.run(first.end, Class::Other);
    while (text.byte(end) == '\n' || text.byte(end) == '\r') ++end;
    return end;
  }
  const std::size_t run = text.run(position, Class::Space);
  const std::string_view white = text.view().substr(position, run - position);
  if (const std::size_t last = white.find_last_of("\r\n"); last != std::string_view::npos)
    return position + last + 1;
  return spaces(text, position);
}

std::size_t next(Pretokenizer kind, const Text& text, std::size_t position) {
  switch (kind) {
    case Pretokenizer::Llama3: return next_llama3(text, position, 3);
    case Pretokenizer::Qwen2: return next_llama3(text, position, 1);
    case Pretokenizer::Gpt2:
    case Pretokenizer::SmolLm: break;
  }
  return next_gpt2(text, position);
}

void split_all(Pretokenizer kind, std::string_view view, std::vector<std::string_view>& pieces) {
  const Text text(view);
  for (std::size_t position = 0; position < text.end();) {
    const std::size_t end = next(kind, text, position);
    pieces.push_back(view.substr(position, end - position));
    position = end;
  }
}

}  // namespace

void split(Pretokenizer kind, std::string_view text, std::vector<std::string_view>& pieces) {
  if (kind != Pretokenizer::SmolLm) return split_all(kind, text, pieces);
  const Text whole(text);
  std::size_t start = 0;
  for (std::size_t position = 0; position < text.size();) {
    const Character c = whole.at(position);
    if (c.cls == Class::Number) {
      split_all(kind, text.substr(start, position - start), pieces);
      pieces.push_back(text.substr(position, c.end - position));
      start = c.end;
    }
    position = c.end;
  }
  split_all(kind, text.substr(start), pieces);
}

std::optional<Pretokenizer> pretokenizer_of_gguf(std::string_view name) {
  if (name == "smollm") return Pretokenizer::SmolLm;
  if (name == "gpt-2") return Pretokenizer::Gpt2;
  if (name == "llama-bpe" || name == "llama3" || name == "llama-v3") return Pretokenizer::Llama3;
  if (name == "qwen2") return Pretokenizer::Qwen2;
  return std::nullopt;
}

std::string_view pattern_of(Pretokenizer kind) {
  switch (kind) {
    case Pretokenizer::Llama3:
      return R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|)"
             R"( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
    case Pretokenizer::Qwen2:
      return R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|)"
             R"( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
    case Pretokenizer::Gpt2:
    case Pretokenizer::SmolLm: break;
  }
  return R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
}

}  // namespace troupe::model
