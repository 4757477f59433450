#include "actors/ledger/json_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace troupe::ledger {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// Bytes of the UTF-8 character at the front of `text`; 0 when there is none. Unicode 15, table
/// 3-7: well-formed sequences.
std::size_t character_bytes(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xbf) {
    return i < text.size() && at(i) >= low && at(i) <= high;
  };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const unsigned low = first == 0xe0 ? 0xa0 : 0x80;
    const unsigned high = first == 0xed ? 0x9f : 0xbf;
    return follows(1, low, high) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const unsigned low = first == 0xf0 ? 0x90 : 0x80;
    const unsigned high = first == 0xf4 ? 0x8f : 0xbf;
    return follows(1, low, high) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

/// Bytes at the front of `text` that stand for themselves in JSON.
std::size_t plain_bytes(std::string_view text, std::size_t limit) {
  const auto plain = [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; };
  const std::size_t most = std::min(limit, text.size());
  std::size_t size = 0;
  while (size < most && plain(text[size])) ++size;
  return size;
}

/// Calls visit(characters, plain) for runs of plain bytes and for each other character, which is
/// U+FFFD where the bytes are no UTF-8, while the sum of input bytes stays
/// within the limit. Returns whether something is left.
template <class Visit>
bool each_character(std::string_view text, std::size_t limit, Visit&& visit) {
  while (!text.empty()) {
    if (const std::size_t run = plain_bytes(text, limit); run > 0) {
      visit(text.substr(0, run), true);
      text.remove_prefix(run);
      limit -= run;
      continue;
    }
    const std::size_t size = character_bytes(text);
    const std::size_t taken = size == 0 ? 1 : size;
    if (taken > limit) return true;
    visit(size == 0 ? kReplacement : text.substr(0, size), false);
    text.remove_prefix(taken);
    limit -= taken;
  }
  return false;
}

void append_escaped(std::string& out, std::string_view character) {
  const char c = character[0];
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default:
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
      else
        out += character;
  }
}

}  // namespace

std::string clean_utf8(std::string_view text, std::size_t limit) {
  std::string out;
  each_character(text, limit, [&](std::string_view characters, bool) { out += characters; });
  return out;
}

bool append_json_string(std::string& out, std::string_view text, std::size_t limit) {
  out += '"';
  const bool cut = each_character(text, limit, [&](std::string_view characters, bool plain) {
    if (plain)
      out += characters;
    else
      append_escaped(out, characters);
  });
  out += '"';
  return cut;
}

void append_json_number(std::string& out, double value) {
  if (std::isfinite(value))
    fmt::format_to(std::back_inserter(out), "{}", value);
  else
    out += "null";
}

}  // namespace troupe::ledger
