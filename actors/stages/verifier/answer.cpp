#include "actors/stages/verifier/answer.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "actors/stages/verifier/find_number.hpp"
#include "actors/stages/verifier/number_text.hpp"

namespace troupe::stages {
namespace {

constexpr std::string_view kThinkOpen = "<think>", kThinkClose = "</think>";
constexpr std::string_view kAnswerOpen = "<answer>", kAnswerClose = "</answer>";
constexpr std::size_t kClauseBytes = 1024;  // of a line that states the answer
constexpr int kPatternTries = 32;           // "answer" may be written ten thousand times

struct Box {
  std::size_t begin = 0;                     // of the command
  std::size_t inner = 0;                     // after its brace
  std::size_t end = std::string_view::npos;  // at its closing brace
};

/// All boxes in order of their beginning, in one pass over the braces.
std::vector<Box> boxes(std::string_view text) {
  constexpr std::size_t kNoBox = std::string_view::npos;
  std::vector<Box> found;
  std::vector<std::size_t> open;  // index of the box each open brace belongs to, or kNoBox
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\') {
      std::size_t command = 0;
      for (const std::string_view name : {"\\boxed", "\\fbox"}) {
        if (text.substr(i, name.size()) == name) command = name.size();
      }
      std::size_t brace = i + command;
      while (command != 0 && brace < text.size() && text[brace] == ' ') ++brace;
      if (command != 0 && brace < text.size() && text[brace] == '{') {
        found.push_back({i, brace + 1});
        open.push_back(found.size() - 1);
        i = brace;
      } else {
        ++i;  // an escaped character, a brace among them
      }
    } else if (c == '{') {
      open.push_back(kNoBox);
    } else if (c == '}' && !open.empty()) {
      if (open.back() != kNoBox) found[open.back()].end = i;
      open.pop_back();
    }
  }
  return found;
}

/// Whether only separators of a list stand between two boxes.
bool only_separators(std::string_view between) {
  if (between.size() > 64) return false;
  const std::string text = plain(between);
  for (std::size_t i = 0; i < text.size();) {
    if (is_letter(text[i])) {
      std::size_t end = i;
      while (end < text.size() && is_letter(text[end])) ++end;
      const std::string_view word = std::string_view(text).substr(i, end - i);
      if (word != "and" && word != "or") return false;
      i = end;
    } else if (text[i] != ' ' && text[i] != ',') {
      return false;
    } else {
      ++i;
    }
  }
  return true;
}

/// The line that begins at `text`, cut at the end of its first sentence.
std::string_view clause(std::string_view text) {
  std::size_t end = std::min(text.size(), kClauseBytes);
  for (std::size_t i = 0; i < end; ++i) {
    const bool sentence = text[i] == '.' && (i + 1 >= text.size() || is_space(text[i + 1]));
    if (text[i] == '\n' || sentence) end = i;
  }
  // Never inside a number: half of one would be another number.
  while (end >= kClauseBytes && end < text.size() && is_digit(text[end])) ++end;
  return text.substr(0, end);
}

/// Whether `rest` goes on with another number of a list: "5 or 6", "5, 6" is no single answer.
bool goes_on_as_list(std::string_view rest) {
  rest = trimmed(rest);
  for (const std::string_view joint : {"or", "and", ",", "/", ";"}) {
    if (rest.substr(0, joint.size()) != joint) continue;
    const bool word = is_letter(joint.front());
    rest.remove_prefix(joint.size());
    if (word && !rest.empty() && is_letter(rest.front())) return false;
    return leading_number(rest).has_value();
  }
  return false;
}

/// `number` of `text`, or the whole text when a list of numbers goes on behind it.
std::string_view single(std::string_view text, std::string_view number) {
  const auto end = static_cast<std::size_t>(number.data() - text.data()) + number.size();
  return goes_on_as_list(text.substr(end)) ? text : number;
}

/// The answer that a clause states: the whole if it is one number, else the number it begins with,
/// unless arithmetic begins there, else the value of its last equality, else its first number.
std::optional<std::string_view> stated(std::string_view text) {
  const std::string_view whole = bare(text);
  if (parse_number(whole)) return whole;
  if (const auto lead = leading_number(whole)) {
    const auto end = static_cast<std::size_t>(lead->data() - whole.data()) + lead->size();
    const std::string_view rest = trimmed(whole.substr(end));
    constexpr std::string_view kOperators = "+-*/=^\\";
    if (rest.empty() || kOperators.find(rest.front()) == kOperators.npos) {
      return single(whole, *lead);
    }
  }
  const std::size_t equals = whole.rfind('=');
  const std::string_view tail = equals == whole.npos ? whole : whole.substr(equals + 1);
  if (parse_number(tail)) return tail;
  const auto number = first_number(tail);
  if (!number) return std::nullopt;
  return single(tail, *number);
}

