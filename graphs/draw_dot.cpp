// The flow for Graphviz.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graphs/picture.hpp"
#include "graphs/print.hpp"

namespace troupe::graphs {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string_view fill_of(const Contract& contract) {
  if (contract.learns) return "#fde2c8";
  if (contract.admits) return "#d9e8fb";
  if (contract.judges) return "#dff2dc";
  const std::string family = contract.family();
  if (family == "dataset") return "#ececec";
  if (family == "scorer" || family == "filter") return "#f7f3cf";
  return "#ffffff";
}

std::string node_text(const StagePlan& stage) {
  std::string model;
  if (stage.has("model")) {
    model = fmt::format("<br/><font point-size=\"10\" color=\"#555555\">model {}</font>",
                        xml_escaped(stage.option("model").as_string()));
  }
  return fmt::format(
      "  \"{0}\" [label=<<b>{1}</b><br/><font point-size=\"10\" color=\"#555555\">{2}</font>{3}>, "
      "fillcolor=\"{4}\"{5}];\n",
      escaped(stage.name), xml_escaped(stage.name), xml_escaped(stage.kind), model,
      fill_of(*stage.contract), stage.in_flow ? "" : ", style=\"rounded,filled,dashed\"");
}

/// Some messages leave the stage by one output and some by another: the output says which.
bool parts_messages(const Plan& plan, const EdgePlan& edge) {
  for (const EdgePlan* other : plan.edges_out_of(edge.from.stage)) {
    if (other->delivery == Delivery::Queue && other->from.port != edge.from.port) return true;
  }
  return false;
}

std::string edge_text(const Plan& plan, const EdgePlan& edge, std::string_view from,
                      std::string_view to) {
  std::string attributes;
  if (edge.delivery == Delivery::Latest) {
    const bool back =
        plan.stages[edge.to.stage].in_flow && !plan.stages[edge.to.stage].contract->is_source();
    attributes = fmt::format(
        "style=dashed, color=\"#8a5a00\", fontcolor=\"#8a5a00\", "
        "label=\"{}\"{}",
        name_of(edge.type), back ? ", constraint=false" : "");
  } else {
    std::string label = edge.converts == Conversion::AssembleGroups
                            ? "groups"
                            : fmt::format("{}s", name_of(edge.type));
    if (parts_messages(plan, edge)) label = edge.from.port;
    if (edge.tasks) label = escaped(edge.tasks->text());
    if (!edge.accounted) label = "observes";
    if (edge.max_staleness.value_or(0) > 0) {
      label += fmt::format("\\nstaleness ≤ {}", *edge.max_staleness);
    }
    attributes = fmt::format("label=\"{}\"{}", label,
                             !edge.accounted                               ? ", style=dotted"
                             : edge.converts == Conversion::AssembleGroups ? ", penwidth=1.6"
                                                                           : "");
  }
  return fmt::format("  \"{}\" -> \"{}\" [{}];\n", escaped(from), escaped(to), attributes);
}

}  // namespace

std::string draw_dot(const Plan& plan) {
  std::string out = fmt::format(
      "digraph \"{}\" {{\n"
      "  graph [rankdir=LR, fontname=\"Helvetica\", nodesep=0.35, ranksep=0.5, bgcolor=white];\n"
      "  node [shape=box, style=\"rounded,filled\", fontname=\"Helvetica\", fontsize=13, "
      "margin=\"0.18,0.08\"];\n"
      "  edge [fontname=\"Helvetica\", fontsize=10, color=\"#444444\"];\n",
      escaped(plan.run.name));
  for (const StagePlan& stage : plan.stages) out += node_text(stage);
  if (plan.gate) {
    const GatePlan& gate = *plan.gate;
    out += fmt::format(
        "  \" gate\" [shape=diamond, style=filled, fillcolor=\"#f4d9d9\", fontsize=10, "
        "margin=\"0.02,0.02\", label=\"gate\\n{} × {}\"];\n",
        gate.groups_in_flight_max, gate.group_size);
    out +=
        fmt::format("  \" gate\" -> \"{}\" [label=\"\"];\n", escaped(plan.stages[gate.stage].name));
  }
  // A join is a small bar: the branches end there, one edge goes on.
  for (const JoinPlan& join : plan.joins) {
    out += fmt::format(
        "  \" join {}\" [shape=circle, width=0.28, fixedsize=true, fontsize=13, "
        "style=filled, fillcolor=\"#dddddd\", label=\"&\"];\n",
        join.index);
    for (const EdgePlan& edge : plan.edges) {
      if (!edge.join || edge.to != join.to) continue;
      EdgePlan onward = edge;
      if (join.outer) onward.converts = Conversion::None;
      out += edge_text(
          plan, onward, fmt::format(" join {}", join.index),
          join.outer ? fmt::format(" join {}", join.outer->join) : plan.stages[join.to.stage].name);
      break;
    }
  }
  for (const RoutePlan& route : plan.routes) {
    out += fmt::format(
        "  \" route {}\" [shape=diamond, style=filled, fillcolor=\"#dddddd\", fontsize=10, "
        "margin=\"0.02,0.02\", label=\"task\"];\n",
        route.index);
    out += fmt::format("  \"{}\" -> \" route {}\" [label=\"\"];\n",
                       escaped(plan.stages[route.entrance.stage].name), route.index);
  }
  for (const EdgePlan& edge : plan.edges) {
    const std::string from =
        edge.route ? fmt::format(" route {}", *edge.route) : plan.stages[edge.from.stage].name;
    std::string to = plan.stages[edge.to.stage].name;
    EdgePlan drawn = edge;
    if (plan.gate && edge.to.stage == plan.gate->stage && edge.delivery == Delivery::Queue) {
      to = " gate";
    }
    if (edge.join) {
      to = fmt::format(" join {}", edge.join->join);
      drawn.converts = Conversion::None;
      drawn.max_staleness.reset();
    }
    out += edge_text(plan, drawn, from, to);
  }
  for (const CallPlan& call : plan.calls) {
    out += fmt::format(
        "  \"{}\" -> \"{}\" [dir=both, color=\"#5a3d8a\", fontcolor=\"#5a3d8a\", "
        "label=\"{}\"];\n",
        escaped(plan.stages[call.from.stage].name), escaped(plan.stages[call.to.stage].name),
        escaped(fmt::format("{}", fmt::join(call_notes(call), ", "))));
  }
  // What an evaluator names as its data and verifiers.
  for (const StagePlan& stage : plan.stages) {
    for (const StageUse& use : uses_of(stage)) {
      const StagePlan* other = plan.find_stage(use.stage);
      if (!other) continue;
      out += fmt::format(
          "  \"{}\" -> \"{}\" [style=dotted, arrowhead=none, color=\"#999999\", "
          "fontcolor=\"#777777\", label=\"{}\"{}];\n",
          escaped(use.stage), escaped(stage.name), escaped(use.option),
          other->in_flow ? ", constraint=false" : "");
    }
  }
  return out + "}\n";
}

}  // namespace troupe::graphs
