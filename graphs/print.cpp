// `troupe plan`: the plan as text and as JSON.
#include "graphs/print.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "graphs/describe.hpp"
#include "graphs/display.hpp"
#include "graphs/draft.hpp"
#include "graphs/mixing.hpp"

namespace troupe::graphs {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kValueColumn = 24;
constexpr int kOriginColumn = 60;

std::string padded(std::string text, int width) {
  const int have = display_width(text);
  text.append(static_cast<std::size_t>(std::max(width - have, 1)), ' ');
  return text;
}

std::string line(const std::string& name, const std::string& value, const std::string& origin) {
  std::string out = padded(padded("  " + name, kValueColumn) + value + " ", kOriginColumn);
  out += origin;
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out + "\n";
}

/// In the order in which the contract declares them.
std::string options_text(const Options& options, const std::vector<OptionSpec>& specs) {
  std::string out;
  for (const OptionSpec& spec : specs) {
    const auto option = options.find(spec.name);
    if (option == options.end()) continue;
    out += line(spec.name, option->second.value.text(), option->second.origin.place);
  }
  return out;
}

std::string items_text(const EdgePlan& edge) {
  return fmt::format("{} {}{}", edge.capacity_items, name_of(edge.type),
                     edge.capacity_items == 1 ? "" : "s");
}

std::string edge_text(const EdgePlan& edge) {
  if (edge.delivery == Delivery::Latest) {
    return line(edge.name, fmt::format("the latest {}", name_of(edge.type)), "");
  }
  std::string out = "  " + edge.name + "\n";
  out += line("  capacity", items_text(edge), edge.capacity_items_origin.place);
  out += line("", byte_size_text({edge.capacity_bytes}), edge.capacity_bytes_origin.place);
  if (edge.max_staleness) {
    out += line("  max_staleness", std::to_string(*edge.max_staleness),
                edge.max_staleness_origin.place);
  }
  if (edge.when_full == WhenFull::DropOldest) {
    out += line("  when_full", "drop_oldest", edge.when_full_origin.place);
  }
  if (!edge.accounted) out += line("  accounted", "no: observes", "");
  if (edge.converts == Conversion::AssembleGroups) {
    out += line("  converts", "assembles groups", "");
  }
  if (edge.converts == Conversion::SplitGroups) out += line("  converts", "splits groups", "");
  return out;
}

std::string join_text(const Plan& plan, const JoinPlan& join) {
  std::string branches;
  for (const auto& branch : join.branches) {
    if (!branches.empty()) branches += " & ";
    std::string sources;
    for (const std::uint32_t edge : branch) {
      sources += (sources.empty() ? "" : " or ") + plan.stages[plan.edges[edge].from.stage].name;
    }
    branches += sources;
  }
  return fmt::format("  {} -> ... ({}) -> {}: joined by sample\n",
                     plan.stages[join.entrance.stage].name, branches,
                     plan.stages[join.to.stage].name);
}

std::string gate_text(const Plan& plan) {
  const GatePlan& gate = *plan.gate;
  std::string out = fmt::format("\ngate before {}\n", plan.stages[gate.stage].name);
  out += line("group_size", std::to_string(gate.group_size), "");
  if (gate.learner) {
    out += line(
        "learner",
        fmt::format("{}, {} groups a step", plan.stages[*gate.learner].name, gate.prompts_per_step),
        "");
    out += line("max_staleness", std::to_string(gate.max_staleness), "");
    out +=
        line("publish_every",
             fmt::format("{} step{}", gate.publish_every, gate.publish_every == 1 ? "" : "s"), "");
  }
  out += line("in flight at most",
              fmt::format("{} groups, {} samples", gate.groups_in_flight_max,
                          gate.groups_in_flight_max * gate.group_size),
              "");
  return out;
}

std::string mix_text(const Plan& plan, const MixPlan& mix) {
  std::string out = fmt::format("\nmix before {}\n", plan.stages[mix.to.stage].name);
  for (const MixShare& share : mix.shares) {
    const StagePlan& from = plan.stages[plan.edges[share.edge].from.stage];
    out += line(from.name, fmt::format("{:.1f} % of the prompts", 100 * share.share),
                fmt::format("weight {}", share.weight));
  }
  return out;
}

std::string memory_text(const Plan& plan, const Resources& resources) {
  std::string out = "\nmemory\n", owner;
  bool complete = true;
  for (const MemoryRow& row : memory_rows(plan, resources)) {
    if (row.owner != owner) out += fmt::format("  {}\n", owner = row.owner);
    complete &= row.bytes.has_value();
    const std::string size = row.bytes ? size_text(*row.bytes) : "unknown";
    out += line("  " + fmt::format("{:>12}", size), row.what, row.from);
  }
  out += line("total", size_text(memory_total(plan, resources)),
              complete ? "at most" : "without what is unknown");
  const auto limit = plan.run.options.find("memory");
  if (limit != plan.run.options.end())
    out += line("allowed", limit->second.value.text(), limit->second.origin.place);
  if (resources.machine_bytes > 0)
    out += line("this machine", size_text(resources.machine_bytes), "");
  out += "\ncores\n";
  for (const CoreRow& row : resources.cores) out += line(row.owner, row.threads, row.from);
  if (resources.machine_cores > 0)
    out += line("this machine", std::to_string(resources.machine_cores), "");
  return out;
}

Json resources_json(const Plan& plan, const Resources& resources) {
  Json out = {{"memory", Json::array()}, {"cores", Json::array()}};
  for (const MemoryRow& row : memory_rows(plan, resources)) {
    Json one = {{"owner", row.owner}, {"what", row.what}};
    one["bytes"] = row.bytes ? Json(*row.bytes) : Json(nullptr);
    one["from"] = row.from;
    out["memory"].push_back(std::move(one));
  }
  for (const CoreRow& row : resources.cores)
    out["cores"].push_back({{"owner", row.owner}, {"threads", row.threads}, {"from", row.from}});
  out["memory_bytes_max"] = memory_total(plan, resources);
  if (resources.machine_bytes > 0) out["machine_bytes"] = resources.machine_bytes;
  if (resources.machine_cores > 0) out["machine_cores"] = resources.machine_cores;
  return out;
}

Json options_json(const Options& options) {
  Json out = Json::object();
  for (const auto& [name, option] : options) {
    out[name] = {{"value", value_json(option.value)}, {"from", option.origin.place}};
    if (!option.written.empty()) out[name]["written"] = option.written;
  }
  return out;
}

Json port_json(const Plan& plan, const PortRef& port) {
  return {{"stage", plan.stages[port.stage].name}, {"port", port.port}};
}

Json edge_json(const Plan& plan, const EdgePlan& edge) {
  Json out = {{"name", edge.name},
              {"from", port_json(plan, edge.from)},
              {"to", port_json(plan, edge.to)},
              {"type", std::string(name_of(edge.type))},
              {"delivery", edge.delivery == Delivery::Queue ? "queue" : "latest"},
              {"capacity_items", edge.capacity_items},
              {"capacity_bytes", edge.capacity_bytes},
              {"when_full", edge.when_full == WhenFull::Block ? "block" : "drop_oldest"},
              {"accounted", edge.accounted},
              {"converts", edge.converts == Conversion::AssembleGroups ? "assemble_groups"
                           : edge.converts == Conversion::SplitGroups  ? "split_groups"
                                                                       : "none"}};
  if (edge.max_staleness) out["max_staleness"] = *edge.max_staleness;
  if (edge.join) out["join"] = {{"join", edge.join->join}, {"branch", edge.join->branch}};
  if (edge.fork) out["fork"] = *edge.fork;
  return out;
}

Json port_spec_json(const PortSpec& port) {
  return {{"name", port.name},
          {"type", std::string(name_of(port.type))},
          {"delivery", port.delivery == Delivery::Queue ? "queue" : "latest"},
          {"required", port.required}};
}

Json contract_json(const Contract& contract) {
  Json out = {{"kind", contract.kind}, {"doc", contract.doc}};
  out["inputs"] = out["outputs"] = out["options"] = Json::array();
  for (const PortSpec& port : contract.inputs) out["inputs"].push_back(port_spec_json(port));
  for (const PortSpec& port : contract.outputs) out["outputs"].push_back(port_spec_json(port));
  for (const OptionSpec& spec : contract.options) {
    Json option = {{"name", spec.name},
                   {"type", std::string(name_of(spec.type))},
                   {"list", spec.list},
                   {"required", spec.required},
                   {"doc", spec.doc}};
    if (spec.default_value) option["default"] = value_json(*spec.default_value);
    if (spec.low) option["low"] = *spec.low;
    if (spec.high) option["high"] = *spec.high;
    if (!spec.choices.empty()) option["choices"] = spec.choices;
    out["options"].push_back(std::move(option));
  }
  return out;
}

std::string dumped(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string print_plan(const Plan& plan, const Resources* resources) {
  std::string out = fmt::format("plan {}  (hash {})\n\nrun\n", plan.run.name, plan.hash);
  out += options_text(plan.run.options, run_options());
  for (const ModelPlan& model : plan.models) {
    out += fmt::format("\nmodel {}\n", model.name) + options_text(model.options, model_options());
  }
  for (const StagePlan& stage : plan.stages) {
    out += '\n' +
           padded(fmt::format("stage {}  ({}{}) ", stage.name, stage.kind,
                              stage.in_flow ? "" : ", beside the flow"),
                  kOriginColumn) +
           stage.origin.place + '\n';
    out += options_text(stage.options, stage.contract->options);
    out += options_text(stage.options, stage_options());
  }
  out += "\nflow\n";
  for (std::size_t i = 0; i < plan.flow.size(); ++i) {
    out += padded("  " + plan.flow[i] + " ", kOriginColumn) + plan.flow_origins[i].place + "\n";
  }
  out += "\nedges\n";
  for (const EdgePlan& edge : plan.edges) out += edge_text(edge);
  if (!plan.joins.empty()) out += "\njoins\n";
  for (const JoinPlan& join : plan.joins) out += join_text(plan, join);
  for (const MixPlan& mix : all_mixes(plan)) out += mix_text(plan, mix);
  if (plan.gate) out += gate_text(plan);
  if (resources) return out + memory_text(plan, *resources);
  out += "\nmemory\n";
  out += line("queues", fmt::format("at most {}", byte_size_text({queue_bytes(plan)})),
              "all edges full");
  return out;
}

std::string plan_json(const Plan& plan, const Resources* resources) {
  Json out = {{"name", plan.run.name}, {"hash", plan.hash}, {"file", plan.file.string()}};
  out["run"] = options_json(plan.run.options);
  out["models"] = out["stages"] = Json::object();
  for (const ModelPlan& model : plan.models) {
    out["models"][model.name] = options_json(model.options);
  }
  for (const StagePlan& stage : plan.stages) {
    out["stages"][stage.name] = {{"index", stage.index},
                                 {"kind", stage.kind},
                                 {"in_flow", stage.in_flow},
                                 {"from", stage.origin.place},
                                 {"options", options_json(stage.options)}};
  }
  out["flow"] = plan.flow;
  out["edges"] = out["joins"] = out["calls"] = Json::array();
  for (const EdgePlan& edge : plan.edges) out["edges"].push_back(edge_json(plan, edge));
  for (const JoinPlan& join : plan.joins) {
    out["joins"].push_back({{"entrance", port_json(plan, join.entrance)},
                            {"to", port_json(plan, join.to)},
                            {"entries", join.entries},
                            {"branches", join.branches}});
  }
  out["mixes"] = Json::array();
  for (const MixPlan& mix : all_mixes(plan)) {
    Json shares = Json::object();
    for (const MixShare& share : mix.shares)
      shares[plan.stages[plan.edges[share.edge].from.stage].name] = share.share;
    out["mixes"].push_back({{"to", port_json(plan, mix.to)}, {"shares", shares}});
  }
  for (const CallPlan& call : plan.calls) {
    out["calls"].push_back({{"name", call.name},
                            {"from", port_json(plan, call.from)},
                            {"to", port_json(plan, call.to)},
                            {"concurrency", call.concurrency},
                            {"deadline", duration_text(call.deadline)}});
  }
  if (plan.gate) {
    out["gate"] = {{"before", plan.stages[plan.gate->stage].name},
                   {"group_size", plan.gate->group_size},
                   {"prompts_per_step", plan.gate->prompts_per_step},
                   {"max_staleness", plan.gate->max_staleness},
                   {"publish_every", plan.gate->publish_every},
                   {"groups_in_flight_max", plan.gate->groups_in_flight_max}};
    if (plan.gate->learner) out["gate"]["learner"] = plan.stages[*plan.gate->learner].name;
  }
  out["queue_bytes_max"] = queue_bytes(plan);
  if (resources) out["resources"] = resources_json(plan, *resources);
  return dumped(out);
}

std::string kinds_json(const Kinds& kinds) {
  Json out = Json::array();
  for (const Contract& contract : kinds.all()) out.push_back(contract_json(contract));
  return dumped({{"kinds", out}});
}

}  // namespace troupe::graphs