std::optional<std::string_view> hash_answer(std::string_view text) {
  for (std::size_t at = text.rfind("####"); at != text.npos;) {
    const std::string_view rest = text.substr(at + 4);
    if (leading_number(rest)) return stated(clause(rest));
    if (at == 0) break;
    at = text.rfind("####", at - 1);
  }
  return std::nullopt;
}

/// After "answer": where the statement begins, or npos. "Answer:", "answer is", "answer (in $) is".
std::size_t statement(std::string_view text, std::size_t at) {
  const std::size_t end = std::min(text.size(), at + 60);
  for (std::size_t i = at; i < end && text[i] != '\n'; ++i) {
    if (text[i] == ':' || text[i] == '=') return i + 1;
    const bool is =
        text.substr(i, 4) == " is " || text.substr(i, 4) == " is:" || text.substr(i, 4) == " is\n";
    if (is) return i + 3;
    if (text[i] == '.' && i + 1 < text.size() && is_space(text[i + 1])) break;
  }
  return std::string_view::npos;
}

std::optional<std::string_view> pattern_answer(std::string_view text) {
  constexpr std::string_view kWord = "answer";
  int tries = kPatternTries;
  for (std::size_t at = text.size(); at-- > 0 && tries > 0;) {
    if (lower(text[at]) != 'a' || at + kWord.size() > text.size()) continue;
    const bool word = std::equal(kWord.begin(), kWord.end(), text.begin() + at,
                                 [](char a, char b) { return a == lower(b); });
    if (!word) continue;
    --tries;
    std::size_t begin = statement(text, at + kWord.size());
    if (begin == text.npos) continue;
    while (begin < text.size() &&
           (is_space(text[begin]) || text[begin] == '*' || text[begin] == ':')) {
      ++begin;
    }
    if (const auto answer = stated(clause(text.substr(begin)))) return answer;
  }
  return std::nullopt;
}

/// The chain of forms inside a region.
std::optional<std::string> any_answer(std::string_view region, bool last) {
  // A box that is there decides: a broken one is no answer, and nothing else is looked at.
  const auto all = boxes(region);
  if (!all.empty()) return boxed_content(region);
  if (const auto hash = hash_answer(region)) return std::string(*hash);
  if (const auto pattern = pattern_answer(region)) return std::string(*pattern);
  if (const std::string_view whole = bare(region); parse_number(whole)) return std::string(whole);
  if (!last) return std::nullopt;
  const auto number = last_number(region);
  return number ? std::optional<std::string>(*number) : std::nullopt;
}

std::optional<std::string> tagged_answer(std::string_view inside, bool last) {
  const std::string_view whole = bare(inside);
  // Short and not a number, such as "5 or 6": what stands there is the answer, and it is wrong.
  const bool has_word_or = whole.find(" or ") != whole.npos;
  if (whole.size() <= 64 && has_word_or && boxes(inside).empty()) return std::string(whole);
  return any_answer(inside, last);
}

std::string shown(std::string_view text) {
  constexpr std::size_t kShown = 80;
  std::string result;
  for (const char c : text.substr(0, kShown)) {
    result.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c);
  }
  if (text.size() > kShown) {
    // Not in the middle of a character of several bytes.
    while (!result.empty() && (static_cast<unsigned char>(result.back()) & 0x80) != 0) {
      result.pop_back();
    }
    result += "...";
  }
  return result;
}

Verdict verdict(Outcome outcome, double score, std::string detail) {
  Verdict v;
  v.outcome = outcome;
  v.score = score;
  v.detail = std::move(detail);
  return v;
}

}  // namespace

std::optional<AnswerForm> answer_form(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, AnswerForm>, 5> kNames{{
      {"any", AnswerForm::Any},
      {"boxed", AnswerForm::Boxed},
      {"hash", AnswerForm::Hash},
      {"last_number", AnswerForm::LastNumber},
      {"answer_tag", AnswerForm::AnswerTag},
  }};
  for (const auto& [known, form] : kNames) {
    if (known == name) return form;
  }
  return std::nullopt;
}

