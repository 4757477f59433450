#pragma once
// Layout: where the boxes of a drawing stand. Boxes are put into rows, every arc leads from a row
// to the next one down (long arcs pass through rows by invisible nodes), rows are ordered so that
// few lines cross, and shifted so that lines are straight where they can be (Sugiyama, Tagawa, Toda
// 1981; the shifting solves each row exactly as an isotonic regression). In units of the caller:
// columns of text or pixels. Pure functions; values; the same input gives the same layout.
#include <vector>

namespace troupe::graphs {

struct LayoutArc {
  int from = 0, to = 0;        // boxes
  bool may_lead_back = false;  // `~>`: if the target stands above, the arc is none of the lines
  int label_width = 0;         // with label rows: what is written on the arc; 0: nothing
};

struct LayoutRequest {
  std::vector<int> widths;  // of the boxes; 0: not drawn, and no arc ends there
  std::vector<LayoutArc> arcs;
  int gap = 3;              // between neighbours of a row
  int pass_width = 1;       // of an arc that passes between boxes
  bool label_rows = false;  // between two rows of boxes stands one for labels
};

struct LayoutNode {
  int box = -1;        // -1: an arc that passes through this row
  int arc = -1;        // of passing nodes
  bool label = false;  // the arc's label stands here
  int row = 0;
  int x = 0, width = 1;
  int center() const { return x + width / 2; }
};

/// From a node to one in the next row.
struct LayoutLine {
  int from = 0, to = 0;  // nodes
  int arc = 0;
  bool last = true;  // ends at the box, not at a passing node
};

struct Layout {
  std::vector<LayoutNode> nodes;
  std::vector<std::vector<int>> rows;  // nodes from left to right
  std::vector<LayoutLine> lines;
  std::vector<int> back;  // arcs that lead upwards or sideways
  int width = 0;
};

/// Arcs that may not lead back form no cycle.
Layout layout_of(const LayoutRequest& request);

}  // namespace troupe::graphs
