// The flow as boxes and lines of characters.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "graphs/canvas.hpp"
#include "graphs/display.hpp"
#include "graphs/layout.hpp"
#include "graphs/picture.hpp"
#include "graphs/print.hpp"

namespace troupe::graphs {
namespace {

/// One line of a channel between two rows of boxes, with the columns where it leaves and arrives.
struct Wire {
  const LayoutLine* line = nullptr;
  int x1 = 0, x2 = 0;
  bool dotted = false;
  int track = -1;  // -1: straight down
};

class Drawing {
 public:
  Drawing(const Plan& plan, int width) : plan_(plan), width_(width) {}

  std::string run() {
    LayoutRequest request;
    request.widths.resize(plan_.stages.size());
    for (std::size_t i = 0; i < plan_.stages.size(); ++i) {
      if (!plan_.stages[i].in_flow) continue;
      for (const std::string& line : box_lines(plan_.stages[i])) {
        request.widths[i] = std::max(request.widths[i], display_width(line) + 4);
      }
    }
    for (const EdgePlan& edge : plan_.edges) {
      request.arcs.push_back({static_cast<int>(edge.from.stage), static_cast<int>(edge.to.stage),
                              edge.delivery == Delivery::Latest});
    }
    for (const CallPlan& call : plan_.calls) {
      request.arcs.push_back(
          {static_cast<int>(call.from.stage), static_cast<int>(call.to.stage), true});
    }
    layout_ = layout_of(request);
    if (layout_.width > width_) return as_list();
    int y = 0;
    for (std::size_t row = 0; row < layout_.rows.size(); ++row) y = channel(row, boxes(row, y));
    back_edges();
    std::string out = canvas_.str();
    for (const std::string& note : notes_) out += note + "\n";
    return out;
  }

 private:
  /// Too wide for boxes: the lines of the flow, and what they do not say.
  std::string as_list() {
    std::string out;
    for (const std::string& line : plan_.flow) out += line + "\n";
    for (const EdgePlan& edge : plan_.edges) {
      if (const std::string label = label_of(edge); !label.empty()) {
        out += fmt::format("  {}: {}\n", edge.name, label);
      }
    }
    if (plan_.gate) out += "  " + plan_.stages[plan_.gate->stage].name + ": " + gate_text() + "\n";
    return out;
  }

  /// The arcs of the layout are the edges of the plan, and then its calls.
  const EdgePlan* edge_of(int arc) const {
    return arc < static_cast<int>(plan_.edges.size()) ? &plan_.edges[arc] : nullptr;
  }
  const CallPlan& call_of(int arc) const { return plan_.calls[arc - plan_.edges.size()]; }
  bool dotted(int arc) const { return edge_of(arc) && edge_of(arc)->delivery == Delivery::Latest; }
  std::string label_of(int arc) const {
    return edge_of(arc) ? label_of(*edge_of(arc)) : in_a_row(call_notes(call_of(arc)));
  }

  static std::string in_a_row(const std::vector<std::string>& parts) {
    std::string out;
    for (const std::string& part : parts) out += (out.empty() ? "" : ", ") + part;
    return out;
  }

  std::string gate_text() const { return "gate: " + gate_note(plan_); }

  std::string label_of(const EdgePlan& edge) const { return in_a_row(edge_notes(plan_, edge)); }

  /// Draws a row of boxes at `y`; gives the row below them.
  int boxes(std::size_t row, int y) {
    int height = 0;
    for (const int index : layout_.rows[row]) {
      const LayoutNode& node = layout_.nodes[index];
      if (node.box < 0) continue;
      const auto lines = box_lines(plan_.stages[node.box]);
      canvas_.box(node.x, y, node.width, lines);
      tops_[node.box] = {y, &node};
      bottoms_[index] = y + static_cast<int>(lines.size()) + 2;
      height = std::max(height, static_cast<int>(lines.size()) + 2);
    }
    for (const int index : layout_.rows[row]) {
      if (layout_.nodes[index].box >= 0) continue;
      const int x = layout_.nodes[index].center();
      const bool dotted = dotted_through(index);
      canvas_.vertical(x, y - 1, y + height, dotted);
      bottoms_[index] = y + height;
    }
    return y + height;
  }

