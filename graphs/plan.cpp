#include "graphs/plan.hpp"

#include <algorithm>

#include "schemas/base/assert.hpp"

namespace troupe::graphs {
namespace {

template <class Items>
auto* find_named(Items& items, std::string_view name) {
  const auto found =
      std::find_if(items.begin(), items.end(), [&](const auto& item) { return item.name == name; });
  return found == items.end() ? nullptr : &*found;
}

}  // namespace

bool TaskSet::contains(std::string_view task) const {
  return std::binary_search(names.begin(), names.end(), task) != all_but;
}

std::string TaskSet::text() const {
  if (all_but) return "else";
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : " | ") + name;
  return out;
}

const Value& StagePlan::option(std::string_view option_name) const {
  const auto found = options.find(option_name);
  TROUPE_ASSERT(found != options.end(),
                "stage " + name + " has no option " + std::string(option_name));
  return found->second.value;
}

const StagePlan* Plan::find_stage(std::string_view name) const { return find_named(stages, name); }

const StagePlan& Plan::stage(std::string_view name) const {
  const StagePlan* found = find_stage(name);
  TROUPE_ASSERT(found != nullptr, "the plan has no stage " + std::string(name));
  return *found;
}

const ModelPlan& Plan::model(std::string_view name) const {
  const ModelPlan* found = find_named(models, name);
  TROUPE_ASSERT(found != nullptr, "the plan has no model " + std::string(name));
  return *found;
}

const EdgePlan& Plan::edge(std::string_view name) const {
  const EdgePlan* found = find_named(edges, name);
  TROUPE_ASSERT(found != nullptr, "the plan has no edge " + std::string(name));
  return *found;
}

std::vector<const EdgePlan*> Plan::edges_into(std::uint32_t stage) const {
  std::vector<const EdgePlan*> out;
  for (const EdgePlan& edge : edges) {
    if (edge.to.stage == stage) out.push_back(&edge);
  }
  return out;
}

std::vector<const EdgePlan*> Plan::edges_out_of(std::uint32_t stage) const {
  std::vector<const EdgePlan*> out;
  for (const EdgePlan& edge : edges) {
    if (edge.from.stage == stage) out.push_back(&edge);
  }
  return out;
}

std::vector<const CallPlan*> Plan::calls_from(std::uint32_t stage) const {
  std::vector<const CallPlan*> out;
  for (const CallPlan& call : calls) {
    if (call.from.stage == stage) out.push_back(&call);
  }
  return out;
}

std::vector<const CallPlan*> Plan::calls_to(std::uint32_t stage) const {
  std::vector<const CallPlan*> out;
  for (const CallPlan& call : calls) {
    if (call.to.stage == stage) out.push_back(&call);
  }
  return out;
}

std::vector<std::uint32_t> Plan::callees_of(std::uint32_t stage) const {
  std::vector<std::uint32_t> out, open{stage};
  std::vector<bool> seen(stages.size());
  while (!open.empty()) {
    const std::uint32_t caller = open.back();
    open.pop_back();
    for (const CallPlan* call : calls_from(caller)) {
      if (seen[call->to.stage]) continue;
      seen[call->to.stage] = true;
      out.push_back(call->to.stage);
      open.push_back(call->to.stage);
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace troupe::graphs
