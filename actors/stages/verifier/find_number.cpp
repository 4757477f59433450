#include "actors/stages/verifier/find_number.hpp"

#include <array>

#include "actors/stages/verifier/number.hpp"
#include "actors/stages/verifier/number_text.hpp"

namespace troupe::stages {
namespace {

constexpr std::array<std::string_view, 6> kCurrency{"\\$",      "$",        "\xE2\x82\xAC",
                                                    "\xC2\xA3", "\xC2\xA5", "\xE2\x82\xB9"};
constexpr std::string_view kMinus = "\xE2\x88\x92";

bool starts_number(std::string_view text, std::size_t i) {
  return is_digit(text[i]) || (text[i] == '.' && i + 1 < text.size() && is_digit(text[i + 1]));
}

/// End of digits with commas and points inside; `begin` is at a digit or point.
std::size_t core_end(std::string_view text, std::size_t begin) {
  std::size_t i = begin;
  while (i < text.size()) {
    if (is_digit(text[i])) {
      ++i;
    } else if ((text[i] == '.' || text[i] == ',') && i + 1 < text.size() && is_digit(text[i + 1])) {
      i += 2;
    } else if (text.substr(i, 2) == "\\!") {  // 40,\!960
      std::size_t j = i + 2;
      while (j < text.size() && text[j] == ' ') ++j;
      if (j >= text.size() || !is_digit(text[j])) break;
      i = j;
    } else if ((text[i] == ',' && text.substr(i + 1, 2) == "\\!") || text.substr(i, 3) == "{,}") {
      i += text[i] == ',' ? 1 : 3;
    } else {
      break;
    }
  }
  return i;
}

/// End of a LaTeX fraction at `at`, or `at`.
std::size_t fraction_end(std::string_view text, std::size_t at) {
  const std::size_t command = fraction_command(text, at);
  if (command == 0) return at;
  const std::size_t second = argument_end(text, at + command);
  if (second == std::string_view::npos) return at;
  const std::size_t end = argument_end(text, second);
  return end == std::string_view::npos ? at : end;
}

std::size_t after_percent(std::string_view text, std::size_t end) {
  std::size_t i = end;
  while (i < text.size() && i < end + 2 && (text[i] == ' ' || text[i] == '$')) ++i;
  for (const std::string_view sign : {"\\%", "%", "percent", "pct"}) {
    if (text.substr(i, sign.size()) == sign) return i + sign.size();
  }
  return end;
}

/// Letters right after a number must be a unit; an exponent, index, time or word is not a number.
bool follows_well(std::string_view text, std::size_t end) {
  if (end >= text.size()) return true;
  if (is_letter(text[end])) {
    std::size_t stop = end;
    while (stop < text.size() && stop < end + 24 && is_letter(text[stop])) ++stop;
    const std::string_view word = text.substr(end, stop - end);
    return is_unit(word) && word != "rd";
  }
  if (text[end] == ':' && end + 1 < text.size() && is_digit(text[end + 1])) return false;
  return text[end] != '_';
}

bool precedes_well(std::string_view text, std::size_t begin) {
  if (begin == 0) return true;
  const char c = text[begin - 1];
  if (is_letter(c) || is_digit(c) || c == '_' || c == '^' || c == '.' || c == ',') return false;
  if (c == '{' && begin >= 2) return text[begin - 2] != '^' && text[begin - 2] != '_';
  if (c == ':' && begin >= 2) return !is_digit(text[begin - 2]);
  return true;
}

/// Moves `begin` back over currency and a sign that is not a subtraction.
std::size_t with_sign(std::string_view text, std::size_t begin) {
  const auto back_over = [&](std::string_view token, std::size_t at) {
    return at >= token.size() && text.substr(at - token.size(), token.size()) == token;
  };
  std::size_t at = begin;
  for (const std::string_view sign : kCurrency) {
    if (back_over(sign, at)) {
      at -= sign.size();
      break;
    }
  }
  std::size_t sign = at;
  if (back_over("-", at)) {
    sign = at - 1;
  } else if (back_over(kMinus, at)) {
    sign = at - kMinus.size();
  } else {
    return begin;
  }
  if (sign == 0) return sign;
  const char before = text[sign - 1];
  if (is_letter(before) || is_digit(before) || before == ')' || before == '}' || before == '-') {
    return begin;
  }
  std::size_t left = sign;
  while (left > 0 && text[left - 1] == ' ') --left;
  // "10 -3" subtracts, "is -3" does not.
  if (left > 0 && left < sign && (is_digit(text[left - 1]) || text[left - 1] == ')')) return begin;
  return sign;
}

struct Found {
  std::size_t begin = 0, end = 0;  // the number with its sign and percent
  std::size_t next = 0;            // where the search goes on
  bool good = false;
};

/// The candidate whose digits (or LaTeX fraction) begin at `i`.
Found candidate(std::string_view text, std::size_t i) {
  Found found;
  if (text[i] == '\\') {
    found.next = fraction_end(text, i);
    found.good = found.next > i;
  } else {
    const std::size_t core = core_end(text, i);
    std::size_t end = core;
    if (end + 1 < text.size() && text[end] == '/' && is_digit(text[end + 1])) {
      const std::size_t divisor = core_end(text, end + 1);
      // A date has two slashes.
      if (divisor >= text.size() || text[divisor] != '/') end = divisor;
    }
    if (const std::size_t fraction = fraction_end(text, core); fraction > core) end = fraction;
    found.next = end;
    found.good = precedes_well(text, i) && follows_well(text, end);
  }
  found.begin = found.good ? with_sign(text, i) : i;
  found.end = found.good ? after_percent(text, found.next) : found.next;
  if (found.next <= i) found.next = i + 1;
  return found;
}

bool begins_candidate(std::string_view text, std::size_t i) {
  return starts_number(text, i) || (text[i] == '\\' && fraction_command(text, i) != 0);
}

/// The readable text of a candidate; of "1,2,3" the last member.
std::optional<std::string_view> readable(std::string_view text, const Found& found) {
  std::string_view token = text.substr(found.begin, found.end - found.begin);
  if (parse_number(token)) return token;
  const std::size_t comma = token.rfind(',');
  if (comma == token.npos || token.find('\\') != token.npos) return std::nullopt;
  token.remove_prefix(comma + 1);
  return parse_number(token) ? std::optional(token) : std::nullopt;
}

}  // namespace

std::optional<std::string_view> last_number(std::string_view text) {
  // Reading a number costs more than passing it: remember the last few and read from the end.
  std::array<Found, 32> recent;
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (!begins_candidate(text, i)) {
      ++i;
      continue;
    }
    const Found found = candidate(text, i);
    if (found.good) recent[count++ % recent.size()] = found;
    i = found.next;
  }
  for (std::size_t back = 1; back <= std::min(count, recent.size()); ++back) {
    const auto token = readable(text, recent[(count - back) % recent.size()]);
    if (token) return token;
  }
  return std::nullopt;
}

