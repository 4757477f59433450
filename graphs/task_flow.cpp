#include "graphs/task_flow.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace troupe::graphs {
namespace {

/// The one task of a source's prompts; null: the rows name it, or nobody.
const std::string* task_of(const Draft& draft, std::uint32_t source) {
  const DraftOption* field = draft.option(source, "task_field");
  const std::string* name = field ? field->value.get_if<std::string>() : nullptr;
  if (name && !name->empty()) return nullptr;
  const DraftOption* task = draft.option(source, "task");
  return task ? task->value.get_if<std::string>() : nullptr;
}

bool begins_flow(const Draft& draft, std::uint32_t stage) {
  return draft.queues_into(stage).empty() && !draft.queues_out_of(stage).empty();
}

void add_names(const TaskSet& set, std::vector<std::string>& out) {
  out.insert(out.end(), set.names.begin(), set.names.end());
}

void sort_names(std::vector<std::string>& names) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
}

}  // namespace

TaskFlow::TaskFlow(const Draft& draft) : draft_(draft), place_(draft.stages.size()) {
  for (std::uint32_t i = 0; i < draft.stages.size(); ++i) {
    const std::string* task = begins_flow(draft, i) ? task_of(draft, i) : nullptr;
    if (task) names_.push_back(*task);
  }
  for (const DraftRoute& route : draft.routes) {
    for (const auto& branch : route.branches) {
      for (const FlowTask& task : branch.named) names_.push_back(task.name);
    }
  }
  sort_names(names_);
  comes_.assign(draft.stages.size(), Bits(count()));
  std::size_t place = 0;
  for (const std::uint32_t stage : draft.in_order()) {
    place_[stage] = place++;
    Bits& here = comes_[stage];
    if (begins_flow(draft, stage)) {
      const std::string* task = task_of(draft, stage);
      if (task) {
        here[*number(*task)] = true;
      } else {
        here.assign(count(), true);
      }
    }
    for (const std::uint32_t i : draft.queues_out_of(stage)) {
      const DraftEdge& edge = draft.edges[i];
      Bits& there = comes_[edge.to];
      const Bits allowed = edge.tasks ? bits_of(*edge.tasks) : Bits(count(), true);
      for (std::uint32_t task = 0; task < count(); ++task) {
        if (here[task] && allowed[task]) there[task] = true;
      }
    }
  }
}

std::optional<std::uint32_t> TaskFlow::number(const std::string& name) const {
  const auto found = std::lower_bound(names_.begin(), names_.end(), name);
  if (found == names_.end() || *found != name) return std::nullopt;
  return static_cast<std::uint32_t>(found - names_.begin());
}

TaskFlow::Bits TaskFlow::bits_of(const TaskSet& set) const {
  Bits out(count(), set.all_but);
  for (const std::string& name : set.names) {
    if (const auto task = number(name)) out[*task] = !set.all_but;
  }
  return out;
}

std::string TaskFlow::words(std::uint32_t task) const {
  return task == other() ? "other tasks" : fmt::format("task `{}`", names_[task]);
}

bool TaskFlow::holds(const TaskSet& set, std::uint32_t task) const {
  return task == other() ? set.all_but : set.contains(names_[task]);
}

bool TaskFlow::takes(std::uint32_t edge, std::uint32_t task) const {
  const auto& tasks = draft_.edges[edge].tasks;
  return !tasks || holds(*tasks, task);
}

bool TaskFlow::lacks(const DraftRoute& route, std::uint32_t task) const {
  return route.without_branch && holds(*route.without_branch, task);
}

bool TaskFlow::any_routes(const std::vector<std::uint32_t>& edges) const {
  return std::any_of(edges.begin(), edges.end(),
                     [&](std::uint32_t edge) { return draft_.edges[edge].tasks.has_value(); });
}

std::vector<std::uint32_t> TaskFlow::different(std::uint32_t stage,
                                               const std::vector<std::uint32_t>& edges) const {
  std::vector<std::string> named;
  for (const std::uint32_t edge : edges) {
    if (draft_.edges[edge].tasks) add_names(*draft_.edges[edge].tasks, named);
  }
  sort_names(named);
  std::vector<std::uint32_t> out;
  bool unnamed = false;
  for (std::uint32_t task = 0; task < count(); ++task) {
    if (!comes(stage, task)) continue;
    const bool is_named =
        task != other() && std::binary_search(named.begin(), named.end(), names_[task]);
    if (is_named || !unnamed) out.push_back(task);
    unnamed = unnamed || !is_named;
  }
  return out;
}

std::vector<std::uint32_t> TaskFlow::senders(std::uint32_t task) const {
  std::vector<std::uint32_t> out;
  for (std::uint32_t i = 0; i < draft_.stages.size(); ++i) {
    if (!begins_flow(draft_, i) || !comes_[i][task]) continue;
    out.push_back(i);
  }
  return out;
}

bool TaskFlow::is_known(const Draft& draft, std::uint32_t source) {
  return task_of(draft, source) != nullptr;
}

}  // namespace troupe::graphs
