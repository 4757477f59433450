#include "graphs/layout.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace troupe::graphs {
namespace {

constexpr int kGap = 3;  // columns between boxes

class Maker {
 public:
  Maker(const Plan& plan, const std::vector<int>& widths) : plan_(plan), widths_(widths) {}

  Layout run() {
    rank();
    add_nodes();
    for (int i = 0; i < 4; ++i) order(i % 2 == 0);
    pack();
    for (int i = 0; i < 6; ++i) shift(i % 2 == 0);
    normalise();
    return std::move(out_);
  }

 private:
  /// Rows by the longest way. Queues form no cycle (the plan is checked); a `~>` edge takes part
  /// only if it leads to where nothing leads back from.
  void rank() {
    ranks_.assign(plan_.stages.size(), 0);
    for (const EdgePlan& edge : plan_.edges) {
      if (edge.delivery == Delivery::Queue) down_.push_back(edge.index);
    }
    for (const EdgePlan& edge : plan_.edges) {
      if (edge.delivery != Delivery::Latest) continue;
      if (reaches(edge.to.stage, edge.from.stage)) {
        out_.back.push_back(edge.index);
      } else {
        down_.push_back(edge.index);
      }
    }
    for (std::size_t pass = 0; pass < plan_.stages.size(); ++pass) {
      for (const std::uint32_t i : down_) {
        const EdgePlan& edge = plan_.edges[i];
        ranks_[edge.to.stage] = std::max(ranks_[edge.to.stage], ranks_[edge.from.stage] + 1);
      }
    }
    // Sources stand right above what they feed.
    for (std::uint32_t stage = 0; stage < ranks_.size(); ++stage) {
      int lowest = -1;
      bool fed = false;
      for (const std::uint32_t i : down_) {
        const EdgePlan& edge = plan_.edges[i];
        fed = fed || edge.to.stage == stage;
        if (edge.from.stage != stage) continue;
        const int above = ranks_[edge.to.stage] - 1;
        lowest = lowest < 0 ? above : std::min(lowest, above);
      }
      if (!fed && lowest > 0) ranks_[stage] = lowest;
    }
  }

  bool reaches(std::uint32_t from, std::uint32_t to) const {
    std::vector<bool> seen(plan_.stages.size());
    std::vector<std::uint32_t> open{from};
    seen[from] = true;
    while (!open.empty()) {
      const std::uint32_t stage = open.back();
      open.pop_back();
      if (stage == to) return true;
      for (const std::uint32_t i : down_) {
        const EdgePlan& edge = plan_.edges[i];
        if (edge.from.stage != stage || seen[edge.to.stage]) continue;
        seen[edge.to.stage] = true;
        open.push_back(edge.to.stage);
      }
    }
    return false;
  }

  int add_node(int stage, int row, int width) {
    if (static_cast<int>(out_.rows.size()) <= row) out_.rows.resize(row + 1);
    const int index = static_cast<int>(out_.nodes.size());
    out_.nodes.push_back({stage, row, 0, width});
    out_.rows[row].push_back(index);
    return index;
  }

  void add_nodes() {
    std::vector<int> node_of(plan_.stages.size(), -1);
    for (std::size_t i = 0; i < plan_.stages.size(); ++i) {
      if (widths_[i] > 0) node_of[i] = add_node(static_cast<int>(i), ranks_[i], widths_[i]);
    }
    for (const std::uint32_t i : down_) {
      const EdgePlan& edge = plan_.edges[i];
      int from = node_of[edge.from.stage];
      const int to = node_of[edge.to.stage];
      for (int row = ranks_[edge.from.stage] + 1; row < ranks_[edge.to.stage]; ++row) {
        const int passing = add_node(-1, row, 1);
        out_.lines.push_back({from, passing, i, false});
        from = passing;
      }
      out_.lines.push_back({from, to, i, true});
    }
  }

  /// Mean of a measure over the neighbours above (or below); `otherwise` without any.
  template <class Measure>
  double mean(int node, bool above, double otherwise, Measure measure) const {
    double sum = 0;
    int count = 0;
    for (const LayoutLine& line : out_.lines) {
      const int here = above ? line.to : line.from;
      const int there = above ? line.from : line.to;
      if (here != node) continue;
      sum += measure(there);
      ++count;
    }
    return count == 0 ? otherwise : sum / count;
  }

  void order(bool down) {
    std::vector<double> position(out_.nodes.size());
    const auto number = [&](const std::vector<int>& row) {
      for (std::size_t i = 0; i < row.size(); ++i) position[row[i]] = static_cast<double>(i);
    };
    for (const auto& row : out_.rows) number(row);
    for (std::size_t i = 0; i < out_.rows.size(); ++i) {
      auto& row = out_.rows[down ? i : out_.rows.size() - 1 - i];
      std::vector<double> wanted(out_.nodes.size());
      for (const int node : row) {
        wanted[node] = mean(node, down, position[node], [&](int other) { return position[other]; });
      }
      std::stable_sort(row.begin(), row.end(), [&](int a, int b) { return wanted[a] < wanted[b]; });
      number(row);
    }
  }

  void pack() {
    for (const auto& row : out_.rows) {
      int x = 0;
      for (const int node : row) {
        out_.nodes[node].x = x;
        x += out_.nodes[node].width + kGap;
      }
    }
  }

  /// Moves the boxes of every row towards the mean of their neighbours, keeping order and gaps.
  void shift(bool down) {
    for (std::size_t i = 0; i < out_.rows.size(); ++i) {
      const auto& row = out_.rows[down ? i : out_.rows.size() - 1 - i];
      std::vector<double> wanted;
      for (const int node : row) {
        const LayoutNode& box = out_.nodes[node];
        wanted.push_back(
            mean(node, down, box.center(), [&](int other) { return out_.nodes[other].center(); }) -
            box.width / 2);
      }
      std::vector<double> packed(row.size());
      double error = 0;
      for (std::size_t j = 0; j < row.size(); ++j) {
        packed[j] = wanted[j];
        if (j > 0) {
          packed[j] = std::max(packed[j], packed[j - 1] + out_.nodes[row[j - 1]].width + kGap);
        }
        error += packed[j] - wanted[j];
      }
      const double back = row.empty() ? 0 : error / static_cast<double>(row.size());
      for (std::size_t j = 0; j < row.size(); ++j) {
        out_.nodes[row[j]].x = static_cast<int>(std::floor(packed[j] - back));
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

  const Plan& plan_;
  const std::vector<int>& widths_;
  Layout out_;
  std::vector<int> ranks_;
  std::vector<std::uint32_t> down_;  // edges that lead downwards
};

}  // namespace

Layout layout_of(const Plan& plan, const std::vector<int>& widths) {
  return Maker(plan, widths).run();
}

}  // namespace troupe::graphs
