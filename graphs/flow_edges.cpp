// The lines of [graph] flow as edges between ports of stages, with the joins of ( & ).
#include <map>
#include <set>

#include <fmt/format.h>

#include "graphs/draft.hpp"

namespace troupe::graphs {
namespace {

struct Ends {
  std::vector<const FlowNode*> heads, tails;
};

struct Connection {
  const FlowNode* from = nullptr;
  const FlowNode* to = nullptr;
  FlowArrow arrow;
  std::optional<std::uint32_t> join;
};

/// One line. Connections are collected first, because a port written in the middle of a chain
/// ("a -> b.port -> c") belongs to the side that has it.
class Line {
 public:
  Line(Draft& draft, std::set<std::string>& unknown) : draft_(draft), unknown_(unknown) {}

  /// `understood`: the line had no mistakes, so that what it lacks was not lost in reading.
  void lower(const FlowChain& line, bool understood) {
    chain(line, true);
    if (line.nodes.size() == 1 && line.arrows.empty() && understood) {
      const FlowNode& only = line.nodes.front();
      draft_.findings
          .error(codes::kNothingConnected, "this line connects nothing", only.span,
                 "a stage without an arrow")
          .help.push_back("write `a -> b`, or remove the line");
      for (const FlowNode* node : ends(only, false).heads) stage_of(*node);
    }
    for (const Connection& connection : connections_) connect(connection);
  }

 private:
  Ends ends(const FlowNode& node, bool lower_inside) {
    if (node.type == FlowNode::Type::Ref) return {{&node}, {&node}};
    if (node.type == FlowNode::Type::Route && lower_inside) {
      later(node.span, "not supported yet: routes `[task: stage, else: stage]`",
            "send every sample the same way, or use one graph per task");
    }
    Ends out;
    for (const FlowBranch& branch : node.branches) {
      const Ends inside = lower_inside ? chain(branch.chain, false)
                                       : Ends{ends(branch.chain.nodes.front(), false).heads,
                                              ends(branch.chain.nodes.back(), false).tails};
      out.heads.insert(out.heads.end(), inside.heads.begin(), inside.heads.end());
      out.tails.insert(out.tails.end(), inside.tails.begin(), inside.tails.end());
    }
    return out;
  }

  void later(Span span, std::string message, std::string help) {
    draft_.flow_broken = true;
    draft_.findings.error(codes::kNotSupportedYet, std::move(message), span)
        .help.push_back(std::move(help));
  }

  Ends chain(const FlowChain& chain, bool outermost) {
    if (chain.nodes.empty()) return {};
    const Ends first = ends(chain.nodes.front(), true);
    Ends before = first;
    for (std::size_t i = 1; i < chain.nodes.size(); ++i) {
      const Ends after = ends(chain.nodes[i], true);
      link(chain.nodes[i - 1], before, chain.arrows[i - 1], chain.nodes[i], after,
           outermost && i == 1);
      before = after;
    }
    return {first.heads, before.tails};
  }

  void link(const FlowNode& left, const Ends& from, const FlowArrow& arrow, const FlowNode& right,
            const Ends& to, bool at_start) {
    if (arrow.arrow == Arrow::Call) {
      later(arrow.span, "not supported yet: calls between stages (`<->`)",
            "a stage that needs another's answer must contain it for now");
      for (const FlowNode* node : from.tails) stage_of(*node);
      for (const FlowNode* node : to.heads) stage_of(*node);
      return;
    }
    const bool queue = arrow.arrow == Arrow::Queue;
    if (queue && from.tails.size() > 1 && to.heads.size() > 1) {
      Diagnostic& found =
          draft_.findings.error(codes::kBranchesInARow, "branches that lead straight into branches",
                                arrow.span, "a stage must stand here");
      found.secondary.push_back({left.span, "these are joined"});
      found.secondary.push_back({right.span, "these begin anew"});
      found.help.push_back("put a stage between: (a & b) -> joined -> (c & d)");
      draft_.flow_broken = true;
      return;
    }
    std::optional<std::uint32_t> join;
    if (queue && from.tails.size() > 1 && left.type == FlowNode::Type::All) {
      join = static_cast<std::uint32_t>(draft_.joins.size());
      DraftJoin& added = draft_.joins.emplace_back();
      added.span = left.span;
      added.at_start = at_start;
    }
    for (const FlowNode* tail : from.tails) {
      for (const FlowNode* head : to.heads) {
        connections_.push_back({tail, head, arrow, join});
        leaves_.insert(tail);
        enters_.insert(head);
      }
    }
  }

