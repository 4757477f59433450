#include "graphs/layout.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace troupe::graphs {
namespace {

constexpr int kOrderSweeps = 12;  // further ones changed nothing in graphs of 40 stages
constexpr int kShiftSweeps = 9;

class Maker {
 public:
  explicit Maker(const LayoutRequest& request) : request_(request) {}

  Layout run() {
    rank();
    add_nodes();
    find_neighbours();
    order();
    pack();
    for (int i = 0; i < kShiftSweeps; ++i) {
      shift(i % 2 == 0);  // the last one leads down: what follows stands below what it follows
    }
    straighten();
    normalise();
    return std::move(out_);
  }

 private:
  int boxes() const { return static_cast<int>(request_.widths.size()); }
  const LayoutArc& arc(int index) const { return request_.arcs[index]; }

  /// Rows by the longest way. An arc that may lead back takes part only if it leads to where
  /// nothing leads back from.
  void rank() {
    ranks_.assign(boxes(), 0);
    for (int i = 0; i < static_cast<int>(request_.arcs.size()); ++i) {
      if (!arc(i).may_lead_back) down_.push_back(i);
    }
    for (int i = 0; i < static_cast<int>(request_.arcs.size()); ++i) {
      if (!arc(i).may_lead_back) continue;
      (reaches(arc(i).to, arc(i).from) ? out_.back : down_).push_back(i);
    }
    for (int pass = 0; pass < boxes(); ++pass) {
      bool changed = false;
      for (const int i : down_) {
        const int rank = ranks_[arc(i).from] + 1;
        changed |= rank > ranks_[arc(i).to];
        ranks_[arc(i).to] = std::max(ranks_[arc(i).to], rank);
      }
      if (!changed) break;
    }
    // Sources stand right above what they feed.
    for (int box = 0; box < boxes(); ++box) {
      int lowest = -1;
      bool fed = false;
      for (const int i : down_) {
        fed = fed || arc(i).to == box;
        if (arc(i).from != box) continue;
        const int above = ranks_[arc(i).to] - 1;
        lowest = lowest < 0 ? above : std::min(lowest, above);
      }
      if (!fed && lowest > 0) ranks_[box] = lowest;
    }
    if (request_.label_rows) insert_label_rows();
  }

  /// A row for labels below every row that an arc with a label leaves.
  void insert_label_rows() {
    std::vector<int> more(static_cast<std::size_t>(boxes()) + 1);
    for (const int i : down_) {
      if (arc(i).label_width > 0) more[ranks_[arc(i).from]] = 1;
    }
    for (std::size_t rank = 1; rank < more.size(); ++rank) more[rank] += more[rank - 1];
    for (int& rank : ranks_) rank += rank > 0 ? more[rank - 1] : 0;
  }

  bool reaches(int from, int to) const {
    std::vector<bool> seen(boxes());
    std::vector<int> open{from};
    seen[from] = true;
    while (!open.empty()) {
      const int box = open.back();
      open.pop_back();
      if (box == to) return true;
      for (const int i : down_) {
        if (arc(i).from != box || seen[arc(i).to]) continue;
        seen[arc(i).to] = true;
        open.push_back(arc(i).to);
      }
    }
    return false;
  }

  int add_node(LayoutNode node) {
    if (static_cast<int>(out_.rows.size()) <= node.row) out_.rows.resize(node.row + 1);
    const int index = static_cast<int>(out_.nodes.size());
    out_.rows[node.row].push_back(index);
    out_.nodes.push_back(node);
    return index;
  }

  void add_nodes() {
    std::vector<int> node_of(boxes(), -1);
    for (int i = 0; i < boxes(); ++i) {
      if (request_.widths[i] == 0) continue;
      node_of[i] = add_node({i, -1, false, ranks_[i], 0, request_.widths[i]});
    }
    for (const int i : down_) {
      int from = node_of[arc(i).from];
      const int to = node_of[arc(i).to];
      const int first = ranks_[arc(i).from] + 1;
      for (int row = first; row < ranks_[arc(i).to]; ++row) {
        const bool label = request_.label_rows && row == first && arc(i).label_width > 0;
        const int passing =
            add_node({-1, i, label, row, 0, label ? arc(i).label_width : request_.pass_width});
        out_.lines.push_back({from, passing, i, false});
        from = passing;
      }
      out_.lines.push_back({from, to, i, true});
    }
  }

