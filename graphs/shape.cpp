// The shape of the whole flow: cycles, inputs that nothing feeds, outputs that go nowhere, stages
// that nothing uses.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "graphs/draft.hpp"

namespace troupe::graphs {
namespace {

/// Depth first along queues; every edge back to a stage on the way closes a cycle.
class Cycles {
 public:
  explicit Cycles(Draft& draft) : draft_(draft), states_(draft.stages.size(), State::New) {}

  void run() {
    for (std::uint32_t i = 0; i < draft_.stages.size(); ++i) {
      if (states_[i] == State::New) visit(i);
    }
  }

 private:
  enum class State { New, Open, Done };

  void visit(std::uint32_t stage) {  // as deep as the flow has stages, which a file's size bounds
    states_[stage] = State::Open;
    for (const std::uint32_t index : draft_.queues_out_of(stage)) {
      const std::uint32_t next = draft_.edges[index].to;
      if (states_[next] == State::Open) {
        report(index);
      } else if (states_[next] == State::New) {
        way_.push_back(index);
        visit(next);
        way_.pop_back();
      }
    }
    states_[stage] = State::Done;
  }

  void report(std::uint32_t closing) {
    draft_.cyclic = true;
    if (++told_ > kMostCycles) return;
    const DraftEdge& edge = draft_.edges[closing];
    auto first = way_.end();
    while (first != way_.begin() && edge.to != edge.from) {
      --first;
      if (draft_.edges[*first].from == edge.to) break;
    }
    std::string path = draft_.stages[edge.to].name;
    for (auto step = first; step != way_.end(); ++step) {
      if (step - first == kMostNamed) path += " -> ...";
      if (step - first < kMostNamed) path += " -> " + draft_.stages[draft_.edges[*step].to].name;
    }
    path += " -> " + draft_.stages[edge.to].name;
    Diagnostic& found = draft_.findings.error(codes::kCycle, "queues form a cycle: " + path,
                                              edge.arrow_span, "this arrow closes it");
    for (auto step = first; step != way_.end() && step - first < kMostNamed; ++step) {
      found.secondary.push_back({draft_.edges[*step].arrow_span, ""});
    }
    found.help.push_back(
        "full queues around a cycle would wait for each other for ever: remove an arrow, or feed "
        "back the latest value with `~>`");
  }

  static constexpr int kMostCycles = 8;  // of one tangle: each arrow that is removed leaves fewer
  static constexpr std::ptrdiff_t kMostNamed = 12;