  std::optional<std::uint32_t> stage_of(const FlowNode& node) {
    const FlowRef& ref = node.ref;
    DraftStage* stage = draft_.find_stage(ref.stage);
    if (!stage) {
      draft_.flow_broken = true;
      if (!unknown_.insert(ref.stage).second) return std::nullopt;
      Diagnostic& found = draft_.findings.error(
          codes::kUnknownStage, fmt::format("no stage is named `{}`", ref.stage), ref.stage_span,
          fmt::format("there is no [stage.{}]", ref.stage));
      if (draft_.removed(found, "stage." + ref.stage)) return std::nullopt;
      found.help.push_back(name_help(ref.stage, draft_.stage_names(), "stages"));
      return std::nullopt;
    }
    stage->in_flow = true;
    if (!stage->flow_span) stage->flow_span = ref.stage_span;
    return static_cast<std::uint32_t>(stage - draft_.stages.data());
  }

  /// The output (or input) of `node` that `arrow` means; a finding when there is none.
  const PortSpec* port_of(const FlowNode& node, const Contract& contract, bool output,
                          const FlowArrow& arrow, Delivery delivery) {
    const FlowRef& ref = node.ref;
    const auto& ports = output ? contract.outputs : contract.inputs;
    const char* side = output ? "output" : "input";
    const PortSpec* fallback =
        output ? contract.default_output(delivery) : contract.default_input(delivery);
    if (!ref.port.empty()) {
      const PortSpec* port = output ? contract.output(ref.port) : contract.input(ref.port);
      const bool other_side = output ? contract.input(ref.port) : contract.output(ref.port);
      const bool in_the_middle = leaves_.contains(&node) && enters_.contains(&node);
      if (!port && !(other_side && in_the_middle)) return unknown_port(node, contract, output);
      if (port && port->delivery == delivery) return port;
      if (port && !(in_the_middle && other_side)) {
        wrong_arrow(node, arrow, *port, output);
        return nullptr;
      }
    }
    if (fallback) return fallback;
    const bool latest = delivery == Delivery::Latest;
    Diagnostic& found = draft_.findings.error(
        codes::kWrongArrow,
        latest ? fmt::format("`{}` ({}) has no {} for `~>`", ref.stage, contract.kind, side)
               : fmt::format("`{}` ({}) has no {} queue", ref.stage, contract.kind, side),
        node.span, output ? "nothing leaves it this way" : "nothing enters it this way");
    found.secondary.push_back({arrow.span, "by this arrow"});
    if (!ports.empty()) {
      found.help.push_back(output
                               ? fmt::format("it gives its {} by `{}`: write {}.{} {} ...",
                                             ports.front().name, latest ? "->" : "~>", ref.stage,
                                             ports.front().name, latest ? "->" : "~>")
                               : fmt::format("it takes its {} by `{}`: write ... {} {}.{}",
                                             ports.front().name, latest ? "->" : "~>",
                                             latest ? "->" : "~>", ref.stage, ports.front().name));
    } else {
      found.help.push_back(output ? "it is an end of the flow: no arrow leaves it"
                                  : "it is a beginning of the flow: no arrow enters it");
    }
    return nullptr;
  }