  void find_neighbours() {
    above_.resize(out_.nodes.size());
    below_.resize(out_.nodes.size());
    for (const LayoutLine& line : out_.lines) {
      above_[line.to].push_back(line.from);
      below_[line.from].push_back(line.to);
    }
  }

  /// Crossings between a row and the next one.
  int crossings(std::size_t row, const std::vector<int>& position) const {
    std::vector<std::pair<int, int>> lines;
    for (const int node : out_.rows[row]) {
      for (const int other : below_[node]) lines.emplace_back(position[node], position[other]);
    }
    int out = 0;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      for (std::size_t j = i + 1; j < lines.size(); ++j) {
        const auto [a, b] = lines[i];
        const auto [c, d] = lines[j];
        if ((a < c && b > d) || (a > c && b < d)) ++out;
      }
    }
    return out;
  }

  std::vector<int> positions() const {
    std::vector<int> out(out_.nodes.size());
    for (const auto& row : out_.rows) {
      for (std::size_t i = 0; i < row.size(); ++i) out[row[i]] = static_cast<int>(i);
    }
    return out;
  }

  int all_crossings() const {
    const std::vector<int> position = positions();
    int out = 0;
    for (std::size_t row = 0; row + 1 < out_.rows.size(); ++row) out += crossings(row, position);
    return out;
  }

  /// Rows in the order of the means of their neighbours, down and up; the best of all sweeps. What
  /// is equally good stays in the order of the file.
  void order() {
    auto best = out_.rows;
    int fewest = all_crossings();
    for (int sweep = 0; sweep < kOrderSweeps && fewest > 0; ++sweep) {
      const bool down = sweep % 2 == 0;
      std::vector<int> position = positions();
      for (std::size_t i = 0; i < out_.rows.size(); ++i) {
        auto& row = out_.rows[down ? i : out_.rows.size() - 1 - i];
        std::vector<double> wanted(out_.nodes.size());
        for (const int node : row) {
          const auto& others = down ? above_[node] : below_[node];
          double sum = 0;
          for (const int other : others) sum += position[other];
          wanted[node] = others.empty() ? position[node] : sum / static_cast<double>(others.size());
        }
        std::stable_sort(row.begin(), row.end(),
                         [&](int a, int b) { return wanted[a] < wanted[b]; });
        for (std::size_t j = 0; j < row.size(); ++j) position[row[j]] = static_cast<int>(j);
      }
      exchange_neighbours();
      if (const int now = all_crossings(); now < fewest) {
        fewest = now;
        best = out_.rows;
      }
    }
    out_.rows = std::move(best);
  }

  void exchange_neighbours() {
    for (std::size_t r = 0; r < out_.rows.size(); ++r) {
      auto& row = out_.rows[r];
      for (std::size_t j = 0; j + 1 < row.size(); ++j) {
        std::vector<int> position = positions();
        const auto here = [&] {
          return (r > 0 ? crossings(r - 1, position) : 0) + crossings(r, position);
        };
        const int before = here();
        std::swap(position[row[j]], position[row[j + 1]]);
        if (here() < before) std::swap(row[j], row[j + 1]);
      }
    }
  }

  void pack() {
    for (const auto& row : out_.rows) {
      int x = 0;
      for (const int node : row) {
        out_.nodes[node].x = x;
        x += out_.nodes[node].width + request_.gap;
      }
    }
  }

  /// Lines between passing nodes are long ones: they stay straight before others do.
  double weight(int a, int b) const {
    const int passing = (out_.nodes[a].box < 0) + (out_.nodes[b].box < 0);
    return passing == 2 ? 8 : 1;
  }

  /// Where the lines to the row above (or below) want the node's center: their weighted median,
  /// because a mean would bend every line a little, and a median leaves most of them straight.
  std::optional<double> wanted_center(int node, bool down) const {
    std::vector<std::pair<int, double>> others;
    double half = 0;
    for (const int other : down ? above_[node] : below_[node]) {
      others.emplace_back(out_.nodes[other].center(), weight(node, other));
      half += others.back().second / 2;
    }
    std::sort(others.begin(), others.end());
    double passed = 0;
    for (std::size_t i = 0; i < others.size(); ++i) {
      passed += others[i].second;
      if (passed > half + 1e-9) return others[i].first;
      if (passed > half - 1e-9) return (others[i].first + others[i + 1].first) / 2.0;
    }
    return std::nullopt;
  }

