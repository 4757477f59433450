// Where the samples of a join come from, and which way of a forked port is accounted. Both need a
// flow without cycles whose edges all have ports.
#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "graphs/draft.hpp"

namespace troupe::graphs {
namespace {

/// One step up from the end of a branch.
struct Step {
  std::uint32_t stage = 0;
  std::vector<std::uint32_t> edges;  // those that lead from it towards the join
};

std::vector<std::uint32_t> in_order(const Draft& draft) {
  std::vector<std::uint32_t> missing(draft.stages.size()), order;
  for (const DraftEdge& edge : draft.edges) {
    if (edge.delivery == Delivery::Queue) ++missing[edge.to];
  }
  for (std::uint32_t i = 0; i < missing.size(); ++i) {
    if (missing[i] == 0) order.push_back(i);
  }
  for (std::size_t next = 0; next < order.size(); ++next) {
    for (const std::uint32_t edge : draft.queues_out_of(order[next])) {
      if (--missing[draft.edges[edge].to] == 0) order.push_back(draft.edges[edge].to);
    }
  }
  return order;
}

/// The stages that every sample of this branch has passed, from its end upwards, as far as there is
/// one way only. The last may be a stage where several ways meet.
std::vector<Step> climb(const Draft& draft, std::uint32_t branch) {
  std::vector<Step> out;
  Step step{draft.edges[branch].from, {branch}};
  for (;;) {
    out.push_back(step);
    const auto in = draft.queues_into(step.stage);
    if (in.empty()) return out;
    const auto inner = draft.edges[in.front()].join;
    const bool joined = inner && !draft.joins[*inner].void_ &&
                        std::all_of(in.begin(), in.end(), [&](std::uint32_t edge) {
                          return draft.edges[edge].join == inner;
                        });
    if (joined && draft.joins[*inner].entrance) {
      step = {*draft.joins[*inner].entrance, draft.joins[*inner].entries};
    } else if (in.size() == 1) {
      step = {draft.edges[in.front()].from, in};
    } else {
      return out;
    }
  }
}

const Step* find_step(const std::vector<Step>& steps, std::uint32_t stage) {
  for (const Step& step : steps) {
    if (step.stage == stage) return &step;
  }
  return nullptr;
}

void cannot_fill(Draft& draft, const DraftJoin& join, const std::vector<std::vector<Step>>& ways) {
  Diagnostic& found = draft.findings.error(
      codes::kJoinCannotFill, "these branches do not see the same samples", join.span,
      fmt::format("`{}` would wait for ever for their other halves", draft.stages[join.to].name));
  std::set<std::uint32_t> tops;
  bool several_ways = false;
  for (const auto& steps : ways) {
    tops.insert(steps.back().stage);
    several_ways = several_ways || !draft.queues_into(steps.back().stage).empty();
  }
  for (const std::uint32_t top : tops) {
    const auto in = draft.queues_into(top);
    if (in.empty() && !several_ways) {
      found.secondary.push_back({draft.place_of(top), "some begin here"});
    }
    for (const std::uint32_t edge : in) {
      found.secondary.push_back({draft.edges[edge].arrow_span,
                                 fmt::format("some reach `{}` this way", draft.stages[top].name)});
    }
  }
  found.help.push_back(
      "every branch of ( & ) must get its samples from the one stage before it, and from nowhere "
      "else: lead the others into that stage, or write lines of their own without ( & )");
}

void check_types(Draft& draft, std::uint32_t index) {
  const DraftJoin& join = draft.joins[index];
  const MessageType wanted = draft.edges[join.entries.front()].out->type;
  std::set<std::uint32_t> told;
  for (const std::uint32_t branch : join.branches) {
    for (const Step& step : climb(draft, branch)) {
      for (const std::uint32_t i : step.edges) {
        const DraftEdge& edge = draft.edges[i];
        const bool last = edge.to == join.to && edge.join == index;
        const bool converts = edge.out->type != wanted || (!last && edge.in->type != wanted);
        if (!converts || !told.insert(i).second) continue;
        const bool makes = edge.out->type != wanted;
        const std::string& name = draft.stages[makes ? edge.from : edge.to].name;
        const bool prompts = wanted == MessageType::Prompt;
        Diagnostic& found = draft.findings.error(
            codes::kGroupsInBranch,
            prompts ? fmt::format("`{}` answers prompts inside a branch of ( & )", name)
                    : fmt::format("`{}` works on whole groups inside a branch of ( & )", name),
            makes ? edge.from_span : edge.to_span,
            prompts ? "answers of two branches belong to different samples"
                    : "the other branches bring single samples");
        found.secondary.push_back({draft.edges[branch].to_span, "the branches are joined here"});
        found.help.push_back(prompts ? "move it before the branches: generate -> (a & b) -> reward"
                                     : "move it behind the join: (a & b) -> reward -> filter");
        return;
      }
      if (step.stage == join.entrance) break;
    }
  }
}

void resolve(Draft& draft, std::uint32_t index) {
  DraftJoin& join = draft.joins[index];
  std::vector<std::vector<Step>> ways;
  for (const std::uint32_t branch : join.branches) ways.push_back(climb(draft, branch));
  if (ways.size() < 2) return;
  for (const Step& candidate : ways.front()) {
    std::set<std::uint32_t> entries;
    bool everywhere = true;
    for (const auto& steps : ways) {
      const Step* step = find_step(steps, candidate.stage);
      everywhere = everywhere && step;
      if (step) entries.insert(step->edges.begin(), step->edges.end());
    }
    if (!everywhere) continue;
    const PortSpec* port = draft.edges[*entries.begin()].out;
    for (const std::uint32_t entry : entries) {
      if (draft.edges[entry].out == port) continue;
      Diagnostic& found = draft.findings.error(
          codes::kJoinCannotFill, "these branches do not see the same samples", join.span,
          fmt::format("`{}` would wait for ever for their other halves",
                      draft.stages[join.to].name));
      for (const std::uint32_t e : entries) {
        found.secondary.push_back(
            {draft.edges[e].from_span, fmt::format("by output `{}`", draft.edges[e].out->name)});
      }
      found.help.push_back("a sample leaves a stage by one of its outputs only");
      return;
    }
    join.entrance = candidate.stage;
    join.entries.assign(entries.begin(), entries.end());
    check_types(draft, index);
    return;
  }
  bool apart = join.at_start;
  std::set<std::uint32_t> seen;
  for (const auto& steps : ways) {
    for (const Step& step : steps) apart = apart && seen.insert(step.stage).second;
    apart = apart && draft.queues_into(steps.back().stage).empty();
  }
  if (!apart) return cannot_fill(draft, join, ways);
  // "(math & chat) -> generate": sources of their own, whose samples have nothing to be joined by.
  join.void_ = true;
  for (const std::uint32_t branch : join.branches) draft.edges[branch].join.reset();
}

class Ways {
 public:
  explicit Ways(Draft& draft) : draft_(draft), way_(draft.edges.size()) {
    for (std::uint32_t i = 0; i < way_.size(); ++i) way_[i] = i;
    for (const DraftJoin& join : draft.joins) {
      for (const std::uint32_t entry : join.entries) unite(join.entries.front(), entry);
    }
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
    const auto out = draft_.queues_out_of(stage);
    for (const std::uint32_t edge : out) {
      std::uint32_t chosen = way_[first_of_port(out, edge)];
      for (const std::uint32_t other : out) {
        if (draft_.edges[other].out != draft_.edges[edge].out) continue;
        if (!learns_[draft_.edges[other].to]) continue;
        chosen = way_[other];
        break;
      }
      draft_.edges[edge].accounted = way_[edge] == chosen;
    }
  }

