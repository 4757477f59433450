#include "actors/stages/verifier/number_text.hpp"

#include <algorithm>
#include <array>

namespace troupe::stages {
namespace {

struct Replacement {
  std::string_view from, to;
};

// Bytes of UTF-8. U+2212 minus, U+2013 en dash, U+FE63, U+FF0D; spaces U+00A0, U+2007, U+2009,
// U+202F; currency signs; degree. Superscripts after a unit read like the caret form.
constexpr std::array kUnicode{Replacement{"\xE2\x88\x92", "-"},
                              Replacement{"\xE2\x80\x93", "-"},
                              Replacement{"\xEF\xB9\xA3", "-"},
                              Replacement{"\xEF\xBC\x8D", "-"},
                              Replacement{"\xC2\xA0", " "},
                              Replacement{"\xE2\x80\x87", " "},
                              Replacement{"\xE2\x80\x89", " "},
                              Replacement{"\xE2\x80\xAF", " "},
                              Replacement{"\xE2\x82\xAC", " "},
                              Replacement{"\xC2\xA3", " "},
                              Replacement{"\xC2\xA5", " "},
                              Replacement{"\xE2\x82\xB9", " "},
                              Replacement{"\xC2\xB0", " "},
                              Replacement{"\xC2\xB2", "^2"},
                              Replacement{"\xC2\xB3", "^3"},
                              Replacement{"\xC3\x97", "\\times "},
                              Replacement{"\xE2\x89\x88", "\\approx "},
                              Replacement{"\xC3\xB7", "\\div "}};

// Longest first where one begins another.
constexpr std::array kLatex{Replacement{"^{\\circ}", " "},
                            Replacement{"^\\circ", " "},
                            Replacement{"\\degree", " "},
                            Replacement{"\\displaystyle", " "},
                            Replacement{"\\textstyle", " "},
                            Replacement{"\\qquad", " "},
                            Replacement{"\\quad", " "},
                            Replacement{"\\left", ""},
                            Replacement{"\\right", ""},
                            Replacement{"\\$", " "},
                            Replacement{"\\%", "%"},
                            Replacement{"\\,", " "},
                            Replacement{"\\;", " "},
                            Replacement{"\\:", " "},
                            Replacement{"\\ ", " "},
                            Replacement{"\\(", " "},
                            Replacement{"\\)", " "},
                            Replacement{"\\[", " "},
                            Replacement{"\\]", " "},
                            Replacement{"{,}", ","},
                            Replacement{"\\#", "#"},
                            Replacement{"$", " "},
                            Replacement{"~", " "}};

constexpr std::array<std::string_view, 10> kTextCommands{
    "\\textnormal", "\\textbf", "\\textit", "\\textrm",       "\\text",
    "\\mathrm",     "\\mathbf", "\\mbox",   "\\operatorname", "\\boxed"};

constexpr std::array<std::string_view, 52> kShortUnits{
    "m",   "s",   "g",    "h",   "l",    "cm",  "mm",  "km",  "kg", "mg",  "ml", "dl",  "cl",
    "ft",  "in",  "yd",   "lb",  "lbs",  "oz",  "hr",  "hrs", "am", "pm",  "mi", "sq",  "cu",
    "gb",  "mb",  "kb",   "tb",  "ms",   "us",  "ns",  "hz",  "cc", "kw",  "kj", "ha",  "mph",
    "kmh", "min", "mins", "sec", "secs", "usd", "eur", "gbp", "yr", "yrs", "wk", "pct", "pt"};

constexpr std::array<std::string_view, 52> kOperatorWords{
    "or",        "and",     "to",        "pi",       "sqrt",    "times",    "over",     "plus",
    "minus",     "divided", "million",   "millions", "billion", "billions", "trillion", "thousand",
    "thousands", "hundred", "hundreds",  "dozen",    "dozens",  "half",     "halves",   "third",
    "thirds",    "quarter", "quarters",  "fourths",  "fifths",  "negative", "not",      "no",
    "except",    "without", "sin",       "cos",      "tan",     "log",      "ln",       "exp",
    "squared",   "cubed",   "factorial", "mod",      "between", "if",       "infinity", "than",
    "least",     "most",    "either",    "neither"};

template <class List>
bool contains(const List& list, std::string_view word) {
  std::string low(word);
  std::transform(low.begin(), low.end(), low.begin(), lower);
  return std::find(list.begin(), list.end(), low) != list.end();
}

template <class List>
const Replacement* match(const List& list, std::string_view text, std::size_t at) {
  for (const Replacement& r : list) {
    if (text.substr(at, r.from.size()) == r.from) return &r;
  }
  return nullptr;
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view bare(std::string_view text) {
  constexpr std::string_view kFront = "*_\"'`:", kBack = "*_\"'`:.,;";
  while (!text.empty() && (is_space(text.front()) || kFront.find(text.front()) != kFront.npos)) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (is_space(text.back()) || kBack.find(text.back()) != kBack.npos)) {
    text.remove_suffix(1);
  }
  return text;
}

std::size_t fraction_command(std::string_view text, std::size_t at) {
  for (const std::string_view name : {"\\frac", "\\dfrac", "\\tfrac", "\\cfrac"}) {
    if (text.substr(at, name.size()) == name) return name.size();
  }
  return 0;
}

std::size_t argument_end(std::string_view text, std::size_t at) {
  while (at < text.size() && text[at] == ' ') ++at;
  if (at >= text.size()) return std::string_view::npos;
  if (text[at] != '{') return is_digit(text[at]) ? at + 1 : std::string_view::npos;
  int depth = 0;
  for (std::size_t i = at; i < text.size() && i < at + 128; ++i) {
    if (text[i] == '{') ++depth;
    if (text[i] == '}' && --depth == 0) return i + 1;
  }
  return std::string_view::npos;
}

std::string plain(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '\\' && i + 1 < text.size() && text[i + 1] == '!') {  // joins what it stands between
      i += 2;
      while (i < text.size() && is_space(text[i])) ++i;
      continue;
    }
    if (c == '\\') {
      const auto* command =
          std::find_if(kTextCommands.begin(), kTextCommands.end(), [&](std::string_view name) {
            return text.substr(i, name.size()) == name && i + name.size() < text.size() &&
                   text[i + name.size()] == '{';
          });
      if (command != kTextCommands.end()) {
        // Only the command goes: its braces stay and are read as spaces by the caller's grammar.
        const std::size_t begin = i + command->size();
        std::size_t end = begin;
        int depth = 0;
        for (; end < text.size() && end < begin + 512; ++end) {
          if (text[end] == '{') ++depth;
          if (text[end] == '}' && --depth == 0) break;
        }
        if (depth == 0 && end < text.size()) {
          out.append(" ").append(plain(text.substr(begin + 1, end - begin - 1))).append(" ");
          i = end + 1;
          continue;
        }
      }
    }
    const bool ascii = static_cast<unsigned char>(c) < 0x80;
    const Replacement* r = ascii ? match(kLatex, text, i) : match(kUnicode, text, i);
    if (r != nullptr) {
      out.append(r->to);
      i += r->from.size();
    } else {
      out.push_back(is_space(c) ? ' ' : c);
      ++i;
    }
  }
  return out;
}

bool is_operator_word(std::string_view word) { return contains(kOperatorWords, word); }

bool is_unit(std::string_view word) {
  if (is_operator_word(word)) return false;
  return word.size() >= 3 || contains(kShortUnits, word);
}

}  // namespace troupe::stages
