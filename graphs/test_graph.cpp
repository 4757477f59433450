// The plan of the part of a graph that a test runs.
#include <algorithm>

#include <fmt/format.h>

#include "graphs/tests.hpp"

namespace troupe::graphs {
namespace {

constexpr std::string_view kPrompts = "prompts";
constexpr std::uint64_t kRoomBytes = 1ull << 40;  // a test's samples always fit

std::vector<PortSpec> queues_of(const std::vector<PortSpec>& ports) {
  std::vector<PortSpec> out;
  for (const PortSpec& port : ports) {
    if (port.delivery == Delivery::Queue) out.push_back(port);
  }
  return out;
}

class Maker {
 public:
  Maker(const Plan& plan, const TestPlan& test) : test_(test), out_{plan, {}} {}

  TestGraph make() {
    Plan& plan = out_.plan;
    // A gate of its own, before whoever gives the samples, so that all of them are accounted.
    GatePlan gate;
    gate.stage = test_.entry.stage;
    gate.group_size = static_cast<std::uint32_t>(test_.samples.size());
    gate.groups_in_flight_max = 1;
    plan.gate = gate;
    keep_edges();
    keep_calls();
    out_.contracts.reserve(plan.stages.size() + 1);  // stages point into it
    for (StagePlan& stage : plan.stages) {
      stage.in_flow = test_.runs[stage.index] || test_.ends[stage.index];
      if (stage.index == test_.entry.stage) {
        Contract contract;
        contract.kind = fmt::format("{}.{}", kTestEntry, stage.name);
        contract.inputs.push_back(
            {std::string(kPrompts), MessageType::Prompt, Delivery::Queue, true});
        contract.outputs = queues_of(stage.contract->outputs);
        contract.admits = true;
        stage.in_flow = true;
        stand_in(stage, std::move(contract));
      } else if (test_.ends[stage.index]) {
        Contract contract;
        contract.kind = fmt::format("{}.{}", kTestEnd, stage.name);
        contract.inputs = queues_of(stage.contract->inputs);
        contract.learns = stage.contract->learns;
        stand_in(stage, std::move(contract));
      }
    }
    add_source();
    count_a_way();
    return std::move(out_);
  }

 private:
  void stand_in(StagePlan& stage, Contract contract) {
    out_.contracts.push_back(std::move(contract));
    stage.contract = &out_.contracts.back();
    stage.kind = stage.contract->kind;
    stage.options.clear();
  }

  bool kept(const EdgePlan& edge) const {
    if (edge.delivery != Delivery::Queue) return false;
    const bool from = edge.from == test_.entry || test_.runs[edge.from.stage];
    return from && (test_.runs[edge.to.stage] || test_.ends[edge.to.stage]);
  }

  void keep_edges() {
    Plan& plan = out_.plan;
    std::vector<std::optional<std::uint32_t>> places(plan.edges.size());
    std::vector<EdgePlan> edges;
    for (EdgePlan& edge : plan.edges) {
      if (!kept(edge)) continue;
      places[edge.index] = static_cast<std::uint32_t>(edges.size());
      edge.index = *places[edge.index];
      edge.capacity_items = std::max<std::uint64_t>(edge.capacity_items, test_.samples.size());
      edge.capacity_bytes = kRoomBytes;
      edges.push_back(std::move(edge));
    }
    plan.edges = std::move(edges);
    const auto moved = [&](std::vector<std::uint32_t>& list) {
      std::erase_if(list, [&](std::uint32_t edge) { return !places[edge]; });
      for (std::uint32_t& edge : list) edge = *places[edge];
    };
    for (JoinPlan& join : plan.joins) {
      moved(join.entries);
      for (auto& branch : join.branches) moved(branch);
    }
    for (RoutePlan& route : plan.routes) moved(route.edges);
  }

  void keep_calls() {
    std::erase_if(out_.plan.calls,
                  [&](const CallPlan& call) { return !test_.runs[call.from.stage]; });
    for (std::uint32_t i = 0; i < out_.plan.calls.size(); ++i) out_.plan.calls[i].index = i;
  }

  void add_source() {
    Plan& plan = out_.plan;
    Contract contract;
    contract.kind = kTestSource;
    contract.outputs.push_back(
        {std::string(kPrompts), MessageType::Prompt, Delivery::Queue, false});
    StagePlan source;
    source.index = static_cast<std::uint32_t>(plan.stages.size());
    source.name = "(the test)";
    stand_in(source, std::move(contract));
    EdgePlan edge;
    edge.index = static_cast<std::uint32_t>(plan.edges.size());
    edge.from = {source.index, std::string(kPrompts)};
    edge.to = {test_.entry.stage, std::string(kPrompts)};
    edge.type = MessageType::Prompt;
    edge.capacity_items = 1;
    edge.capacity_bytes = kRoomBytes;
    edge.name = fmt::format("{} -> {}", source.name, plan.stages[test_.entry.stage].name);
    plan.stages.push_back(std::move(source));
    plan.edges.push_back(std::move(edge));
  }

  /// Behind an output that only observes, the first way becomes the one that is accounted.
  void count_a_way() {
    std::vector<EdgePlan*> out;
    for (EdgePlan& edge : out_.plan.edges) {
      if (edge.from == test_.entry) out.push_back(&edge);
    }
    const bool any =
        std::any_of(out.begin(), out.end(), [](const EdgePlan* edge) { return edge->accounted; });
    if (!any) count_from(test_.entry.stage);
  }
  void count_from(std::uint32_t stage) {
    std::vector<std::string> ports;
    for (EdgePlan& first : out_.plan.edges) {
      const bool known = std::find(ports.begin(), ports.end(), first.from.port) != ports.end();
      if (first.from.stage != stage || known) continue;
      ports.push_back(first.from.port);
      for (EdgePlan& edge : out_.plan.edges) {
        const bool one_way = edge.index == first.index || (edge.fork && edge.fork == first.fork) ||
                             (edge.route && edge.route == first.route);
        if (!(edge.from == first.from) || !one_way || edge.accounted) continue;
        edge.accounted = true;
        count_from(edge.to.stage);
      }
    }
  }

  const TestPlan& test_;
  TestGraph out_;
};

}  // namespace

TestGraph graph_of_test(const Plan& plan, const TestPlan& test) { return Maker(plan, test).make(); }

}  // namespace troupe::graphs