std::optional<std::string_view> answer_region(std::string_view completion) {
  const std::size_t close = completion.rfind(kThinkClose);
  const std::string_view region =
      close == completion.npos ? completion : completion.substr(close + kThinkClose.size());
  if (region.find(kThinkOpen) != region.npos) return std::nullopt;
  return region;
}

std::optional<std::string> boxed_content(std::string_view region) {
  const std::vector<Box> all = boxes(region);
  if (all.empty() || all.back().end == std::string_view::npos) return std::nullopt;
  const auto content = [&](const Box& b) {
    return std::string(trimmed(region.substr(b.inner, b.end - b.inner)));
  };
  std::string joined = content(all.back());
  for (std::size_t i = all.size() - 1; i > 0; --i) {
    const Box& left = all[i - 1];
    if (left.end == std::string_view::npos || left.end >= all[i].begin) break;
    if (!only_separators(region.substr(left.end + 1, all[i].begin - left.end - 1))) break;
    if (joined.size() > kMaxAnswerBytes) break;
    joined = content(left) + ", " + joined;
  }
  return joined;
}

std::optional<std::string> find_answer(std::string_view completion, const ExtractOptions& options) {
  const auto region = answer_region(completion);
  if (!region) return std::nullopt;
  const auto owned = [](std::optional<std::string_view> v) {
    return v ? std::optional<std::string>(*v) : std::nullopt;
  };
  switch (options.extract) {
    case AnswerForm::Boxed:
      return boxed_content(*region);
    case AnswerForm::Hash:
      return owned(hash_answer(*region));
    case AnswerForm::LastNumber:
      return owned(last_number(*region));
    case AnswerForm::Any:
    case AnswerForm::AnswerTag:
      break;
  }
  const std::size_t close = region->rfind(kAnswerClose);
  const std::size_t open = region->rfind(kAnswerOpen, close);
  if (close != region->npos && open != region->npos) {
    const std::size_t inner = open + kAnswerOpen.size();
    return tagged_answer(region->substr(inner, close - inner), options.last_number);
  }
  // Opened and not closed: the completion was cut off, or plays with the tags.
  if (options.extract == AnswerForm::AnswerTag || open != region->npos) return std::nullopt;
  return any_answer(*region, options.last_number);
}

std::optional<std::string> extract_answer(std::string_view completion,
                                          const ExtractOptions& options) {
  const auto raw = find_answer(completion, options);
  if (!raw) return std::nullopt;
  const auto number = parse_number(*raw);
  return number ? number->written : std::string(bare(*raw));
}

std::optional<Number> parse_gold(std::string_view gold) {
  const std::size_t hash = gold.rfind("####");
  if (hash != gold.npos) return parse_number(gold.substr(hash + 4));
  if (const std::vector<Box> all = boxes(gold); !all.empty()) {
    const auto content = boxed_content(gold);
    const auto number = content ? parse_number(*content) : std::nullopt;
    for (const Box& box : all) {  // several boxes are several answers, unless they say the same
      if (!number || box.end == std::string_view::npos) return std::nullopt;
      const auto other = parse_number(gold.substr(box.inner, box.end - box.inner));
      if (!other || !same_value(*number, *other)) return std::nullopt;
    }
    return number;
  }
  return parse_number(gold);
}

Verdict check_math(std::string_view completion, std::string_view gold, const MathOptions& options) {
  const auto expected = parse_gold(gold);
  if (!expected) {
    return verdict(Outcome::Unscorable, 0,
                   "the gold answer is not a number: '" + shown(trimmed(gold)) + "'");
  }
  const auto answer = find_answer(completion, options.extract);
  if (!answer) return verdict(Outcome::Scored, 0, "no answer found");
  const auto number = parse_number(*answer);
  if (!number) {
    return verdict(Outcome::Scored, 0, "the answer is not a number: '" + shown(*answer) + "'");
  }
  const bool right = numbers_match(*expected, *number, options.precision);
  return verdict(Outcome::Scored, right ? 1 : 0,
                 "answer " + shown(number->written) + (right ? ", as expected" : ", expected ") +
                     (right ? "" : shown(expected->written)));
}

}  // namespace troupe::stages
