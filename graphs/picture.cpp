#include "graphs/picture.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace troupe::graphs {
namespace {

/// Some messages leave the stage by one output and some by another: the output says which.
bool parts_messages(const Plan& plan, const EdgePlan& edge) {
  for (const EdgePlan* other : plan.edges_out_of(edge.from.stage)) {
    if (other->delivery == Delivery::Queue && other->from.port != edge.from.port) return true;
  }
  return false;
}

std::string counted(std::uint64_t n, std::string_view what) {
  return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

}  // namespace

std::string_view name_of(Role role) {
  switch (role) {
    case Role::Data:
      return "data";
    case Role::Generator:
      return "generator";
    case Role::Verifier:
      return "verifier";
    case Role::Reward:
      return "reward";
    case Role::Learner:
      return "learner";
    case Role::Evaluator:
      return "evaluator";
    case Role::Other:
      return "other";
  }
  return "";
}

Role role_of(const Contract& contract) {
  if (contract.learns) return Role::Learner;
  if (contract.admits) return Role::Generator;
  if (contract.judges) return Role::Verifier;
  if (contract.is_source() && contract.is_sink()) return Role::Evaluator;
  if (contract.is_source() || contract.is_sink()) return Role::Data;
  const std::string family = contract.family();
  if (family == "scorer" || family == "filter") return Role::Reward;
  return Role::Other;
}

std::vector<StageUse> uses_of(const StagePlan& stage) {
  std::vector<StageUse> out;
  if (!stage.contract->is_source() || !stage.contract->is_sink()) return out;
  for (const OptionSpec& spec : stage.contract->options) {
    if (spec.type != OptionType::StageRef || !stage.has(spec.name)) continue;
    const Value& value = stage.option(spec.name);
    const auto names = spec.list ? value.as_strings() : std::vector{value.as_string()};
    for (const std::string& name : names) {
      const bool known = std::any_of(out.begin(), out.end(),
                                     [&](const StageUse& use) { return use.stage == name; });
      if (!known) out.push_back({spec.name, name});
    }
  }
  return out;
}

std::vector<std::string> box_lines(const StagePlan& stage) {
  std::string kind = stage.kind;
  if (const OptionSpec* spec = stage.contract->option("model");
      spec && spec->type == OptionType::Model && stage.has("model")) {
    kind += fmt::format(" ({})", stage.option("model").as_string());
  }
  std::vector<std::string> out = {stage.name, kind};
  std::string uses;
  for (const StageUse& use : uses_of(stage)) uses += (uses.empty() ? "on " : ", ") + use.stage;
  if (!uses.empty()) out.push_back(uses);
  return out;
}

std::vector<std::string> edge_notes(const Plan& plan, const EdgePlan& edge) {
  if (edge.delivery == Delivery::Latest) return {std::string(name_of(edge.type))};
  std::vector<std::string> out;
  if (edge.tasks) out.push_back(edge.tasks->text());
  const Contract& from = *plan.stages[edge.from.stage].contract;
  const PortSpec* usual = from.default_output(Delivery::Queue);
  if (!usual || usual->name != edge.from.port || parts_messages(plan, edge)) {
    out.push_back(edge.from.port);
  }
  if (edge.type == MessageType::Prompt) out.push_back("prompts");
  if (edge.converts == Conversion::AssembleGroups && plan.gate) {
    out.push_back(fmt::format("groups of {}", plan.gate->group_size));
  }
  if (edge.converts == Conversion::SplitGroups) out.push_back("split into samples");
  if (edge.max_staleness && *edge.max_staleness > 0) {
    out.push_back(fmt::format("at most {} old", counted(*edge.max_staleness, "step")));
  }
  if (!edge.accounted) out.push_back("observes");
  if (edge.capacity_items_origin.from != Origin::From::Default) {
    out.push_back(fmt::format("room for {}", counted(edge.capacity_items, name_of(edge.type))));
  }
  return out;
}

std::vector<std::string> join_notes(const Plan& plan, const JoinPlan& join) {
  const auto found = std::find_if(plan.edges.begin(), plan.edges.end(), [&](const EdgePlan& edge) {
    return edge.join && edge.to == join.to;
  });
  TROUPE_ASSERT(found != plan.edges.end(), "a join that no edge ends");
  EdgePlan onward = *found;
  onward.tasks.reset();  // said where the branch begins
  return edge_notes(plan, onward);
}

std::vector<std::string> call_notes(const CallPlan& call) {
  std::vector<std::string> out = {"calls"};
  if (call.concurrency_origin.from != Origin::From::Default) {
    out.push_back(fmt::format("{} at once", call.concurrency));
  }
  if (call.deadline_origin.from != Origin::From::Default) {
    out.push_back(fmt::format("within {}", duration_text(call.deadline)));
  }
  return out;
}

std::string gate_note(const Plan& plan) {
  return fmt::format("at most {} groups of {} in flight", plan.gate->groups_in_flight_max,
                     plan.gate->group_size);
}

bool enters_gate(const Plan& plan, const EdgePlan& edge) {
  return plan.gate && edge.to.stage == plan.gate->stage && edge.delivery == Delivery::Queue;
}

std::string xml_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '"') {
      out += "&quot;";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace troupe::graphs
