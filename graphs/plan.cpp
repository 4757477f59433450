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

}  // namespace troupe::graphs