 private:
  void unite(std::uint32_t a, std::uint32_t b) {
    const std::uint32_t from = std::max(way_[a], way_[b]);
    const std::uint32_t to = std::min(way_[a], way_[b]);
    for (std::uint32_t& way : way_) {
      if (way == from) way = to;
    }
  }
  std::uint32_t first_of_port(const std::vector<std::uint32_t>& out, std::uint32_t edge) const {
    for (const std::uint32_t other : out) {
      if (draft_.edges[other].out == draft_.edges[edge].out) return other;
    }
    return edge;
  }

  Draft& draft_;
  std::vector<std::uint32_t> way_;  // of each edge, by its first edge
  std::vector<bool> learns_;        // a learner stands at or behind the stage
};

}  // namespace

void resolve_joins(Draft& draft) {
  for (const std::uint32_t stage : in_order(draft)) {
    for (std::uint32_t i = 0; i < draft.joins.size(); ++i) {
      if (draft.joins[i].to == stage && !draft.joins[i].branches.empty()) resolve(draft, i);
    }
  }
  // Inner joins were resolved first, so the innermost fork stays.
  for (std::uint32_t i = 0; i < draft.joins.size(); ++i) {
    for (const std::uint32_t entry : draft.joins[i].entries) {
      auto& fork = draft.edges[entry].fork;
      if (!fork || draft.joins[*fork].entries.size() > draft.joins[i].entries.size()) fork = i;
    }
  }
}

void account_ways(Draft& draft) {
  Ways ways(draft);
  std::vector<bool> accounted(draft.stages.size());
  for (const std::uint32_t stage : in_order(draft)) {
    const auto in = draft.queues_into(stage);
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
