// Weights of verdicts: a scorer may weigh only what was judged before it.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "graphs/task_flow.hpp"

namespace troupe::graphs {
namespace {

/// Judging stages whose samples reach `stage`.
std::vector<std::string> judges_before(const Draft& draft, std::uint32_t stage) {
  std::vector<std::string> out;
  const auto up = draft.upstream_of(stage);
  for (std::size_t i = 0; i < up.size(); ++i) {
    if (up[i] && draft.stages[i].contract->judges) out.push_back(draft.stages[i].name);
  }
  return out;
}

void check_one(Draft& draft, std::uint32_t stage, const std::string& judge, Span span,
               const std::vector<std::string>& judges) {
  if (std::find(judges.begin(), judges.end(), judge) != judges.end()) return;
  const DraftStage* other = draft.find_stage(judge);
  const std::string& name = draft.stages[stage].name;
  Diagnostic& found = draft.findings.error(
      codes::kBadWeight,
      !other ? fmt::format("`{}` weighs `{}`, and there is no such stage", name, judge)
      : !other->contract->judges
          ? fmt::format("`{}` weighs `{}`, which gives no verdict", name, judge)
          : fmt::format("`{}` weighs `{}`, which does not stand before it", name, judge),
      span,
      !other                     ? "no stage of this name"
      : !other->contract->judges ? fmt::format("a {} does not judge", other->contract->kind)
                                 : "its verdicts never come here");
  if (other) {
    const auto index = static_cast<std::uint32_t>(other - draft.stages.data());
    found.secondary.push_back({draft.place_of(index), fmt::format("`{}` stands here", judge)});
  }
  if (!other && draft.removed(found, "stage." + judge)) return;
  if (other && other->contract->judges) {
    found.help.push_back(fmt::format("lead its samples here: ... -> {} -> {}", judge, name));
  } else {
    found.help.push_back(name_help(judge, judges, "judging stages before it"));
  }
}

/// Stages from which samples of `task` come to `to`.
std::vector<bool> leading_to(const Draft& draft, const TaskFlow& tasks, std::uint32_t to,
                             std::uint32_t task) {
  std::vector<bool> seen(draft.stages.size());
  std::vector<std::uint32_t> open{to};
  while (!open.empty()) {
    const std::uint32_t stage = open.back();
    open.pop_back();
    for (const std::uint32_t edge : draft.queues_into(stage)) {
      const std::uint32_t from = draft.edges[edge].from;
      if (seen[from] || !tasks.takes(edge, task) || !tasks.comes(from, task)) continue;
      seen[from] = true;
      open.push_back(from);
    }
  }
  return seen;
}

/// A component of a branch that was not taken is absent; without any there is no reward.
void check_every_task(Draft& draft, const TaskFlow& tasks, std::uint32_t scorer) {
  const DraftOption* weights = draft.option(scorer, "weights");
  if (!weights || weights->value.as_table().empty()) return;
  const auto up = draft.upstream_of(scorer);
  std::vector<std::uint32_t> edges;
  for (std::uint32_t i = 0; i < draft.edges.size(); ++i) {
    const DraftEdge& edge = draft.edges[i];
    if (edge.delivery == Delivery::Queue && (up[edge.to] || edge.to == scorer)) edges.push_back(i);
  }
  if (!tasks.any_routes(edges)) return;
  for (const std::uint32_t task : tasks.different(scorer, edges)) {
    const auto leading = leading_to(draft, tasks, scorer, task);
    const bool judged = std::any_of(
        weights->value.as_table().begin(), weights->value.as_table().end(), [&](const Field& f) {
          const DraftStage* judge = draft.find_stage(f.name);
          return judge && leading[static_cast<std::size_t>(judge - draft.stages.data())];
        });
    if (judged) continue;
    const std::string& name = draft.stages[scorer].name;
    Diagnostic& found = draft.findings.error(
        codes::kNoReward,
        fmt::format("`{}` can give samples of {} no reward", name, tasks.words(task)),
        weights->key_span, "none of these judges them");
    found.secondary.push_back({draft.place_of(scorer), "they come here"});
    for (const DraftRoute& route : draft.routes) {
      const auto branch =
          std::find_if(route.branches.begin(), route.branches.end(),
                       [&](const DraftRoute::Branch& b) { return tasks.holds(b.tasks, task); });
      const bool before = !route.edges.empty() && (up[draft.edges[route.edges.front()].to] ||
                                                   draft.edges[route.edges.front()].to == scorer);
      if (branch == route.branches.end() || !before) continue;
      found.secondary.push_back({branch->label_span, "by this branch"});
      break;
    }
    found.help.push_back(
        "put a judging stage into their branch and weigh it, or lead them past the scorer");
    return;
  }
}

}  // namespace

void check_weights(Draft& draft) {
  std::set<std::string> weighed;
  std::vector<std::uint32_t> scorers;
  for (std::uint32_t i = 0; i < draft.stages.size(); ++i) {
    if (!draft.stages[i].in_flow) continue;
    for (const OptionSpec& spec : draft.stages[i].contract->options) {
      if (spec.type != OptionType::StageWeights) continue;
      const DraftOption* option = draft.option(i, spec.name);
      if (!option) continue;
      if (spec.name == "weights") scorers.push_back(i);
      const auto judges = judges_before(draft, i);
      for (const Field& field : option->value.as_table()) {
        const auto span = option->key_spans.find(field.name);
        check_one(draft, i, field.name,
                  span == option->key_spans.end() ? option->value_span : span->second, judges);
        weighed.insert(field.name);
      }
    }
  }
  if (!draft.routes.empty()) {
    const TaskFlow tasks(draft);
    for (const std::uint32_t scorer : scorers) check_every_task(draft, tasks, scorer);
  }
  for (const std::uint32_t scorer : scorers) {
    for (const std::string& judge : judges_before(draft, scorer)) {
      if (!weighed.insert(judge).second) continue;  // told once
      const DraftOption* option = draft.option(scorer, "weights");
      Diagnostic& found = draft.findings.warning(
          codes::kUnweightedVerdict, fmt::format("the verdicts of `{}` count for nothing", judge),
          draft.place_of(static_cast<std::uint32_t>(draft.find_stage(judge) - draft.stages.data())),
          "judges every sample");
      found.secondary.push_back({option->key_span, "not weighed here"});
      found.help.push_back(
          fmt::format("add {} = ... to the weights of `{}`, with 0.0 to watch it "
                      "only",
                      judge, draft.stages[scorer].name));
    }
  }
}

}  // namespace troupe::graphs