  Draft& draft_;
  std::vector<State> states_;
  std::vector<std::uint32_t> way_;
  int told_ = 0;
};

std::string plural(MessageType type) {
  return type == MessageType::Weights ? "weights" : std::string(name_of(type)) + "s";
}

std::vector<std::string> givers(const Draft& draft, MessageType type, std::uint32_t not_this) {
  std::vector<std::string> out;
  for (std::uint32_t i = 0; i < draft.stages.size(); ++i) {
    const Contract* contract = draft.stages[i].contract;
    if (!contract || i == not_this) continue;
    const PortSpec* port = contract->default_output(Delivery::Queue);
    const bool fits = port && (port->type == type ||
                               (port->type == MessageType::Sample && type == MessageType::Group));
    if (!fits) continue;
    // What leads nowhere yet is the likelier end to connect.
    const bool open = draft.stages[i].in_flow && draft.queues_out_of(i).empty();
    out.insert(open ? out.begin() : out.end(), draft.stages[i].name);
  }
  return out;
}

void check_inputs(Draft& draft, std::uint32_t stage, const std::vector<std::uint32_t>& into) {
  const Contract& contract = *draft.stages[stage].contract;
  for (const PortSpec& port : contract.inputs) {
    const DraftEdge* first = nullptr;
    for (const std::uint32_t i : into) {
      const DraftEdge& edge = draft.edges[i];
      if (edge.in != &port) continue;
      if (first && port.delivery == Delivery::Latest) {
        Diagnostic& found =
            draft.findings.error(codes::kTwoProducers,
                                 fmt::format("two stages give `{}.{}` its latest value",
                                             draft.stages[stage].name, port.name),
                                 edge.from_span, "a second producer");
        found.secondary.push_back({first->from_span, "the first"});
        found.help.push_back("the latest of two is a matter of chance: keep one");
      }
      if (!first) first = &edge;
    }
    if (first || !port.required) continue;
    Diagnostic& found = draft.findings.error(
        codes::kNotFed,
        fmt::format("nothing feeds `{}`, which takes {}", draft.stages[stage].name,
                    plural(port.type)),
        draft.place_of(stage), fmt::format("its input `{}` is not connected", port.name));
    const auto names = givers(draft, port.type, stage);
    if (!names.empty()) {
      found.help.push_back(fmt::format("lead {} into it: {} -> {}", plural(port.type),
                                       names.front(), draft.stages[stage].name));
    } else {
      found.help.push_back(
          fmt::format("add a stage that gives {}; `troupe kinds` lists them", plural(port.type)));
    }
  }
}

/// What leaves by an output that leads nowhere would be lost without an end.
void check_every_output(Draft& draft, std::uint32_t stage) {
  const DraftStage& from = draft.stages[stage];
  for (const PortSpec& port : from.contract->outputs) {
    const auto& out = draft.queues_out_of(stage);
    const bool leads =
        std::any_of(out.begin(), out.end(), [&](auto i) { return draft.edges[i].out == &port; });
    if (leads || port.delivery != Delivery::Queue) continue;
    draft.findings
        .error(codes::kGoesNowhere,
               fmt::format("the {} that leave `{}` by `{}` go nowhere", plural(port.type),
                           from.name, port.name),
               draft.place_of(stage), fmt::format("its output `{}` is not connected", port.name))
        .help.push_back(
            fmt::format("lead them to a learner or a sink: {}.{} -> ...", from.name, port.name));
  }
}

void check_outputs(Draft& draft, std::uint32_t stage) {
  const Contract& contract = *draft.stages[stage].contract;
  if (contract.is_sink()) return;
  if (!draft.queues_out_of(stage).empty()) return check_every_output(draft, stage);
  const PortSpec* port = contract.default_output(Delivery::Queue);
  Diagnostic& found = draft.findings.error(
      codes::kGoesNowhere,
      fmt::format("the {} of `{}` go nowhere", plural(port->type), draft.stages[stage].name),
      draft.place_of(stage), fmt::format("its output `{}` is not connected", port->name));
  found.help.push_back(
      fmt::format("every sample must end somewhere: lead them to a learner or a sink, {} -> ...",
                  draft.stages[stage].name));
}

void check_unused(Draft& draft, const DraftStage& stage) {
  const auto queue = [](const PortSpec& port) { return port.delivery == Delivery::Queue; };
  const bool stands_beside =
      stage.contract &&
      std::none_of(stage.contract->inputs.begin(), stage.contract->inputs.end(), queue) &&
      std::none_of(stage.contract->outputs.begin(), stage.contract->outputs.end(), queue);
  if (stage.in_flow || stage.referenced || stands_beside) return;
  if (draft.edges.empty() && draft.calls.empty()) return;
  draft.findings
      .warning(codes::kUnusedStage, fmt::format("stage `{}` is not used", stage.name),
               stage.name_span, "neither the flow nor another stage names it")
      .help.push_back("connect it in [graph] flow, or remove it; a run leaves it out");
}

}  // namespace

void check_shape(Draft& draft) {
  Cycles(draft).run();
  std::vector<std::vector<std::uint32_t>> into(draft.stages.size());
  for (std::uint32_t i = 0; i < draft.edges.size(); ++i) into[draft.edges[i].to].push_back(i);
  std::vector<bool> serves(draft.stages.size());
  for (const DraftCall& call : draft.calls) serves[call.to] = true;
  for (std::uint32_t i = 0; i < draft.stages.size(); ++i) {
    const DraftStage& stage = draft.stages[i];
    // A flow that could not be read may well connect it.
    if (draft.flow_broken) continue;
    check_unused(draft, stage);
    if (!stage.contract || !stage.in_flow) continue;
    // A service needs no place in the flow, but half a place is a mistake.
    const bool only_serves =
        serves[i] && draft.queues_into(i).empty() && draft.queues_out_of(i).empty();
    if (only_serves) continue;
    check_inputs(draft, i, into[i]);
    check_outputs(draft, i);
  }
}

}  // namespace troupe::graphs