  /// Moves every row as near as possible (in the mean square) to where its nodes want to be,
  /// keeping order and gaps: an isotonic regression, solved by pooling nodes that would overlap.
  void shift(bool down) {
    for (std::size_t i = 0; i < out_.rows.size(); ++i) {
      const auto& row = out_.rows[down ? i : out_.rows.size() - 1 - i];
      struct Pool {
        double place, weight;
        std::size_t count;
      };
      std::vector<Pool> pools;
      std::vector<double> offsets;
      double offset = 0;
      for (const int node : row) {
        const LayoutNode& box = out_.nodes[node];
        const auto wanted = wanted_center(node, down);
        double strength = wanted ? 0 : 0.05;  // nothing draws it: it stays, but gives way
        for (const int other : down ? above_[node] : below_[node]) strength += weight(node, other);
        pools.push_back({wanted.value_or(box.center()) - box.width / 2 - offset, strength, 1});
        while (pools.size() > 1 && pools[pools.size() - 2].place > pools.back().place) {
          const Pool last = pools.back();
          pools.pop_back();
          Pool& into = pools.back();
          into.place =
              (into.place * into.weight + last.place * last.weight) / (into.weight + last.weight);
          into.weight += last.weight;
          into.count += last.count;
        }
        offsets.push_back(offset);
        offset += box.width + request_.gap;
      }
      std::size_t j = 0;
      for (const Pool& pool : pools) {
        for (std::size_t k = 0; k < pool.count; ++k, ++j) {
          out_.nodes[row[j]].x = static_cast<int>(std::lround(pool.place + offsets[j]));
        }
      }
      for (j = 1; j < row.size(); ++j) {  // rounding may have cost a unit
        LayoutNode& box = out_.nodes[row[j]];
        const LayoutNode& left = out_.nodes[row[j - 1]];
        box.x = std::max(box.x, left.x + left.width + request_.gap);
      }
    }
  }

  /// Whether the node may stand with its center at `center` without touching its neighbours.
  bool fits(int node, int center) const {
    const LayoutNode& box = out_.nodes[node];
    const auto& row = out_.rows[box.row];
    const auto at = std::find(row.begin(), row.end(), node);
    const int x = center - box.width / 2;
    if (at != row.begin()) {
      const LayoutNode& left = out_.nodes[*(at - 1)];
      if (x < left.x + left.width + request_.gap) return false;
    }
    if (at + 1 != row.end() && x + box.width + request_.gap > out_.nodes[*(at + 1)].x) return false;
    return true;
  }

  /// The passing nodes of one arc get one center where there is room; the last of them stands above
  /// the end of the arc, so that an arc turns once and not twice.
  void straighten() {
    for (const LayoutLine& line : out_.lines) {
      LayoutNode& node = out_.nodes[line.from];
      const int center = out_.nodes[line.to].center();
      if (node.box < 0 && line.last && above_[line.to].size() == 1 && fits(line.from, center)) {
        node.x = center - node.width / 2;
      }
    }
    std::vector<std::vector<int>> chains(request_.arcs.size());
    for (std::size_t i = 0; i < out_.nodes.size(); ++i) {
      if (out_.nodes[i].arc >= 0) chains[out_.nodes[i].arc].push_back(static_cast<int>(i));
    }
    for (const auto& chain : chains) {
      for (auto model = chain.rbegin(); model != chain.rend(); ++model) {
        const int center = out_.nodes[*model].center();
        const bool free =
            std::all_of(chain.begin(), chain.end(), [&](int node) { return fits(node, center); });
        if (!free) continue;
        for (const int node : chain) out_.nodes[node].x = center - out_.nodes[node].width / 2;
        break;
      }
    }
  }

  void normalise() {
    int least = 0;
    for (std::size_t i = 0; i < out_.nodes.size(); ++i) {
      least = i == 0 ? out_.nodes[i].x : std::min(least, out_.nodes[i].x);
    }
    for (LayoutNode& node : out_.nodes) {
      node.x -= least;
      out_.width = std::max(out_.width, node.x + node.width);
    }
  }

  const LayoutRequest& request_;
  Layout out_;
  std::vector<int> ranks_;
  std::vector<int> down_;  // arcs that lead downwards
  std::vector<std::vector<int>> above_, below_;
};

}  // namespace

Layout layout_of(const LayoutRequest& request) { return Maker(request).run(); }

}  // namespace troupe::graphs