  const PortSpec* unknown_port(const FlowNode& node, const Contract& contract, bool output) {
    if (!told_ports_.insert(&node).second) return nullptr;
    const FlowRef& ref = node.ref;
    const bool either = leaves_.contains(&node) && enters_.contains(&node);
    std::vector<std::string> names;
    if (output || either) {
      for (const PortSpec& port : contract.outputs) names.push_back(port.name);
    }
    if (!output || either) {
      for (const PortSpec& port : contract.inputs) names.push_back(port.name);
    }
    const char* side = either ? "port" : output ? "output" : "input";
    Diagnostic& found = draft_.findings.error(
        codes::kUnknownPort,
        fmt::format("`{}` ({}) has no {} `{}`", ref.stage, contract.kind, side, ref.port),
        ref.port_span, fmt::format("no such {}", side));
    if (output ? contract.input(ref.port) : contract.output(ref.port)) {
      found.help.push_back(
          fmt::format("`{}` is an {} of it", ref.port, output ? "input" : "output"));
    } else {
      found.help.push_back(name_help(ref.port, names, fmt::format("its {}s", side)));
    }
    return nullptr;
  }

  void wrong_arrow(const FlowNode& node, const FlowArrow& arrow, const PortSpec& port,
                   bool output) {
    if (!told_arrows_.insert(arrow.span.begin).second) return;
    const bool latest = port.delivery == Delivery::Latest;
    Diagnostic& found = draft_.findings.error(
        codes::kWrongArrow,
        latest ? fmt::format("`{}.{}` {} the latest value, not a queue", node.ref.stage, port.name,
                             output ? "gives" : "takes")
               : fmt::format("`{}.{}` is a queue, not a latest value", node.ref.stage, port.name),
        arrow.span, latest ? "write `~>` here" : "write `->` here");
    found.secondary.push_back({node.span, fmt::format("this port carries {}", name_of(port.type))});
  }

  void connect(const Connection& connection) {
    const auto from = stage_of(*connection.from);
    const auto to = stage_of(*connection.to);
    if (!from || !to) return;
    DraftEdge edge;
    edge.from = *from;
    edge.to = *to;
    edge.delivery = connection.arrow.arrow == Arrow::Queue ? Delivery::Queue : Delivery::Latest;
    edge.arrow_span = connection.arrow.span;
    edge.from_span = connection.from->span;
    edge.to_span = connection.to->span;
    edge.join = connection.join;
    const Contract* out = draft_.stages[*from].contract;
    const Contract* in = draft_.stages[*to].contract;
    if (!out || !in) draft_.flow_broken = true;
    if (out) edge.out = port_of(*connection.from, *out, true, connection.arrow, edge.delivery);
    if (in) edge.in = port_of(*connection.to, *in, false, connection.arrow, edge.delivery);
    if ((out && !edge.out) || (in && !edge.in)) {
      draft_.flow_broken = true;
      return;
    }
    if (edge.out && edge.in) check_types(edge);
    for (const DraftEdge& other : draft_.edges) {
      if (other.from != edge.from || other.to != edge.to || other.out != edge.out ||
          other.in != edge.in) {
        continue;
      }
      Diagnostic& found = draft_.findings.error(
          codes::kConnectedTwice, fmt::format("`{}` is connected twice", draft_.name_of_edge(edge)),
          edge.arrow_span, "again here");
      found.secondary.push_back({other.arrow_span, "connected here"});
      found.help.push_back("remove one of them");
      return;
    }
    draft_.edges.push_back(std::move(edge));
  }

  void check_types(const DraftEdge& edge) {
    const MessageType out = edge.out->type;
    const MessageType in = edge.in->type;
    if (out == in || (out == MessageType::Sample && in == MessageType::Group) ||
        (out == MessageType::Group && in == MessageType::Sample)) {
      return;
    }
    draft_.flow_broken = true;
    const std::string& from = draft_.stages[edge.from].name;
    const std::string& to = draft_.stages[edge.to].name;
    Diagnostic& found = draft_.findings.error(
        codes::kTypeMismatch,
        fmt::format("`{}` gives {}, `{}` takes {}", from, plural(out), to, plural(in)),
        edge.to_span, fmt::format("its input `{}` takes {}", edge.in->name, plural(in)));
    found.secondary.push_back(
        {edge.from_span, fmt::format("its output `{}` gives {}", edge.out->name, plural(out))});
    if (out == MessageType::Prompt && in != MessageType::Weights) {
      found.help.push_back(fmt::format(
          "a stage that answers prompts must stand between: {} -> GENERATOR -> {}", from, to));
    } else {
      found.help.push_back(fmt::format("connect {} with a stage that gives {}", to, plural(in)));
    }
  }