  bool dotted_through(int node) const {
    for (const LayoutLine& line : layout_.lines) {
      if (line.to == node) return dotted(line.arc);
    }
    return false;
  }

  std::vector<Wire> wires_below(std::size_t row) const {
    std::vector<Wire> out;
    std::map<int, int> leaving, entering;
    for (const LayoutLine& line : layout_.lines) {
      if (layout_.nodes[line.from].row != static_cast<int>(row)) continue;
      const LayoutNode& from = layout_.nodes[line.from];
      const bool call = !edge_of(line.arc) && from.box >= 0;
      if (!call) ++leaving[line.from];
      ++entering[line.to];
      // A call leaves near the corner, apart from what flows on.
      out.push_back({&line, call ? from.x + from.width - 4 : from.center(),
                     layout_.nodes[line.to].center(), dotted(line.arc), -1});
    }
    // A line that may be straight is: it leaves or arrives off the middle of a box.
    const auto inside = [&](int node, int x) {
      const LayoutNode& box = layout_.nodes[node];
      return x > box.x + 1 && x < box.x + box.width - 2;
    };
    for (Wire& wire : out) {
      if (entering[wire.line->to] == 1 && inside(wire.line->to, wire.x1)) {
        wire.x2 = wire.x1;
      } else if (edge_of(wire.line->arc) && leaving[wire.line->from] == 1 &&
                 inside(wire.line->from, wire.x2)) {
        wire.x1 = wire.x2;
      }
    }
    return out;
  }

  /// Wires that share an end share a track; tracks whose spans overlap lie below each other.
  static int assign_tracks(std::vector<Wire>& wires) {
    struct Net {
      std::vector<Wire*> wires;
      int low = 0, high = 0;
    };
    std::vector<Net> nets;
    std::vector<bool> taken(wires.size());
    for (std::size_t i = 0; i < wires.size(); ++i) {
      if (taken[i]) continue;
      Net net;
      std::vector<std::size_t> open{i};
      taken[i] = true;
      while (!open.empty()) {
        Wire& wire = wires[open.back()];
        open.pop_back();
        net.wires.push_back(&wire);
        for (std::size_t j = 0; j < wires.size(); ++j) {
          const bool meets = wires[j].x1 == wire.x1 || wires[j].x2 == wire.x2;
          if (taken[j] || !meets || wires[j].dotted != wire.dotted) continue;
          taken[j] = true;
          open.push_back(j);
        }
      }
      net.low = std::min(net.wires.front()->x1, net.wires.front()->x2);
      net.high = net.low;
      for (const Wire* wire : net.wires) {
        net.low = std::min({net.low, wire->x1, wire->x2});
        net.high = std::max({net.high, wire->x1, wire->x2});
      }
      if (net.low != net.high) nets.push_back(std::move(net));
    }
    std::vector<std::vector<const Net*>> tracks;
    for (const Net& net : nets) {
      std::size_t track = 0;
      const auto overlaps = [&](const Net* other) {
        return net.low <= other->high + 1 && other->low <= net.high + 1;
      };
      while (track < tracks.size() &&
             std::any_of(tracks[track].begin(), tracks[track].end(), overlaps)) {
        ++track;
      }
      if (track == tracks.size()) tracks.emplace_back();
      tracks[track].push_back(&net);
      for (Wire* wire : net.wires) wire->track = static_cast<int>(track);
    }
    return static_cast<int>(tracks.size());
  }

  /// Draws the lines from `row` to the next one; gives where that row begins.
  int channel(std::size_t row, int y) {
    std::vector<Wire> wires = wires_below(row);
    if (wires.empty()) return y + 1;
    const int tracks = assign_tracks(wires);
    bool gate = false, labels = false;
    for (const Wire& wire : wires) {
      gate = gate || enters_gate(wire);
      labels = labels || (wire.line->last && !label_of(wire.line->arc).empty());
    }
    const int first_track = y + (tracks > 0 ? 1 : 0);
    const int label_row = first_track + tracks;
    const int gate_row = label_row + (labels ? 1 : 0);
    const int end = gate_row + (gate ? 1 : 0) + (tracks > 0 || labels || gate ? 0 : 1);
    for (const Wire& wire : wires) {
      const int top = bottoms_.at(wire.line->from) - 1;
      const int turn = wire.track < 0 ? end : first_track + wire.track;
      canvas_.vertical(wire.x1, top, turn, wire.dotted);
      canvas_.horizontal(turn, wire.x1, wire.x2, wire.dotted);
      canvas_.vertical(wire.x2, turn, end, wire.dotted);
    }
    for (const Wire& wire : wires) finish(wire, first_track, label_row, gate_row, end);
    return end + 1;
  }

