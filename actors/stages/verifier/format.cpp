#include "actors/stages/verifier/format.hpp"

#include <array>
#include <utility>

#include "actors/stages/verifier/answer.hpp"

namespace troupe::stages {
namespace {

/// Length of the white-space character (ASCII or Unicode, in UTF-8) that `text` begins with, or 0.
std::size_t leading_space(std::string_view text) {
  if (text.empty()) return 0;
  const char c = text.front();
  if (c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= 0x1f)) return 1;
  constexpr std::array<std::string_view, 21> kSpaces{
      "\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x81",
      "\xE2\x80\x82", "\xE2\x80\x83", "\xE2\x80\x84", "\xE2\x80\x85", "\xE2\x80\x86",
      "\xE2\x80\x87", "\xE2\x80\x88", "\xE2\x80\x89", "\xE2\x80\x8A", "\xE2\x80\xA8",
      "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80", "\xE2\x80\x8B",
      "\xEF\xBB\xBF"};
  for (const std::string_view space : kSpaces) {
    if (text.substr(0, space.size()) == space) return space.size();
  }
  return 0;
}

std::string_view without_leading_space(std::string_view text) {
  while (const std::size_t n = leading_space(text)) text.remove_prefix(n);
  return text;
}

bool blank(std::string_view text) { return without_leading_space(text).empty(); }

std::string_view stripped(std::string_view text) {
  text = without_leading_space(text);
  for (bool more = true; more && !text.empty();) {
    more = false;
    for (std::size_t n = 1; n <= 3 && n <= text.size(); ++n) {
      if (leading_space(text.substr(text.size() - n)) == n) {
        text.remove_suffix(n);
        more = true;
        break;
      }
    }
  }
  return text;
}

std::size_t occurrences(std::string_view text, std::string_view token) {
  std::size_t n = 0;
  for (std::size_t at = 0; (at = text.find(token, at)) != text.npos; at += token.size()) ++n;
  return n;
}

bool each_tag_once(std::string_view text) {
  for (const std::string_view tag : {"<think>", "</think>", "<answer>", "</answer>"}) {
    if (occurrences(text, tag) != 1) return false;
  }
  return true;
}

bool think_answer(std::string_view completion) {
  constexpr std::string_view kBegin = "<think>\n", kMiddle = "\n</think>\n<answer>\n",
                             kEnd = "\n</answer>";
  const std::string_view text = stripped(completion);
  if (!each_tag_once(text) || !text.starts_with(kBegin) || !text.ends_with(kEnd)) return false;
  const std::size_t middle = text.find(kMiddle, kBegin.size());
  if (middle == text.npos || middle + kMiddle.size() + kEnd.size() > text.size()) return false;
  return !blank(text.substr(kBegin.size(), middle - kBegin.size()));
}

bool think_answer_inline(std::string_view completion) {
  constexpr std::string_view kThink = "<think>", kThinkEnd = "</think>", kAnswer = "<answer>",
                             kAnswerEnd = "</answer>";
  const std::string_view text = stripped(completion);
  if (!each_tag_once(text) || !text.starts_with(kThink) || !text.ends_with(kAnswerEnd)) {
    return false;
  }
  const std::size_t close = text.find(kThinkEnd), open = text.find(kAnswer);
  if (open < close ||
      !blank(text.substr(close + kThinkEnd.size(), open - close - kThinkEnd.size())))
    return false;
  return !blank(text.substr(kThink.size(), close - kThink.size()));
}

/// open-r1: 0.25 for each of these that occurs exactly once.
double tag_count(std::string_view text) {
  double score = 0;
  for (const std::string_view line : {"<think>\n", "\n</think>\n", "\n<answer>\n", "\n</answer>"}) {
    if (occurrences(text, line) == 1) score += 0.25;
  }
  return score;
}

/// ^<think>\n.*?\n</think>\n<answer>\n.*?\n</answer>$ matched at the start, `.` any character and
/// `$` also before a line end. The first place for the middle leaves the most for the end, so no
/// other needs to be tried.
bool or1_format(std::string_view text) {
  constexpr std::string_view kBegin = "<think>\n", kMiddle = "\n</think>\n<answer>\n",
                             kEnd = "\n</answer>";
  if (!text.starts_with(kBegin)) return false;
  const std::size_t middle = text.find(kMiddle, kBegin.size());
  if (middle == text.npos) return false;
  for (std::size_t at = middle + kMiddle.size(); (at = text.find(kEnd, at)) != text.npos; ++at) {
    const std::size_t after = at + kEnd.size();
    if (after == text.size() || text[after] == '\n') return true;
  }
  return false;
}

bool boxed(std::string_view completion) {
  const auto region = answer_region(completion);
  const auto content = region ? boxed_content(*region) : std::nullopt;
  return content && !blank(*content);
}

}  // namespace

std::optional<FormatRule> format_rule(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, FormatRule>, 6> kNames{{
      {"finished", FormatRule::Finished},
      {"think_answer", FormatRule::ThinkAnswer},
      {"think_answer_inline", FormatRule::ThinkAnswerInline},
      {"tag_count", FormatRule::TagCount},
      {"or1_format", FormatRule::Or1Format},
      {"boxed", FormatRule::Boxed},
  }};
  for (const auto& [known, rule] : kNames) {
    if (known == name) return rule;
  }
  return std::nullopt;
}

double format_score(FormatRule rule, std::string_view completion, bool finished) {
  switch (rule) {
    case FormatRule::Finished:
      return finished ? 1 : 0;
    case FormatRule::ThinkAnswer:
      return think_answer(completion) ? 1 : 0;
    case FormatRule::ThinkAnswerInline:
      return think_answer_inline(completion) ? 1 : 0;
    case FormatRule::TagCount:
      return tag_count(completion);
    case FormatRule::Or1Format:
      return or1_format(completion) ? 1 : 0;
    case FormatRule::Boxed:
      return boxed(completion) ? 1 : 0;
  }
  return 0;
}

}  // namespace troupe::stages