  static std::string plural(MessageType type) {
    return type == MessageType::Weights ? "weights" : std::string(name_of(type)) + "s";
  }

  Draft& draft_;
  std::set<std::string>& unknown_;
  std::vector<Connection> connections_;
  std::set<const FlowNode*> leaves_, enters_, told_ports_;
  std::set<std::uint32_t> told_arrows_;  // by where they begin
};

void read_lines(Draft& draft, const RawNode& flow) {
  std::vector<const RawNode*> lines;
  if (flow.type == RawNode::Type::String) {
    lines.push_back(&flow);
  } else if (flow.type == RawNode::Type::Array) {
    for (const RawNode& line : flow.array) lines.push_back(&line);
  } else {
    draft.findings
        .error(codes::kWrongType, fmt::format("`flow` is a list of texts, not {}", flow.describe()),
               flow.span)
        .help.push_back("write flow = [\"a -> b -> c\", \"c.weights ~> b.weights\"]");
    draft.flow_broken = true;
    return;
  }
  std::set<std::string> unknown;
  for (const RawNode* line : lines) {
    if (line->type != RawNode::Type::String) {
      draft.findings.error(codes::kWrongType,
                           fmt::format("a line of the flow is a text, not {}", line->describe()),
                           line->span, "expected a text such as \"a -> b\"");
      draft.flow_broken = true;
      continue;
    }
    const FlowPlaces places(line->span, literal_map(draft.sources[line->span.source], *line));
    const std::size_t before = draft.findings.errors();
    const FlowChain chain = parse_flow(line->string, places, draft.findings);
    const bool understood = draft.findings.errors() == before;
    if (!understood) {
      draft.flow_broken = true;
    } else if (chain.nodes.empty()) {
      draft.findings.error(codes::kNothingConnected, "this line of the flow is empty", line->span)
          .help.push_back("write `a -> b`, or remove the line");
    }
    draft.flow.push_back(text_of(chain));
    draft.flow_origins.push_back(draft.origin_of(line->span));
    Line(draft, unknown).lower(chain, understood);
  }
  // Joins of whose branches nothing could be connected leave no trace.
  for (std::uint32_t i = 0; i < draft.edges.size(); ++i) {
    if (const auto join = draft.edges[i].join) {
      draft.joins[*join].branches.push_back(i);
      draft.joins[*join].to = draft.edges[i].to;
    }
  }
}

}  // namespace

void read_flow(Draft& draft, const RawNode& root) {
  const RawEntry* graph = root.find("graph");
  const RawEntry* flow = graph ? graph->value.find("flow") : nullptr;
  draft.flow_span = flow ? flow->value.span : graph ? graph->key_span : Span{};
  if (graph && graph->value.type == RawNode::Type::Fields) {
    for (const RawEntry& entry : graph->value.table) {
      if (entry.key == "flow") continue;
      draft.findings
          .error(codes::kUnknownKey, fmt::format("[graph] has no key `{}`", entry.key),
                 entry.key_span, "unknown key")
          .help.push_back(name_help(entry.key, {"flow", "flow_add"}, "its keys"));
    }
  }
  if (!flow) {
    draft.flow_broken = true;
    if (root.find("stage")) {
      draft.findings
          .error(codes::kNoFlow, "the graph has no flow", draft.flow_span,
                 graph ? "`flow` is missing below this" : "there is no [graph] section")
          .help.push_back("add [graph] with flow = [\"questions -> generate -> ...\"]");
    }
    return;
  }
  read_lines(draft, flow->value);
  if (draft.edges.empty() && !draft.flow_broken && !draft.findings.has_errors()) {
    draft.findings.error(codes::kNoFlow, "the flow is empty", flow->value.span)
        .help.push_back("add lines such as \"questions -> generate\"");
  }
}

}  // namespace troupe::graphs
