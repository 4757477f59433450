#pragma once
// Layout: where the boxes of a drawing stand. Stages are put into rows, every edge leads from a row
// to the next one down (long edges pass through rows by invisible nodes), and rows are ordered and
// shifted so that lines are short and few cross (Sugiyama, Tagawa, Toda 1981, in its simplest
// form). Pure functions; values.
#include <cstdint>
#include <vector>

#include "graphs/plan.hpp"

namespace troupe::graphs {

struct LayoutNode {
  int stage = -1;  // -1: an edge that passes through this row
  int row = 0;
  int x = 0, width = 1;
  int center() const { return x + width / 2; }
};

/// From a node to one in the next row.
struct LayoutLine {
  int from = 0, to = 0;    // nodes
  std::uint32_t edge = 0;  // of the plan
  bool last = true;        // ends at the stage, not at a passing node
};

struct Layout {
  std::vector<LayoutNode> nodes;
  std::vector<std::vector<int>> rows;  // nodes from left to right
  std::vector<LayoutLine> lines;
  std::vector<std::uint32_t> back;  // `~>` edges that lead upwards or sideways
  int width = 0;
};

/// `widths` of the boxes by stage; 0: not drawn.
Layout layout_of(const Plan& plan, const std::vector<int>& widths);

}  // namespace troupe::graphs
