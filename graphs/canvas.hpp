#pragma once
// Canvas: lines, boxes and text on a grid of characters. Lines that meet become the right corner,
// tee or cross by themselves. A value; one owner; grows downwards and to the right as needed.
#include <string>
#include <string_view>
#include <vector>

namespace troupe::graphs {

class Canvas {
 public:
  /// Both ends included; the ends reach half a cell only, so that lines that meet there join.
  void horizontal(int y, int x1, int x2, bool dotted = false);
  void vertical(int x, int y1, int y2, bool dotted = false);
  void box(int x, int y, int width, const std::vector<std::string>& lines);
  /// Replaces what is there.
  void put(int x, int y, char32_t character);
  void text(int x, int y, std::string_view text);
  /// Whether [x1, x2] of row y is blank.
  bool blank(int y, int x1, int x2) const;
  /// Columns used by the rows [y1, y2].
  int width(int y1, int y2) const;
  /// Rows without trailing blanks, each with a newline.
  std::string str() const;

 private:
  struct Cell {
    unsigned char arms = 0;  // 1 up, 2 down, 4 left, 8 right
    bool dotted = false;
    char32_t character = 0;  // instead of a line
  };
  Cell& at(int x, int y);
  static char32_t line_of(const Cell& cell);
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace troupe::graphs
