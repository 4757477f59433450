// The flow as an SVG picture of its own: no Graphviz, no script, no font of the reader's needed.
// Light and dark by the reader's preference; what a box hides is said when the pointer rests on it.
#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "graphs/display.hpp"
#include "graphs/layout.hpp"
#include "graphs/picture.hpp"
#include "graphs/print.hpp"
#include "graphs/svg_style.hpp"
#include "graphs/tracks.hpp"

namespace troupe::graphs {
namespace {

// Pixels.
constexpr int kMargin = 20, kGap = 34, kPadding = 16, kLine = 17, kNameSize = 14, kKindSize = 12,
              kNoteSize = 11, kNoteLine = 14, kTrack = 12, kHead = 8, kBoxMax = 360;

struct Box {
  enum class Type { Stage, Gate, Join, Route };
  Type type = Type::Stage;
  std::vector<std::string> lines;  // shown
  std::string hint;                // said when pointed at
  Role role = Role::Other;
  bool bare = false;  // no line leads to it
  int width = 0, height = 0;
};

struct Arc {
  enum class Type { Queue, Observe, Latest, Call };
  Type type = Type::Queue;
  std::vector<std::string> notes;
  std::string hint;
  bool head = true;
};

std::string_view class_of(Arc::Type type) {
  switch (type) {
    case Arc::Type::Queue:
      return "queue";
    case Arc::Type::Observe:
      return "observe";
    case Arc::Type::Latest:
      return "latest";
    case Arc::Type::Call:
      return "call";
  }
  return "";
}

int text_width(const std::vector<std::string>& lines, int first_size, int size) {
  double out = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    out = std::max(out, svg_text_width(lines[i], i == 0 ? first_size : size, i == 0));
  }
  return static_cast<int>(std::ceil(out));
}

/// What the graph says of the stage: the options that are not left at their defaults.
std::string stage_hint(const StagePlan& stage) {
  std::string out = fmt::format("{}: {}", stage.kind, stage.contract->doc);
  for (const OptionSpec& spec : stage.contract->options) {
    const auto option = stage.options.find(spec.name);
    if (option == stage.options.end() || option->second.origin.from == Origin::From::Default) {
      continue;
    }
    const auto& [value, origin, written] = option->second;
    out += fmt::format("\n{} = {}", spec.name, written.empty() ? value.text() : written);
  }
  return out;
}

std::string edge_hint(const EdgePlan& edge) {
  if (edge.delivery == Delivery::Latest) return edge.name + ": the latest value";
  std::string out =
      fmt::format("{}: room for {} {}{}, {}", edge.name, edge.capacity_items, name_of(edge.type),
                  edge.capacity_items == 1 ? "" : "s", byte_size_text({edge.capacity_bytes}));
  if (edge.max_staleness) out += fmt::format("; at most {} steps old", *edge.max_staleness);
  if (!edge.accounted) out += "; observes";
  if (edge.when_full == WhenFull::DropOldest) out += "; drops the oldest when full";
  return out;
}

class Drawing {
 public:
  explicit Drawing(const Plan& plan) : plan_(plan) {}

  std::string run() {
    make_boxes();
    make_arcs();
    request_.gap = kGap;
    request_.pass_width = 2;
    request_.label_rows = true;
    for (const Box& box : boxes_) request_.widths.push_back(box.bare ? 0 : box.width);
    layout_ = layout_of(request_);
    for (LayoutNode& node : layout_.nodes) node.x += kMargin;
    place();
    lines();
    back_lines();
    for (std::size_t i = 0; i < layout_.nodes.size(); ++i) draw_node(static_cast<int>(i));
    return document();
  }

 private:
  // ------------------------------------------------------------------ what is drawn

  int add_box(Box box) {
    boxes_.push_back(std::move(box));
    return static_cast<int>(boxes_.size()) - 1;
  }