std::optional<std::string_view> first_number(std::string_view text) {
  int tries = 32;
  for (std::size_t i = 0; i < text.size() && tries > 0;) {
    if (!begins_candidate(text, i)) {
      ++i;
      continue;
    }
    const Found found = candidate(text, i);
    if (found.good) {
      const std::string_view token = text.substr(found.begin, found.end - found.begin);
      if (parse_number(token)) return token;
      --tries;
    }
    i = found.next;
  }
  return std::nullopt;
}

std::optional<std::string_view> leading_number(std::string_view text) {
  std::size_t i = 0;
  const auto skip = [&](std::string_view token) {
    if (text.substr(i, token.size()) != token) return false;
    i += token.size();
    return true;
  };
  for (bool more = true; more && i < text.size();) {
    more = skip(" ") || skip("\t") || skip("*") || skip("\\(") || skip("+") || skip("\\boxed{");
    for (const std::string_view sign : kCurrency) more = more || skip(sign);
    more = more || skip("-") || skip(kMinus);
  }
  if (i >= text.size() || !begins_candidate(text, i)) return std::nullopt;
  const Found found = candidate(text, i);
  if (!found.good) return std::nullopt;
  const std::string_view token = text.substr(found.begin, found.end - found.begin);
  return parse_number(token) ? std::optional(token) : std::nullopt;
}

}  // namespace troupe::stages
