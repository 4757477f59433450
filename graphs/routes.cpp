// Routes against the tasks that come to them: a task without a branch, a branch without a task.
#include <algorithm>

#include <fmt/format.h>

#include "graphs/task_flow.hpp"

namespace troupe::graphs {
namespace {

constexpr std::size_t kShown = 4;  // tasks or datasets named in one message

std::uint32_t entrance(const Draft& draft, const DraftRoute& route) {
  return draft.edges[route.edges.front()].from;
}

/// Where the task of these prompts is said, or would be.
void point_at_senders(Draft& draft, Diagnostic& found, const std::vector<std::uint32_t>& senders) {
  for (std::size_t i = 0; i < std::min(senders.size(), kShown); ++i) {
    const DraftOption* task = draft.option(senders[i], "task");
    const bool written = task && task->origin.from != Origin::From::Default;
    const DraftOption* field = draft.option(senders[i], "task_field");
    if (!TaskFlow::is_known(draft, senders[i])) {
      found.secondary.push_back({field && field->origin.from != Origin::From::Default
                                     ? field->value_span
                                     : draft.place_of(senders[i]),
                                 "its rows may be of any task"});
    } else {
      found.secondary.push_back({written ? task->value_span : draft.place_of(senders[i]),
                                 fmt::format("`{}` sends it", draft.stages[senders[i]].name)});
    }
  }
}

void check_missing(Draft& draft, const TaskFlow& tasks, const DraftRoute& route) {
  // What only observes may be of some tasks only: the others are just not observed.
  if (!draft.edges[route.edges.front()].accounted) return;
  const std::uint32_t from = entrance(draft, route);
  std::vector<std::uint32_t> missing;
  for (std::uint32_t task = 0; task < tasks.count(); ++task) {
    if (tasks.comes(from, task) && tasks.lacks(route, task)) missing.push_back(task);
  }
  if (missing.empty()) return;
  const std::uint32_t first = missing.front();
  const bool open = first == tasks.other();
  Diagnostic& found = draft.findings.error(
      codes::kNoBranch,
      open                  ? std::string("this route needs a branch for other tasks")
      : missing.size() == 1 ? fmt::format("this route has no branch for {}", tasks.words(first))
                            : fmt::format("this route has no branch for {} and {} more",
                                          tasks.words(first), missing.size() - 1),
      route.span,
      open ? "not every task has a branch" : "samples of it could go nowhere from here");
  auto senders = tasks.senders(first);
  const auto up = draft.upstream_of(from);
  std::erase_if(senders, [&](std::uint32_t stage) { return stage != from && !up[stage]; });
  point_at_senders(draft, found, senders);
  found.help.push_back(open ? "add a branch for what no other takes: [..., else: STAGE]"
                            : "add it to a branch, or add `else: STAGE` for what no other takes");
}

void check_taken(Draft& draft, const TaskFlow& tasks, const DraftRoute& route) {
  const std::uint32_t from = entrance(draft, route);
  std::vector<std::string> coming, names;
  for (std::uint32_t task = 0; task < tasks.count(); ++task) {
    if (tasks.comes(from, task) && (!route.within || tasks.holds(*route.within, task))) {
      coming.push_back(tasks.words(task));
      if (task != tasks.other()) names.push_back(tasks.name(task));
    }
  }
  coming.resize(std::min(coming.size(), kShown + 1));
  std::string list;
  for (std::size_t i = 0; i < coming.size(); ++i) {
    list += (i == 0 ? "" : ", ") + (i < kShown ? coming[i] : std::string("..."));
  }
  const auto taken = [&](const auto& holds) {
    for (std::uint32_t task = 0; task < tasks.count(); ++task) {
      if (tasks.comes(from, task) && holds(task)) return true;
    }
    return false;
  };
  const auto never = [&](std::string message, Span span, const std::string& task) {
    Diagnostic& found =
        draft.findings.warning(codes::kNeverTaken, std::move(message), span, "never taken");
    if (const std::string near = nearest(task, names); !near.empty()) {
      found.help.push_back(fmt::format("did you mean `{}`?", near));
    }
    found.help.push_back(coming.empty() ? "nothing comes to this route at all"
                                        : fmt::format("what comes here: {}", list));
  };
  for (const DraftRoute::Branch& branch : route.branches) {
    const bool any = taken([&](std::uint32_t task) { return tasks.holds(branch.tasks, task); });
    if (branch.named.empty() && !any) {
      never("no sample takes this branch: all that come have one of their own", branch.label_span,
            "");
    }
    for (const FlowTask& named : branch.named) {
      const TaskSet one{{named.name}, false};
      const bool inside = !route.within || route.within->contains(named.name);
      if (inside && taken([&](std::uint32_t task) { return tasks.holds(one, task); })) continue;
      never(fmt::format("no sample of task `{}` comes here", named.name), named.span, named.name);
    }
  }
}

}  // namespace

void check_routes(Draft& draft) {
  if (draft.routes.empty()) return;
  const TaskFlow tasks(draft);
  for (DraftRoute& route : draft.routes) {
    if (route.edges.empty()) continue;
    check_missing(draft, tasks, route);
    check_taken(draft, tasks, route);
    if (!draft.edges[route.edges.front()].accounted) route.without_branch.reset();
  }
}

}  // namespace troupe::graphs
