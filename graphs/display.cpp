#include "graphs/display.hpp"

namespace troupe::graphs {

char32_t next_code_point(std::string_view text, std::size_t& at) {
  constexpr char32_t kInvalid = 0xFFFD;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  int more = 0;
  char32_t code = first;
  if (first < 0x80) {
    ++at;
    return code;
  } else if ((first & 0xE0) == 0xC0) {
    more = 1;
    code = first & 0x1F;
  } else if ((first & 0xF0) == 0xE0) {
    more = 2;
    code = first & 0x0F;
  } else if ((first & 0xF8) == 0xF0) {
    more = 3;
    code = first & 0x07;
  } else {
    ++at;
    return kInvalid;
  }
  for (int i = 1; i <= more; ++i) {
    if (at + i >= text.size() || (byte(at + i) & 0xC0) != 0x80) {
      ++at;
      return kInvalid;
    }
    code = (code << 6) | (byte(at + i) & 0x3F);
  }
  at += more + 1;
  return code;
}

void append_utf8(std::string& out, char32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

int width_of(char32_t c) {
  const auto in = [c](char32_t low, char32_t high) { return c >= low && c <= high; };
  if (in(0x300, 0x36F) || in(0x200B, 0x200F) || in(0xFE00, 0xFE0F)) return 0;
  // East Asian wide and emoji blocks (Unicode UAX 11), coarse: a diagnostic is off by a column at
  // worst.
  if (in(0x1100, 0x115F) || in(0x2E80, 0xA4CF) || in(0xAC00, 0xD7A3) || in(0xF900, 0xFAFF) ||
      in(0xFE30, 0xFE6F) || in(0xFF00, 0xFF60) || in(0xFFE0, 0xFFE6) || in(0x1F300, 0x1FAFF) ||
      in(0x20000, 0x3FFFD)) {
    return 2;
  }
  return 1;
}

int display_width(std::string_view text) {
  int width = 0;
  for (std::size_t at = 0; at < text.size();) width += width_of(next_code_point(text, at));
  return width;
}

DisplayLine display_line(std::string_view line) {
  constexpr int kTab = 4;
  DisplayLine out;
  int column = 0;
  for (std::size_t at = 0; at < line.size();) {
    const std::size_t begin = at;
    char32_t code = next_code_point(line, at);
    for (std::size_t i = begin; i < at; ++i) out.columns.push_back(column);
    if (code == '\t') {
      const int spaces = kTab - column % kTab;
      out.text.append(spaces, ' ');
      column += spaces;
      continue;
    }
    // Control characters could move a terminal's cursor or change its colours.
    if (code < 0x20 || (code >= 0x7F && code < 0xA0)) code = 0xFFFD;
    append_utf8(out.text, code);
    column += width_of(code);
  }
  out.columns.push_back(column);
  return out;
}

std::string columns_of(std::string_view displayed, int begin, int end) {
  std::string out;
  int column = 0;
  for (std::size_t at = 0; at < displayed.size();) {
    const char32_t code = next_code_point(displayed, at);
    const int width = width_of(code);
    if (column >= begin && column + width <= end) {
      append_utf8(out, code);
    } else if (column < end && column + width > begin) {
      out += ' ';
    }
    column += width;
  }
  return out;
}

}  // namespace troupe::graphs
