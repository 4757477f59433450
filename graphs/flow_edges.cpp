// The lines of [graph] flow as edges and calls between ports of stages.
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "graphs/flow_lines.hpp"

namespace troupe::graphs {
namespace {

std::string plural(MessageType type) {
  return type == MessageType::Weights ? "weights" : std::string(name_of(type)) + "s";
}

/// What was found in the lines before.
struct FlowIndex {
  std::set<std::string> unknown;
  struct Place {
    Span arrow, to;
  };
  std::map<std::tuple<std::uint32_t, std::uint32_t, const void*, const void*>, Place> connected;
};

constexpr std::size_t kMostEdges = 16384;  // far beyond any flow that a person can follow

/// One line. Connections are known before ports are looked up, because a port written in the middle
/// of a chain ("a -> b.port -> c") belongs to the side that has it.
class Line {
 public:
  Line(Draft& draft, FlowIndex& index) : draft_(draft), index_(index) {}

  /// `understood`: the line had no mistakes, so that what it lacks was not lost in reading.
  void lower(const FlowChain& line, bool understood) {
    for (const FlowNode* node : refs_of(line)) stage_of(*node);
    const std::size_t before = draft_.findings.errors();
    const auto connections = connections_of(draft_, line);
    understood = understood && draft_.findings.errors() == before;
    if (line.nodes.size() == 1 && understood && connections.empty()) {
      draft_.findings
          .error(codes::kNothingConnected, "this line connects nothing", line.nodes.front().span,
                 "a stage without an arrow")
          .help.push_back("write `a -> b`, or remove the line");
    }
    for (const Connection& connection : connections) {
      if (connection.arrow.arrow == Arrow::Call) continue;
      leaves_.insert(connection.from);
      enters_.insert(connection.to);
    }
    for (const Connection& connection : connections) connect(connection);
  }