  void make_boxes() {
    for (const StagePlan& stage : plan_.stages) {
      Box box;
      box.bare = !stage.in_flow;
      box.lines = box_lines(stage);
      box.hint = stage_hint(stage);
      box.role = role_of(*stage.contract);
      for (std::string& line : box.lines) {
        const int size = &line == box.lines.data() ? kNameSize : kKindSize;
        line = svg_shortened(line, size, &line == box.lines.data(), kBoxMax);
      }
      box.width = text_width(box.lines, kNameSize, kKindSize) + 2 * kPadding;
      box.height = static_cast<int>(box.lines.size()) * kLine + 14;
      add_box(std::move(box));
    }
    if (plan_.gate) {
      Box box;
      box.type = Box::Type::Gate;
      box.lines = {"gate", gate_note(plan_)};
      box.hint = "the admission gate: lets in what can be trained before it is too old";
      box.width = static_cast<int>(svg_text_width("gate", kNoteSize, true) +
                                   svg_text_width(box.lines[1], kNoteSize, false)) +
                  2 * kPadding + 8;
      box.height = 24;
      gate_ = add_box(std::move(box));
    }
    for (const JoinPlan& join : plan_.joins) {
      Box box;
      box.type = Box::Type::Join;
      box.lines = {"&"};
      box.hint = fmt::format("join: {} gets each sample once, with what every branch added",
                             plan_.stages[join.to.stage].name);
      box.width = box.height = 22;
      joins_.push_back(add_box(std::move(box)));
    }
    for (const RoutePlan& route : plan_.routes) {
      Box box;
      box.type = Box::Type::Route;
      box.lines = {"task"};
      box.hint = fmt::format("route: what leaves {} goes down the branch of its task",
                             plan_.stages[route.entrance.stage].name);
      box.width = 64;
      box.height = 32;
      routes_.push_back(add_box(std::move(box)));
    }
  }

  void add_arc(int from, int to, Arc arc) {
    request_.arcs.push_back(
        {from, to, arc.type == Arc::Type::Latest,
         arc.notes.empty() ? 0 : text_width(arc.notes, kNoteSize, kNoteSize) + 10});
    arcs_.push_back(std::move(arc));
  }

  void make_arcs() {
    for (const EdgePlan& edge : plan_.edges) {
      Arc arc;
      arc.type = edge.delivery == Delivery::Latest ? Arc::Type::Latest
                 : edge.accounted                  ? Arc::Type::Queue
                                                   : Arc::Type::Observe;
      arc.hint = edge_hint(edge);
      int to = static_cast<int>(edge.to.stage);
      if (edge.join) {
        to = joins_[edge.join->join];
        arc.head = false;
        if (edge.tasks) arc.notes = {edge.tasks->text()};
      } else {
        arc.notes = edge_notes(plan_, edge);
        if (enters_gate(plan_, edge)) to = *gate_;
      }
      const int from = edge.route ? routes_[*edge.route] : static_cast<int>(edge.from.stage);
      add_arc(from, to, std::move(arc));
    }
    for (const CallPlan& call : plan_.calls) {
      Arc arc;
      arc.type = Arc::Type::Call;
      arc.notes = call_notes(call);
      arc.hint = fmt::format("{}: at most {} calls at once, each within {}", call.name,
                             call.concurrency, duration_text(call.deadline));
      add_arc(static_cast<int>(call.from.stage), static_cast<int>(call.to.stage), std::move(arc));
    }
    if (gate_) add_arc(*gate_, static_cast<int>(plan_.gate->stage), {});
    for (const RoutePlan& route : plan_.routes) {
      Arc arc;
      arc.head = false;
      add_arc(static_cast<int>(route.entrance.stage), routes_[route.index], std::move(arc));
    }
    for (const JoinPlan& join : plan_.joins) {
      Arc arc;
      if (join.outer) {
        arc.head = false;
        add_arc(joins_[join.index], joins_[join.outer->join], std::move(arc));
      } else {
        arc.notes = join_notes(plan_, join);
        add_arc(joins_[join.index], static_cast<int>(join.to.stage), std::move(arc));
      }
    }
  }

  // ------------------------------------------------------------------ where it stands

  int height_of(const LayoutNode& node) const {
    if (node.box >= 0) return boxes_[node.box].height;
    if (!node.label) return 0;
    return static_cast<int>(arcs_[node.arc].notes.size()) * kNoteLine + 4;
  }

  int top(int node) const {
    const LayoutNode& at = layout_.nodes[node];
    return row_y_[at.row] + (row_height_[at.row] - height_of(at)) / 2;
  }
  int bottom(int node) const { return top(node) + height_of(layout_.nodes[node]); }

