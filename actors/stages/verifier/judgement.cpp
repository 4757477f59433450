#include "actors/stages/verifier/judgement.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace troupe::stages {
namespace {

bool is_word(char c) {
  // Bytes of other scripts than ASCII's are letters, too: no boundary within a word of them.
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || std::isalnum(byte) != 0 || c == '_';
}

char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

/// Whether [at, at + size) is not a part of a longer word.
bool stands_alone(std::string_view text, std::size_t at, std::size_t size) {
  const std::size_t end = at + size;
  const bool before = at == 0 || !is_word(text[at - 1]) || !is_word(text[at]);
  const bool after = end == text.size() || !is_word(text[end]) || !is_word(text[end - 1]);
  return before && after;
}

/// Where the word stands alone for the last time, and with its end farthest right.
std::optional<std::size_t> last_place(std::string_view text, std::string_view word) {
  if (word.empty()) return std::nullopt;
  for (std::size_t from = std::string_view::npos;;) {
    const std::size_t at = text.rfind(word, from);
    if (at == std::string_view::npos) return std::nullopt;
    if (stands_alone(text, at, word.size())) return at;
    if (at == 0) return std::nullopt;
    from = at - 1;
  }
}

bool behind_not(std::string_view text, std::size_t at) {
  while (at > 0 && (text[at - 1] == ' ' || text[at - 1] == '\n')) --at;
  return text.substr(0, at).ends_with("n't") ||
         (text.substr(0, at).ends_with("not") && stands_alone(text, at - 3, 3));
}

}  // namespace

std::string fill_prompt(std::string_view prompt, const JudgedTexts& texts) {
  const std::array<std::pair<std::string_view, std::string_view>, 3> placeholders{
      {{"{question}", texts.question}, {"{answer}", texts.answer}, {"{response}", texts.response}}};
  std::string out;
  for (std::size_t i = 0; i < prompt.size();) {
    const auto found =
        std::find_if(placeholders.begin(), placeholders.end(),
                     [&](const auto& item) { return prompt.substr(i).starts_with(item.first); });
    if (found == placeholders.end()) {
      out += prompt[i++];
    } else {
      out += found->second;
      i += found->first.size();
    }
  }
  return out;
}

std::optional<bool> read_judgement(std::string_view answer, const JudgementWords& words) {
  const std::string text = lower(answer);
  // By the end of the word: "not correct" and "correct" may both be words, and begin elsewhere.
  std::size_t end_max = 0, begin = 0;
  std::optional<bool> judgement;
  const auto look = [&](const std::vector<std::string>& of, bool means) {
    for (const std::string& word : of) {
      const auto at = last_place(text, lower(word));
      if (!at) continue;
      const std::size_t end = *at + word.size();
      if (judgement && (end < end_max || (end == end_max && *at >= begin))) continue;
      end_max = end;
      begin = *at;
      judgement = means;
    }
  };
  look(words.correct, true);
  look(words.incorrect, false);
  if (judgement && behind_not(text, begin)) return std::nullopt;
  return judgement;
}

std::string_view end_of(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  std::string_view out = text.substr(text.size() - bytes);
  while (!out.empty() && (static_cast<unsigned char>(out.front()) & 0xc0) == 0x80)
    out.remove_prefix(1);
  return out;
}

}  // namespace troupe::stages
