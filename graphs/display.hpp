#pragma once
// How text looks on a terminal: one line of a source with tabs expanded and unprintable bytes
// replaced, and which column a byte falls into. For diagnostics and drawings. Pure functions; any
// bytes are accepted.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::graphs {

/// Decodes one code point at `at` and moves `at` behind it. Invalid UTF-8 gives U+FFFD and moves
/// one byte. `at` < text.size().
char32_t next_code_point(std::string_view text, std::size_t& at);
void append_utf8(std::string& out, char32_t code_point);
/// Columns of a code point on a terminal: 0, 1 or 2.
int width_of(char32_t code_point);
int display_width(std::string_view text);

struct DisplayLine {
  std::string text;          // printable
  std::vector<int> columns;  // of each byte of the line, from 0; one more for its end
};
/// `line` has no newline in it.
DisplayLine display_line(std::string_view line);
/// Columns [begin, end) of a line, padded where a wide character is cut.
std::string columns_of(std::string_view displayed, int begin, int end);

}  // namespace troupe::graphs