  bool enters_gate(const Wire& wire) const {
    const EdgePlan* edge = edge_of(wire.line->arc);
    return wire.line->last && edge && graphs::enters_gate(plan_, *edge);
  }

  void finish(const Wire& wire, int first_track, int label_row, int gate_row, int end) {
    const int arc = wire.line->arc;
    const EdgePlan* edge = edge_of(arc);
    // A call has a head at both ends.
    if (!edge && layout_.nodes[wire.line->from].box >= 0) {
      canvas_.put(wire.x1, bottoms_.at(wire.line->from), U'▲');
    }
    if (!wire.line->last) return;
    if (edge && edge->join && wire.track >= 0) canvas_.put(wire.x2, first_track + wire.track, U'&');
    if (enters_gate(wire) && !gate_drawn_) {
      gate_drawn_ = true;
      const int left = std::max(0, wire.x2 - 3);
      for (int x = left; x < wire.x2 + 4; ++x) canvas_.put(x, gate_row, U'═');
      canvas_.put(wire.x2, gate_row, U'╪');
      canvas_.text(wire.x2 + 5, gate_row, gate_text());
    }
    canvas_.put(wire.x2, end, U'▼');
    const std::string label = label_of(arc);
    std::string& known = labelled_[{wire.line->to, wire.x2}];
    if (label.empty() || known == label) return;
    known = label;
    const int width = display_width(label);
    if (canvas_.blank(label_row, wire.x2 + 1, wire.x2 + width + 2)) {
      canvas_.text(wire.x2 + 2, label_row, label);
    } else {
      notes_.push_back(fmt::format("{}: {}", edge ? edge->name : call_of(arc).name, label));
    }
  }

  /// `~>` edges that lead back run up the right margin.
  void back_edges() {
    std::map<std::pair<std::uint32_t, std::string>, std::vector<const EdgePlan*>> by_port;
    for (const int index : layout_.back) {
      if (const EdgePlan* edge = edge_of(index)) {
        by_port[{edge->from.stage, edge->from.port}].push_back(edge);
      } else {
        notes_.push_back(call_of(index).name);  // of a service that stands above in the flow
      }
    }
    int column = 0;
    for (const auto& [port, edges] : by_port) {
      const auto [from_y, from] = tops_.at(port.first);
      for (const EdgePlan* edge : edges) {
        column = std::max(column, canvas_.width(tops_.at(edge->to.stage).first, from_y + 3) + 3);
      }
      bool drawn = false;
      for (const EdgePlan* edge : edges) {
        const auto [to_y, to] = tops_.at(edge->to.stage);
        if (!free_right(*from) || !free_right(*to)) {
          notes_.push_back(edge->name);
          continue;
        }
        canvas_.horizontal(from_y + 1, from->x + from->width, column, true);
        canvas_.vertical(column, from_y + 1, to_y + 1, true);
        canvas_.horizontal(to_y + 1, to->x + to->width, column, true);
        canvas_.put(to->x + to->width, to_y + 1, U'◀');
        drawn = true;
      }
      if (!drawn) continue;
      canvas_.text(column + 2, from_y + 1, port.second);
      column += display_width(port.second) + 4;
    }
  }

  bool free_right(const LayoutNode& node) const {
    for (const int other : layout_.rows[node.row]) {
      if (layout_.nodes[other].x > node.x && layout_.nodes[other].box >= 0) return false;
    }
    return true;
  }

  const Plan& plan_;
  int width_;
  Layout layout_;
  Canvas canvas_;
  std::map<std::uint32_t, std::pair<int, const LayoutNode*>> tops_;
  std::map<int, int> bottoms_;                           // of nodes: the first row below
  std::map<std::pair<int, int>, std::string> labelled_;  // by node and column
  std::vector<std::string> notes_;
  bool gate_drawn_ = false;
};

}  // namespace

std::string draw_text(const Plan& plan, int width) { return Drawing(plan, width).run(); }

}  // namespace troupe::graphs
