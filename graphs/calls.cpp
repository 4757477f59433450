// Calls: ports that call nobody or two, and cycles of calls.
#include <algorithm>

#include <fmt/format.h>

#include "graphs/draft.hpp"

namespace troupe::graphs {
namespace {

void check_ports(Draft& draft) {
  std::map<std::pair<std::uint32_t, const CallSpec*>, const DraftCall*> by_port;
  for (const DraftCall& call : draft.calls) {
    if (!call.out) continue;
    const auto [first, fresh] = by_port.emplace(std::pair(call.from, call.out), &call);
    if (fresh) continue;
    Diagnostic& found = draft.findings.error(
        codes::kTwoServices,
        fmt::format("`{}.{}` calls two services", draft.stages[call.from].name, call.out->name),
        call.to_span, "a second service");
    found.secondary.push_back({first->second->to_span, "the first"});
    found.help.push_back("a port calls one service: keep one of them");
  }
  for (std::uint32_t i = 0; i < draft.stages.size(); ++i) {
    const DraftStage& stage = draft.stages[i];
    if (!stage.contract || !stage.in_flow) continue;
    for (const CallSpec& port : stage.contract->calls) {
      if (by_port.contains({i, &port})) continue;
      std::vector<std::string> able;
      for (const DraftStage& other : draft.stages) {
        if (!other.contract || &other == &stage) continue;
        const auto& answers = other.contract->answers;
        const bool fits = std::any_of(answers.begin(), answers.end(), [&](const CallSpec& answer) {
          return answer.request == port.request && answer.answer == port.answer;
        });
        // What nobody uses yet is the likelier one.
        if (fits) able.insert(other.in_flow ? able.end() : able.begin(), other.name);
      }
      Diagnostic& found = draft.findings.error(
          codes::kNotFed, fmt::format("`{}` calls a service, and none is named", stage.name),
          draft.place_of(i), fmt::format("its `{}` is not connected: {}", port.name, port.doc));
      found.help.push_back(
          able.empty()
              ? fmt::format("add a stage that answers {}s with {}s, and a line \"{} <-> "
                            "SERVICE\" to the flow",
                            name_of(port.request), name_of(port.answer), stage.name)
              : fmt::format("add a line to the flow: \"{} <-> {}\"", stage.name, able.front()));
    }
  }
}

class CallCycles {
 public:
  explicit CallCycles(Draft& draft) : draft_(draft), states_(draft.stages.size()) {
    for (const DraftCall& call : draft.calls) out_[call.from].push_back(&call);
  }

  void run() {
    for (const auto& [stage, calls] : out_) visit(stage);
  }

 private:
  enum class State { New, Open, Done };

  void visit(std::uint32_t start) {
    if (states_[start] != State::New) return;
    struct Step {
      std::uint32_t stage;
      std::size_t next = 0;
    };
    std::vector<Step> open{{start}};
    states_[start] = State::Open;
    while (!open.empty()) {
      Step& step = open.back();
      const auto calls = out_.find(step.stage);
      if (calls == out_.end() || step.next == calls->second.size()) {
        states_[step.stage] = State::Done;
        open.pop_back();
        if (!way_.empty()) way_.pop_back();
        continue;
      }
      const DraftCall* call = calls->second[step.next++];
      if (states_[call->to] == State::Open) {
        report(*call);
      } else if (states_[call->to] == State::New) {
        states_[call->to] = State::Open;
        way_.push_back(call);
        open.push_back({call->to});
      }
    }
  }

  void report(const DraftCall& closing) {
    const auto first = std::find_if(
        way_.begin(), way_.end(), [&](const DraftCall* call) { return call->from == closing.to; });
    std::string path = draft_.stages[closing.to].name;
    for (auto step = first; step != way_.end(); ++step) {
      path += " <-> " + draft_.stages[(*step)->to].name;
    }
    path += " <-> " + draft_.stages[closing.to].name;
    Diagnostic& found = draft_.findings.error(codes::kCallCycle, "calls form a cycle: " + path,
                                              closing.arrow_span, "this call closes it");
    for (auto step = first; step != way_.end(); ++step) {
      found.secondary.push_back({(*step)->arrow_span, ""});
    }
    found.help.push_back(
        "each would wait for the other's answer while it owes one: take a service of its own for "
        "one of them");
  }

  Draft& draft_;
  std::vector<State> states_;
  std::map<std::uint32_t, std::vector<const DraftCall*>> out_;
  std::vector<const DraftCall*> way_;
};

/// Calls belong to no group, so nothing says which version is to answer them.
void check_exact(Draft& draft) {
  const auto exact = draft.run.find("exact");
  if (exact == draft.run.end() || !exact->second.value.as_bool()) return;
  for (const DraftCall& call : draft.calls) {
    const auto weights =
        std::find_if(draft.edges.begin(), draft.edges.end(), [&](const DraftEdge& edge) {
          return edge.to == call.to && edge.delivery == Delivery::Latest;
        });
    if (weights == draft.edges.end()) continue;
    const std::string& service = draft.stages[call.to].name;
    Diagnostic& found = draft.findings.error(
        codes::kExactCall,
        fmt::format("the run cannot be exact: `{}` calls `{}`, which gets new weights",
                    draft.stages[call.from].name, service),
        call.to_span, "which weights answer a call depends on timing");
    found.secondary.push_back({exact->second.value_span, "exact is asked for here"});
    found.help.push_back(
        fmt::format("let the call go to a stage whose weights stay, with a model of its own "
                    "(a second generator beside `{}`), or set run.exact = false",
                    service));
  }
}

}  // namespace

void check_calls(Draft& draft) {
  if (!draft.flow_broken) check_ports(draft);
  check_exact(draft);
  CallCycles(draft).run();
}

}  // namespace troupe::graphs