  std::vector<Wire> wires_below(int row) const {
    std::vector<Wire> out;
    std::map<int, int> leaving, entering;
    for (const LayoutLine& line : layout_.lines) {
      const LayoutNode& from = layout_.nodes[line.from];
      if (from.row != row) continue;
      const bool call = from.box >= 0 && arcs_[line.arc].type == Arc::Type::Call;
      if (!call) ++leaving[line.from];
      ++entering[line.to];
      // A call leaves near the corner, apart from what flows on.
      out.push_back({&line, call ? from.x + from.width - 20 : from.center(),
                     layout_.nodes[line.to].center(), call ? -1 - line.arc : 0});
    }
    // A line that may be straight is: it leaves or arrives off the middle of a box.
    const auto inside = [&](int node, int x) {
      const LayoutNode& box = layout_.nodes[node];
      return box.box >= 0 && boxes_[box.box].type != Box::Type::Join &&
             boxes_[box.box].type != Box::Type::Route && x > box.x + 12 &&
             x < box.x + box.width - 12;
    };
    for (Wire& wire : out) {
      if (entering[wire.line->to] == 1 && inside(wire.line->to, wire.x1)) {
        wire.x2 = wire.x1;
      } else if (wire.net == 0 && leaving[wire.line->from] == 1 &&
                 inside(wire.line->from, wire.x2)) {
        wire.x1 = wire.x2;
      }
    }
    // Lines out of one box share their way, and so do lines into one box that leave alone.
    for (Wire& wire : out) {
      if (wire.net < 0) continue;
      const LayoutLine& line = *wire.line;
      wire.net = leaving[line.from] > 1 ? line.from * 2 : line.to * 2 + 1;
    }
    return out;
  }

  void place() {
    const int rows = static_cast<int>(layout_.rows.size());
    row_y_.resize(rows);
    row_height_.resize(rows);
    wires_.resize(rows);
    nets_.resize(rows);
    sides_.resize(rows);
    find_sides();
    int y = kMargin;
    for (int row = 0; row < rows; ++row) {
      for (const int node : layout_.rows[row]) {
        row_height_[row] = std::max(row_height_[row], height_of(layout_.nodes[node]));
      }
      row_y_[row] = y;
      y += row_height_[row];
      wires_[row] = wires_below(row);
      const int tracks = assign_tracks(wires_[row], nets_[row]);
      bool arrives = false;
      for (const Wire& wire : wires_[row]) arrives = arrives || has_head(*wire.line);
      int channel = sides_[row] * kTrack;
      if (tracks > 0) channel += 10 + (tracks - 1) * kTrack;
      channel += arrives ? kHead + 12 : tracks > 0 ? 8 : 6;
      if (row + 1 < rows) y += channel;
    }
    height_ = y + kMargin;
    width_ = layout_.width + 2 * kMargin;
  }

  bool has_head(const LayoutLine& line) const { return line.last && arcs_[line.arc].head; }

  void lines() {
    // One path from end to end: pieces would show where they meet.
    std::map<int, std::vector<Point>> paths;
    for (std::size_t row = 0; row < wires_.size(); ++row) {
      for (const Wire& wire : wires_[row]) {
        const Net& net = nets_[row].at(wire.net);
        const bool head = has_head(*wire.line);
        const int end = top(wire.line->to);
        const int turn = row_y_[row] + row_height_[row] + sides_[row] * kTrack + 10 +
                         std::max(net.track, 0) * kTrack;
        auto& path = paths[wire.line->arc];
        for (const Point point :
             {Point{wire.x1, bottom(wire.line->from)}, Point{wire.x1, turn}, Point{wire.x2, turn},
              Point{wire.x2, end - (head ? kHead - 1 : 0)}}) {
          if (wire.x1 != wire.x2 || point.y != turn) path.push_back(point);
        }
        if (head) arrow({wire.x2, end}, {0, 1}, arcs_[wire.line->arc]);
        // A call has a head at both ends.
        if (arcs_[wire.line->arc].type != Arc::Type::Call ||
            layout_.nodes[wire.line->from].box < 0) {
          continue;
        }
        path.front().y += kHead - 1;
        arrow({wire.x1, bottom(wire.line->from)}, {0, -1}, arcs_[wire.line->arc]);
      }
    }
    for (const auto& [arc, path] : paths) stroke(path, arcs_[arc]);
  }

  void stroke(const std::vector<Point>& points, const Arc& arc) {
    wires_svg_ += fmt::format("<path class=\"line {}\" d=\"{}\">{}</path>\n", class_of(arc.type),
                              path_of(points), hint(arc.hint));
  }

