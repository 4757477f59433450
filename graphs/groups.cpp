// Whether all siblings of a group reach every stage that waits for whole groups, and whether edges
// that drop could make a group or a join wait for what was dropped.
#include <algorithm>

#include <fmt/format.h>

#include "graphs/task_flow.hpp"

namespace troupe::graphs {
namespace {

bool waits_for_groups(const DraftEdge& edge) {
  return edge.delivery == Delivery::Queue && edge.out->type == MessageType::Sample &&
         (edge.in->type == MessageType::Group || edge.group);
}

/// Whether a sample comes to the waiting edges from here: always, sometimes, never.
struct Reach {
  bool always = false, ever = false;
};

class WholeGroups {
 public:
  WholeGroups(Draft& draft, const TaskFlow& tasks)
      : draft_(draft), tasks_(tasks), order_(draft.in_order()) {}

  void check(const std::vector<std::uint32_t>& waiting) {
    const std::uint32_t to = draft_.edges[waiting.front()].to;
    const auto up = draft_.upstream_of(to);
    std::vector<std::uint32_t> stages, edges;
    for (auto stage = order_.rbegin(); stage != order_.rend(); ++stage) {
      if (!up[*stage]) continue;
      stages.push_back(*stage);
      const auto& out = draft_.queues_out_of(*stage);
      edges.insert(edges.end(), out.begin(), out.end());
    }
    const std::uint32_t gate = draft_.gate->stage;
    if (!up[gate]) return;
    for (const std::uint32_t task : tasks_.different(gate, edges)) {
      std::vector<Reach> reach(draft_.stages.size());
      std::optional<std::uint32_t> parting;
      for (const std::uint32_t stage : stages) {
        reach[stage] = from(stage, task, waiting, reach);
        const bool parts = reach[stage].ever && !reach[stage].always;
        if (parts && !parting) parting = stage;
      }
      if (!reach[gate].ever || reach[gate].always) continue;
      tell(waiting.front(), *parting, task, waiting, reach);
      return;
    }
  }

 private:
  std::map<const PortSpec*, Reach> by_port(std::uint32_t stage, std::uint32_t task,
                                           const std::vector<std::uint32_t>& waiting,
                                           const std::vector<Reach>& reach) const {
    std::map<const PortSpec*, Reach> out;
    for (const std::uint32_t i : draft_.queues_out_of(stage)) {
      Reach& port = out[draft_.edges[i].out];
      if (!tasks_.takes(i, task)) continue;
      const bool here = std::binary_search(waiting.begin(), waiting.end(), i);
      const Reach behind = here ? Reach{true, true} : reach[draft_.edges[i].to];
      port.always = port.always || behind.always;
      port.ever = port.ever || behind.ever;
    }
    return out;
  }

  Reach from(std::uint32_t stage, std::uint32_t task, const std::vector<std::uint32_t>& waiting,
             const std::vector<Reach>& reach) const {
    Reach out{true, false};
    for (const auto& [port, one] : by_port(stage, task, waiting, reach)) {
      out.always = out.always && one.always;
      out.ever = out.ever || one.ever;
    }
    out.always = out.always && out.ever;
    return out;
  }

  void tell(std::uint32_t edge, std::uint32_t parting, std::uint32_t task,
            const std::vector<std::uint32_t>& waiting, const std::vector<Reach>& reach) {
    const std::string& to = draft_.stages[draft_.edges[edge].to].name;
    const std::string& by = draft_.stages[parting].name;
    Diagnostic& found = draft_.findings.error(
        codes::kGroupCannotFill, fmt::format("the samples of one group part ways before `{}`", to),
        draft_.edges[edge].to_span, "it would wait for ever for their siblings");
    for (const auto& [port, one] : by_port(parting, task, waiting, reach)) {
      if (one.ever) continue;
      found.secondary.push_back(
          {draft_.place_of(parting), fmt::format("some leave `{}` by `{}`", by, port->name)});
      found.help.push_back(fmt::format(
          "lead `{}.{}` there too, or part the samples behind `{}`, where whole groups have come",
          by, port->name, to));
      return;
    }
    found.secondary.push_back({draft_.place_of(parting), "some go elsewhere here"});
    found.help.push_back("lead all samples of a group the same way");
  }

  Draft& draft_;
  const TaskFlow& tasks_;
  std::vector<std::uint32_t> order_;
};

void check_drop(Draft& draft, std::uint32_t index) {
  const DraftEdge& edge = draft.edges[index];
  for (const DraftJoin& join : draft.joins) {
    if (!join.entrance || !std::binary_search(join.inside.begin(), join.inside.end(), index)) {
      continue;
    }
    Diagnostic& found = draft.findings.error(
        codes::kJoinCannotFill,
        fmt::format("`{}` may drop samples inside a branch of ( & )", draft.name_of_edge(edge)),
        edge.when_full_span, "a dropped sample never ends its branch");
    found.secondary.push_back({join.span, fmt::format("`{}` would wait for ever for the rest",
                                                      draft.stages[join.to].name)});
    found.help.push_back("use when_full = \"block\" here, and drop before the branches or behind");
    return;
  }
  const auto down = draft.downstream_of(edge.to);
  for (const DraftEdge& waiting : draft.edges) {
    if (waiting.delivery != Delivery::Queue || !waits_for_groups(waiting)) continue;
    if (&waiting != &edge && waiting.from != edge.to && !down[waiting.from]) continue;
    Diagnostic& found = draft.findings.error(
        codes::kGroupCannotFill,
        fmt::format("`{}` may drop some samples of a group", draft.name_of_edge(edge)),
        edge.when_full_span, "their siblings would wait for them");
    found.secondary.push_back(
        {waiting.to_span,
         waiting.group
             ? std::string("their groups are kept together on the way here")
             : fmt::format("`{}` waits for whole groups", draft.stages[waiting.to].name)});
    found.help.push_back("use when_full = \"block\" here");
    return;
  }
}

}  // namespace

void check_whole_groups(Draft& draft) {
  for (std::uint32_t i = 0; i < draft.edges.size(); ++i) {
    const DraftEdge& edge = draft.edges[i];
    if (edge.when_full == WhenFull::DropOldest && edge.delivery == Delivery::Queue &&
        !edge.accounted) {
      check_drop(draft, i);
    }
  }
  if (!draft.gate) return;
  std::map<std::pair<std::uint32_t, const PortSpec*>, std::vector<std::uint32_t>> ports;
  std::vector<std::vector<std::uint32_t>> waiting;
  for (std::uint32_t i = 0; i < draft.edges.size(); ++i) {
    const DraftEdge& edge = draft.edges[i];
    if (!waits_for_groups(edge)) continue;
    if (edge.group) {
      waiting.push_back({i});
    } else {
      ports[{edge.to, edge.in}].push_back(i);
    }
  }
  for (auto& [port, edges] : ports) waiting.push_back(std::move(edges));
  if (waiting.empty()) return;
  const TaskFlow tasks(draft);
  WholeGroups groups(draft, tasks);
  for (const auto& edges : waiting) groups.check(edges);
}

}  // namespace troupe::graphs
