// Which way out of a port is accounted (DESIGN 4.3), and stages that get a sample twice. Needs
// joins with entrances.
#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "graphs/draft.hpp"

namespace troupe::graphs {
namespace {

class Ways {
 public:
  explicit Ways(Draft& draft) : draft_(draft), way_(draft.edges.size()) {
    std::iota(way_.begin(), way_.end(), 0u);
    // Also forks inside of a join are one way: each of their copies ends a branch of it.
    for (const DraftJoin& join : draft.joins) {
      std::map<std::pair<std::uint32_t, const PortSpec*>, std::vector<std::uint32_t>> forks;
      for (const std::uint32_t edge : join.inside) {
        forks[{draft.edges[edge].from, draft.edges[edge].out}].push_back(edge);
      }
      for (const auto& [port, edges] : forks) unite(edges);
    }
    for (const DraftRoute& route : draft.routes) unite(route.edges);
    learns_.resize(draft.stages.size());
    for (std::uint32_t i = 0; i < draft.stages.size(); ++i) {
      if (!draft.stages[i].contract->learns) continue;
      const auto up = draft.upstream_of(i);
      learns_[i] = true;
      for (std::size_t j = 0; j < up.size(); ++j) learns_[j] = learns_[j] || up[j];
    }
  }

  /// Marks the accounted edges out of one stage.
  void choose(std::uint32_t stage) {
    const auto& out = draft_.queues_out_of(stage);
    std::map<const PortSpec*, std::uint32_t> chosen;  // the first way; rather one that learns
    for (const std::uint32_t edge : out) chosen.try_emplace(draft_.edges[edge].out, way_of(edge));
    for (auto edge = out.rbegin(); edge != out.rend(); ++edge) {
      if (learns_[draft_.edges[*edge].to]) chosen[draft_.edges[*edge].out] = way_of(*edge);
    }
    for (const std::uint32_t edge : out) {
      draft_.edges[edge].accounted = way_of(edge) == chosen[draft_.edges[edge].out];
    }
  }

 private:
  /// Each way goes by the first of its edges.
  std::uint32_t way_of(std::uint32_t edge) {
    while (way_[edge] != edge) edge = way_[edge] = way_[way_[edge]];
    return edge;
  }
  void unite(const std::vector<std::uint32_t>& edges) {
    for (const std::uint32_t edge : edges) {
      const std::uint32_t a = way_of(edges.front()), b = way_of(edge);
      way_[std::max(a, b)] = std::min(a, b);
    }
  }

  Draft& draft_;
  std::vector<std::uint32_t> way_;  // of each edge, towards the first of its way
  std::vector<bool> learns_;        // a learner stands at or behind the stage
};

}  // namespace

void account_ways(Draft& draft) {
  Ways ways(draft);
  std::vector<bool> accounted(draft.stages.size());
  for (const std::uint32_t stage : draft.in_order()) {
    const auto& in = draft.queues_into(stage);
    accounted[stage] = in.empty();
    std::optional<std::uint32_t> counted, observed;
    for (const std::uint32_t edge : in) {
      (draft.edges[edge].accounted ? counted : observed) = edge;
    }
    if (counted) accounted[stage] = true;
    if (counted && observed) {
      Diagnostic& found = draft.findings.error(
          codes::kSampleTwice,
          fmt::format("`{}` gets the same samples twice", draft.stages[stage].name),
          draft.edges[*observed].arrow_span, "they come this way");
      found.secondary.push_back({draft.edges[*counted].arrow_span, "and this way"});
      found.help.push_back(
          "write the ways as branches of one ( & ), which joins them, or remove "
          "one");
    }
    ways.choose(stage);
    if (!accounted[stage]) {
      for (const std::uint32_t edge : draft.queues_out_of(stage)) {
        draft.edges[edge].accounted = false;
      }
    }
  }
}

}  // namespace troupe::graphs
