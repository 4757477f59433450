#include "actors/stages/verifier/gsm8k_rules.hpp"

#include <algorithm>

#include "actors/stages/verifier/number_text.hpp"

namespace troupe::stages {
namespace {

/// Length of -?[0-9.,]+ at `at`, or 0.
std::size_t loose_number(std::string_view text, std::size_t at) {
  std::size_t i = at;
  if (i < text.size() && text[i] == '-') ++i;
  const std::size_t digits = i;
  while (i < text.size() && (is_digit(text[i]) || text[i] == '.' || text[i] == ',')) ++i;
  return i == digits ? 0 : i - at;
}

/// The last `count` characters (of UTF-8, not bytes).
std::string_view tail(std::string_view text, std::size_t count) {
  std::size_t at = text.size();
  for (std::size_t n = 0; at > 0 && n < count;) {
    --at;
    if ((static_cast<unsigned char>(text[at]) & 0xC0) != 0x80) ++n;
  }
  return text.substr(at);
}

std::string without_commas(std::string_view number) {
  std::string result(number);
  result.erase(std::remove(result.begin(), result.end(), ','), result.end());
  return result;
}

}  // namespace

std::optional<std::string> gsm8k_extract(std::string_view text, Gsm8kRule rule) {
  if (rule != Gsm8kRule::First) text = tail(text, 300);
  std::optional<std::string> found;
  if (rule == Gsm8kRule::Flexible) {
    for (std::size_t i = 0; i < text.size();) {
      const std::size_t n = loose_number(text, i);
      if (n > 0 && text.substr(i, n) != ".") found = std::string(text.substr(i, n));
      i += std::max<std::size_t>(n, 1);
    }
    return found;
  }
  constexpr std::string_view kMark = "#### ";
  for (std::size_t at = 0; (at = text.find(kMark, at)) != text.npos; ++at) {
    const std::size_t n = loose_number(text, at + kMark.size());
    if (n == 0) continue;
    found = without_commas(text.substr(at + kMark.size(), n));
    if (rule == Gsm8kRule::First) break;
  }
  return found;
}

}  // namespace troupe::stages