 private:
  std::optional<std::uint32_t> stage_of(const FlowNode& node) {
    const FlowRef& ref = node.ref;
    DraftStage* stage = draft_.find_stage(ref.stage);
    if (!stage) {
      draft_.flow_broken = true;
      if (!index_.unknown.insert(ref.stage).second) return std::nullopt;
      if (draft_.findings.full()) return std::nullopt;
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
    if (contract.call(ref.port) || contract.answer(ref.port)) {
      found.help.push_back(fmt::format("`{}` is a port for calls: write `<->`", ref.port));
    } else if (output ? contract.input(ref.port) : contract.output(ref.port)) {
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
    if (connection.arrow.arrow == Arrow::Call) return connect_call(connection, *from, *to);
    DraftEdge edge;
    edge.from = *from;
    edge.to = *to;
    edge.delivery = connection.arrow.arrow == Arrow::Queue ? Delivery::Queue : Delivery::Latest;
    edge.arrow_span = connection.arrow.span;
    edge.from_span = connection.from->span;
    edge.to_span = connection.to->span;
    edge.join = connection.join;
    edge.route = connection.route;
    edge.tasks = connection.tasks;
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
    if (!first_time(connection, *from, *to, edge.out, edge.in, draft_.name_of_edge(edge))) return;
    if (draft_.edges.size() == kMostEdges) {
      draft_.findings
          .error(codes::kTooMany, fmt::format("more than {} edges", kMostEdges), edge.arrow_span)
          .help.push_back("part the graph into several");
    }
    if (draft_.edges.size() >= kMostEdges) draft_.flow_broken = true;
    if (draft_.edges.size() <= kMostEdges) draft_.edges.push_back(std::move(edge));
  }

  bool first_time(const Connection& connection, std::uint32_t from, std::uint32_t to,
                  const void* out, const void* in, const std::string& name) {
    const FlowIndex::Place here{connection.arrow.span, connection.to->span};
    const auto [first, fresh] = index_.connected.try_emplace({from, to, out, in}, here);
    if (fresh) return true;
    // One arrow into two brackets of one bracket: then the arrow alone says too little.
    const bool one_arrow = first->second.arrow.begin == here.arrow.begin;
    Diagnostic& found =
        draft_.findings.error(codes::kConnectedTwice, fmt::format("`{}` is connected twice", name),
                              one_arrow ? here.to : here.arrow, "again here");
    found.secondary.push_back(
        {one_arrow ? first->second.to : first->second.arrow, "connected here"});
    found.help.push_back(connection.route
                             ? "a branch may take several tasks: [math | code: a, else: b]"
                             : "remove one of them");
    return false;
  }

  void connect_call(const Connection& connection, std::uint32_t from, std::uint32_t to) {
    DraftCall call;
    call.from = from;
    call.to = to;
    call.arrow_span = connection.arrow.span;
    call.from_span = connection.from->span;
    call.to_span = connection.to->span;
    const Contract* caller = draft_.stages[from].contract;
    const Contract* service = draft_.stages[to].contract;
    if (!caller || !service) draft_.flow_broken = true;
    if (caller) call.out = call_port(*connection.from, *caller, true, connection.arrow);
    if (service) call.in = call_port(*connection.to, *service, false, connection.arrow);
    if ((caller && !call.out) || (service && !call.in)) {
      draft_.flow_broken = true;
      return;
    }
    if (call.out && call.in) check_call_types(call);
    if (!first_time(connection, from, to, call.out, call.in, draft_.name_of_call(call))) return;
    draft_.calls.push_back(std::move(call));
  }

  const CallSpec* call_port(const FlowNode& node, const Contract& contract, bool caller,
                            const FlowArrow& arrow) {
    const FlowRef& ref = node.ref;
    const auto& ports = caller ? contract.calls : contract.answers;
    if (ports.empty()) {
      Diagnostic& found =
          draft_.findings.error(codes::kWrongArrow,
                                fmt::format("`{}` ({}) {}", ref.stage, contract.kind,
                                            caller ? "calls no service" : "answers no calls"),
                                node.span, caller ? "cannot call" : "cannot be called");
      found.secondary.push_back({arrow.span, "`<->` is a call"});
      std::vector<std::string> able;
      for (const Contract& kind : draft_.kinds.all()) {
        if (!(caller ? kind.calls : kind.answers).empty()) able.push_back(kind.kind);
      }
      if (able.empty()) {
        found.help.push_back(caller ? "no kind of this Troupe calls services"
                                    : "no kind of this Troupe answers calls");
      } else {
        found.help.push_back(
            fmt::format("kinds that {}: {}", caller ? "call" : "answer", quoted_list(able)));
      }
      return nullptr;
    }
    if (ref.port.empty()) return &ports.front();
    if (const CallSpec* port = caller ? contract.call(ref.port) : contract.answer(ref.port)) {
      return port;
    }
    const PortSpec* queue = caller ? contract.output(ref.port) : contract.input(ref.port);
    if (queue) {
      Diagnostic& found = draft_.findings.error(
          codes::kWrongArrow, fmt::format("`{}.{}` is no port for calls", ref.stage, ref.port),
          ref.port_span, fmt::format("it {} {}", caller ? "gives" : "takes", plural(queue->type)));
      found.secondary.push_back({arrow.span, "`<->` is a call"});
      found.help.push_back(
          fmt::format("write {}, or {}.{}", ref.stage, ref.stage, ports.front().name));
      return nullptr;
    }
    std::vector<std::string> names;
    for (const CallSpec& port : ports) names.push_back(port.name);
    draft_.findings
        .error(codes::kUnknownPort,
               fmt::format("`{}` ({}) {} no `{}`", ref.stage, contract.kind,
                           caller ? "calls" : "answers", ref.port),
               ref.port_span, "no such port")
        .help.push_back(name_help(ref.port, names, caller ? "its calls" : "its answers"));
    return nullptr;
  }

  void check_call_types(const DraftCall& call) {
    if (call.out->request == call.in->request && call.out->answer == call.in->answer) return;
    draft_.flow_broken = true;
    Diagnostic& found = draft_.findings.error(
        codes::kTypeMismatch,
        fmt::format("`{}` asks with {} for {}, `{}` answers {} with {}",
                    draft_.stages[call.from].name, plural(call.out->request),
                    plural(call.out->answer), draft_.stages[call.to].name, plural(call.in->request),
                    plural(call.in->answer)),
        call.to_span, fmt::format("its `{}` takes {}", call.in->name, plural(call.in->request)));
    found.secondary.push_back({call.from_span, fmt::format("its `{}` sends {}", call.out->name,
                                                           plural(call.out->request))});
    found.help.push_back(fmt::format("call a stage that answers {} with {}",
                                     plural(call.out->request), plural(call.out->answer)));
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

  Draft& draft_;
  FlowIndex& index_;
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
  FlowIndex index;
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
    Line(draft, index).lower(chain, understood);
  }
  // What could not be connected leaves no trace.
  for (std::uint32_t i = 0; i < draft.edges.size(); ++i) {
    const DraftEdge& edge = draft.edges[i];
    if (edge.join) draft.joins[edge.join->join].branches[edge.join->branch].push_back(i);
    for (auto route = edge.route; route; route = draft.routes[*route].outer) {
      draft.routes[*route].edges.push_back(i);
    }
    for (auto join = edge.join; join; join = draft.joins[join->join].outer) {
      draft.joins[join->join].to = edge.to;
    }
  }
  draft.index_edges();
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
  if (draft.edges.empty() && draft.calls.empty() && !draft.flow_broken &&
      !draft.findings.has_errors()) {
    draft.findings.error(codes::kNoFlow, "the flow is empty", flow->value.span)
        .help.push_back("add lines such as \"questions -> generate\"");
  }
}

}  // namespace troupe::graphs
