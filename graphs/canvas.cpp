#include "graphs/canvas.hpp"

#include <algorithm>

#include "graphs/display.hpp"
#include "schemas/base/assert.hpp"

namespace troupe::graphs {
namespace {

enum Arm : unsigned char { kUp = 1, kDown = 2, kLeft = 4, kRight = 8 };

}  // namespace

Canvas::Cell& Canvas::at(int x, int y) {
  TROUPE_ASSERT(x >= 0 && y >= 0, "drawing outside of the canvas");
  if (static_cast<int>(rows_.size()) <= y) rows_.resize(y + 1);
  auto& row = rows_[y];
  if (static_cast<int>(row.size()) <= x) row.resize(x + 1);
  return row[x];
}

void Canvas::horizontal(int y, int x1, int x2, bool dotted) {
  if (x1 > x2) std::swap(x1, x2);
  for (int x = x1; x <= x2; ++x) {
    Cell& cell = at(x, y);
    cell.dotted = cell.arms == 0 ? dotted : cell.dotted && dotted;
    if (x > x1) cell.arms |= kLeft;
    if (x < x2) cell.arms |= kRight;
  }
}

void Canvas::vertical(int x, int y1, int y2, bool dotted) {
  if (y1 > y2) std::swap(y1, y2);
  for (int y = y1; y <= y2; ++y) {
    Cell& cell = at(x, y);
    cell.dotted = cell.arms == 0 ? dotted : cell.dotted && dotted;
    if (y > y1) cell.arms |= kUp;
    if (y < y2) cell.arms |= kDown;
  }
}

void Canvas::box(int x, int y, int width, const std::vector<std::string>& lines) {
  const int bottom = y + static_cast<int>(lines.size()) + 1;
  horizontal(y, x, x + width - 1);
  horizontal(bottom, x, x + width - 1);
  vertical(x, y, bottom);
  vertical(x + width - 1, y, bottom);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    text(x + 2, y + 1 + static_cast<int>(i), lines[i]);
  }
}

void Canvas::put(int x, int y, char32_t character) { at(x, y).character = character; }

void Canvas::text(int x, int y, std::string_view text) {
  for (std::size_t i = 0; i < text.size();) put(x++, y, next_code_point(text, i));
}

bool Canvas::blank(int y, int x1, int x2) const {
  if (y < 0 || y >= static_cast<int>(rows_.size())) return true;
  const auto& row = rows_[y];
  for (int x = std::max(x1, 0); x <= x2 && x < static_cast<int>(row.size()); ++x) {
    if (row[x].arms != 0 || (row[x].character != 0 && row[x].character != U' ')) return false;
  }
  return true;
}

int Canvas::width(int y1, int y2) const {
  std::size_t out = 0;
  for (int y = std::max(y1, 0); y <= y2 && y < static_cast<int>(rows_.size()); ++y) {
    out = std::max(out, rows_[y].size());
  }
  return static_cast<int>(out);
}

char32_t Canvas::line_of(const Cell& cell) {
  if (cell.character != 0) return cell.character;
  static constexpr char32_t kLines[16] = {U' ', U'│', U'│', U'│', U'─', U'┘', U'┐', U'┤',
                                          U'─', U'└', U'┌', U'├', U'─', U'┴', U'┬', U'┼'};
  if (cell.dotted && (cell.arms & (kLeft | kRight)) == 0 && cell.arms != 0) return U'┆';
  if (cell.dotted && (cell.arms & (kUp | kDown)) == 0 && cell.arms != 0) return U'┄';
  return kLines[cell.arms];
}

std::string Canvas::str() const {
  std::string out;
  for (const auto& row : rows_) {
    std::string text;
    for (const Cell& cell : row) append_utf8(text, line_of(cell));
    while (!text.empty() && text.back() == ' ') text.pop_back();
    out += text + "\n";
  }
  return out;
}

}  // namespace troupe::graphs