  void arrow(Point tip, Point direction, const Arc& arc) {
    const Point side{direction.y, direction.x};
    const Point base{tip.x - direction.x * kHead, tip.y - direction.y * kHead};
    heads_svg_ += fmt::format("<path class=\"head {}\" d=\"M{} {}L{} {}L{} {}Z\"/>\n",
                              class_of(arc.type), tip.x, tip.y, base.x + side.x * 4,
                              base.y + side.y * 4, base.x - side.x * 4, base.y - side.y * 4);
  }

  static std::string hint(const std::string& text) {
    return text.empty() ? "" : "<title>" + xml_escaped(text) + "</title>";
  }

  // ------------------------------------------------------------------ arcs that lead back

  /// Whether a line may leave the node on its right without crossing another box.
  bool free_right(int node) const {
    const auto& row = layout_.rows[layout_.nodes[node].row];
    for (auto at = std::find(row.begin(), row.end(), node) + 1; at < row.end(); ++at) {
      if (layout_.nodes[*at].box >= 0) return false;
    }
    return true;
  }

  int node_of(int box) const {
    for (std::size_t i = 0; i < layout_.nodes.size(); ++i) {
      if (layout_.nodes[i].box == box) return static_cast<int>(i);
    }
    return -1;
  }

  /// Rows whose boxes have another one to their right: the line runs below the row instead, and
  /// the channel there gets room for it.
  void find_sides() {
    for (const int index : layout_.back) {
      const LayoutArc& arc = request_.arcs[index];
      for (const int box : {arc.from, arc.to}) {
        const int node = node_of(box);
        if (!free_right(node)) sides_[layout_.nodes[node].row] = 1;
      }
    }
  }

  /// They run up the right margin, those of one output in one trunk.
  void back_lines() {
    std::map<std::pair<int, std::string>, std::vector<int>> trunks;
    for (const int index : layout_.back) {
      const bool call = arcs_[index].type == Arc::Type::Call;
      trunks[{request_.arcs[index].from, call ? "" : plan_.edges[index].from.port}].push_back(
          index);
    }
    int column = kMargin + layout_.width + 26;
    for (const auto& [port, arcs] : trunks) {
      const Arc& first = arcs_[arcs.front()];
      int low = 0, high = 1 << 30;
      for (const int index : arcs) {
        const Point from = leave(node_of(request_.arcs[index].from), index, column, false);
        const Point to = leave(node_of(request_.arcs[index].to), index, column, true);
        low = std::max(low, from.y);
        high = std::min(high, to.y);
      }
      if (first.notes.empty()) continue;
      // The label stands upright in the middle of the trunk.
      const int y = (low + high) / 2;
      const int width = text_width(first.notes, kNoteSize, kNoteSize);
      labels_svg_ += fmt::format(
          "<g transform=\"translate({} {}) rotate(-90)\"><rect class=\"paper\" x=\"{}\" y=\"-8\" "
          "width=\"{}\" height=\"16\"/><text class=\"note {}\" y=\"4\">{}</text></g>\n",
          column, y, -width / 2 - 4, width + 8, class_of(first.type),
          xml_escaped(first.notes.front()));
      column += 22;
    }
    if (!trunks.empty()) width_ = std::max(width_, column - 22 + kMargin);
  }

  /// From the trunk at `column` to the node, or back; gives where it meets the trunk.
  Point leave(int node, int index, int column, bool into) {
    const LayoutNode& box = layout_.nodes[node];
    const Arc& arc = arcs_[index];
    const LayoutArc& ends = request_.arcs[index];
    const int other = node_of(into ? ends.from : ends.to);
    const auto meet = [&](int at) {
      return free_right(at)
                 ? (top(at) + bottom(at)) / 2
                 : row_y_[layout_.nodes[at].row] + row_height_[layout_.nodes[at].row] + 8;
    };
    const bool head = into || arc.type == Arc::Type::Call;
    const int y = meet(node), middle = (y + meet(other)) / 2;
    if (free_right(node)) {
      const int right = box.x + box.width;
      stroke({{right + (head ? kHead - 1 : 0), y}, {column, y}, {column, middle}}, arc);
      if (head) arrow({right, y}, {-1, 0}, arc);
    } else {
      const int x = box.x + box.width - 16;
      stroke({{x, bottom(node) + (head ? kHead - 1 : 0)}, {x, y}, {column, y}, {column, middle}},
             arc);
      if (head) arrow({x, bottom(node)}, {0, -1}, arc);
    }
    return {column, y};
  }

  // ------------------------------------------------------------------ boxes and text

  void draw_node(int index) {
    const LayoutNode& node = layout_.nodes[index];
    if (node.label) draw_label(index);
    if (node.box < 0) return;
    const Box& box = boxes_[node.box];
    const int x = node.x, y = top(index), center = node.center();
    std::string out;
    switch (box.type) {
      case Box::Type::Join:
        out = fmt::format(
            "<circle class=\"joint\" cx=\"{}\" cy=\"{}\" r=\"{}\"/>"
            "<text class=\"sign\" x=\"{}\" y=\"{}\">&amp;</text>",
            center, y + box.height / 2, box.width / 2, center, y + box.height / 2 + 4);
        break;
      case Box::Type::Route: {
        const int middle = y + box.height / 2;
        out = fmt::format(
            "<path class=\"joint\" d=\"M{} {}L{} {}L{} {}L{} {}Z\"/>"
            "<text class=\"note\" x=\"{}\" y=\"{}\">{}</text>",
            x, middle, center, y, x + box.width, middle, center, y + box.height, center, middle + 4,
            xml_escaped(box.lines[0]));
        break;
      }
      case Box::Type::Gate:
        out = fmt::format(
            "<rect class=\"gate\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"12\"/>"
            "<text class=\"gate-text\" x=\"{}\" y=\"{}\"><tspan class=\"strong\">{}</tspan> "
            "{}</text>",
            x, y, box.width, box.height, center, y + 16, xml_escaped(box.lines[0]),
            xml_escaped(box.lines[1]));
        break;
      case Box::Type::Stage:
        out = fmt::format(
            "<rect class=\"box {}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"8\"/>",
            name_of(box.role), x, y, box.width, box.height);
        for (std::size_t i = 0; i < box.lines.size(); ++i) {
          out += fmt::format("<text class=\"{}\" x=\"{}\" y=\"{}\">{}</text>",
                             i == 0 ? "name" : "kind", center, y + 20 + static_cast<int>(i) * kLine,
                             xml_escaped(box.lines[i]));
        }
        break;
    }
    boxes_svg_ += fmt::format("<g>{}{}</g>\n", hint(box.hint), out);
  }

  void draw_label(int index) {
    const LayoutNode& node = layout_.nodes[index];
    const Arc& arc = arcs_[node.arc];
    const int y = top(index);
    labels_svg_ +=
        fmt::format("<rect class=\"paper\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>\n",
                    node.x, y, node.width, height_of(node));
    for (std::size_t i = 0; i < arc.notes.size(); ++i) {
      labels_svg_ += fmt::format(
          "<text class=\"note {}\" x=\"{}\" y=\"{}\">{}</text>\n", class_of(arc.type),
          node.center(), y + 13 + static_cast<int>(i) * kNoteLine, xml_escaped(arc.notes[i]));
    }
  }

  std::string document() const {
    return fmt::format(
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" "
               "viewBox=\"0 0 {0} {1}\" role=\"img\">\n<title>{2}</title>\n<style>\n{3}</style>\n"
               "<rect class=\"paper\" width=\"{0}\" height=\"{1}\"/>\n",
               width_, height_, xml_escaped(plan_.run.name), svg_style()) +
           wires_svg_ + labels_svg_ + boxes_svg_ + heads_svg_ + "</svg>\n";
  }

  const Plan& plan_;
  std::vector<Box> boxes_;  // the stages first, by index
  std::vector<Arc> arcs_;   // the edges of the plan first, by index
  std::optional<int> gate_;
  std::vector<int> joins_, routes_;
  LayoutRequest request_;
  Layout layout_;
  std::vector<int> row_y_, row_height_;
  std::vector<std::vector<Wire>> wires_;  // below each row
  std::vector<Nets> nets_;                // below each row
  std::vector<int> sides_;                // tracks below each row for lines that lead back
  int width_ = 0, height_ = 0;
  std::string wires_svg_, labels_svg_, boxes_svg_, heads_svg_;
};

}  // namespace

std::string draw_svg(const Plan& plan) { return Drawing(plan).run(); }

}  // namespace troupe::graphs
