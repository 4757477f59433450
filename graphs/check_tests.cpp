// What [[test]] tables mean for the graph: where their samples enter, which stages see them, and
// whether what they expect can ever be said.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "graphs/draft.hpp"

namespace troupe::graphs {
namespace {

using Expected = Expectation::Expected;

const std::vector<std::string> kEnds = {"trained", "delivered", "filtered", "unscorable", "failed"};
const std::vector<std::string> kOutcomes = {"scored", "unscorable", "timeout", "infra_error",
                                            "absent"};

bool is_queue(const EdgePlan& edge) { return edge.delivery == Delivery::Queue; }
bool ends_here(const StagePlan& stage) {
  return stage.contract->learns || stage.contract->is_sink();
}

/// The part of the graph behind one output.
struct Part {
  std::vector<bool> edges, runs, ends;
};

Part part_behind(const Plan& plan, const PortRef& entry) {
  Part out{std::vector<bool>(plan.edges.size()), std::vector<bool>(plan.stages.size()),
           std::vector<bool>(plan.stages.size())};
  std::vector<std::uint32_t> open;
  const auto follow = [&](const EdgePlan& edge) {
    if (!is_queue(edge) || out.edges[edge.index]) return;
    out.edges[edge.index] = true;
    const std::uint32_t to = edge.to.stage;
    if (ends_here(plan.stages[to])) {
      out.ends[to] = true;
    } else if (!out.runs[to]) {
      out.runs[to] = true;
      open.push_back(to);
    }
  };
  for (const EdgePlan& edge : plan.edges) {
    if (edge.from == entry) follow(edge);
  }
  while (!open.empty()) {
    const std::uint32_t stage = open.back();
    open.pop_back();
    for (const EdgePlan* edge : plan.edges_out_of(stage)) follow(*edge);
    for (const std::uint32_t callee : plan.callees_of(stage)) out.runs[callee] = true;
  }
  return out;
}

/// Of each branch of a join: whether it brings samples of this part to its end.
std::vector<bool> branches_in(const Plan& plan, const Part& part, const JoinPlan& join) {
  std::vector<bool> out(join.branches.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    for (const std::uint32_t edge : join.branches[i]) out[i] = out[i] || part.edges[edge];
  }
  for (const JoinPlan& inner : plan.joins) {
    if (!inner.outer || inner.outer->join != join.index) continue;
    const auto inside = branches_in(plan, part, inner);  // as deep as joins nest
    if (std::find(inside.begin(), inside.end(), true) != inside.end()) {
      out[inner.outer->branch] = true;
    }
  }
  return out;
}

/// A join that would wait for ever for branches outside the part.
const JoinPlan* half_join(const Plan& plan, const Part& part) {
  for (const JoinPlan& join : plan.joins) {
    const auto inside = branches_in(plan, part, join);
    const auto count = std::count(inside.begin(), inside.end(), true);
    if (count > 0 && static_cast<std::size_t>(count) < inside.size()) return &join;
  }
  return nullptr;
}

class TestChecker {
 public:
  TestChecker(Draft& draft, const Plan& plan, DraftTest& test)
      : draft_(draft), plan_(plan), test_(test) {}

  void check() {
    if (test_.plan.to.empty() || !find_entry()) return;
    Part part = part_behind(plan_, test_.plan.entry);
    // Every turn moves the entry upwards, so there are at most as many as stages.
    for (const JoinPlan* join = nullptr; (join = half_join(plan_, part)) != nullptr;) {
      test_.plan.entry = join->entrance;
      part = part_behind(plan_, test_.plan.entry);
    }
    test_.plan.runs = std::move(part.runs);
    test_.plan.ends = std::move(part.ends);
    if (!needs_no_model() || !task_leads_there()) return;
    for (DraftExpectation& expectation : test_.expectations) {
      check_expectation(expectation);
      test_.plan.expectations.push_back(expectation.plan);
    }
  }

 private:
  void target(std::string message, Span span, std::string label, std::string help) {
    draft_.findings.error(codes::kTestTarget, std::move(message), span, std::move(label))
        .help.push_back(std::move(help));
  }

  /// Stages that take single samples from another stage.
  std::vector<std::string> targets() const {
    std::vector<std::string> out;
    for (const StagePlan& stage : plan_.stages) {
      if (ends_here(stage)) continue;
      for (const EdgePlan* edge : plan_.edges_into(stage.index)) {
        if (!is_queue(*edge) || edge->type != MessageType::Sample) continue;
        out.push_back(stage.name);
        break;
      }
    }
    return out;
  }

  struct Way {
    std::string from;  // the stage that gives the samples
    PortRef entry;
  };
  /// Where samples enter that come by this edge: if it ends a branch, where that ( & ) begins.
  PortRef entry_of(const EdgePlan& edge) const {
    if (!edge.join) return edge.from;
    const JoinPlan* join = &plan_.joins[edge.join->join];
    while (join->outer) join = &plan_.joins[join->outer->join];
    return join->entrance;
  }

  bool find_entry() {
    const std::string& name = test_.plan.to;
    const StagePlan* stage = plan_.find_stage(name);
    if (!stage) {
      Diagnostic& found =
          draft_.findings.error(codes::kUnknownStage, fmt::format("no stage is named `{}`", name),
                                test_.to_span, "the test sends to it");
      if (draft_.removed(found, "stage." + name)) return false;
      found.help.push_back(name_help(name, targets(), "stages that a test may send to"));
      return false;
    }
    std::vector<Way> ways;
    std::optional<MessageType> other;
    for (const EdgePlan* edge : plan_.edges_into(stage->index)) {
      if (!is_queue(*edge)) continue;
      if (edge->type != MessageType::Sample) {
        other = edge->type;
      } else {
        ways.push_back({plan_.stages[edge->from.stage].name, entry_of(*edge)});
      }
    }
    if (ends_here(*stage) || ways.empty()) {
      target(fmt::format("a test cannot send to `{}`", name), test_.to_span,
             ends_here(*stage) ? "samples end here, and nothing judges them"
             : other           ? fmt::format("it takes {}s, not single samples", name_of(*other))
                               : "no samples lead into it",
             name_help(name, targets(), "stages that a test may send to"));
      return false;
    }
    const bool one_way = std::all_of(
        ways.begin(), ways.end(), [&](const Way& way) { return way.entry == ways.front().entry; });
    std::vector<std::string> names;
    for (const Way& way : ways) {
      if (std::find(names.begin(), names.end(), way.from) == names.end()) names.push_back(way.from);
      if (test_.from.empty() ? one_way : way.from == test_.from) {
        test_.plan.entry = way.entry;
        return true;
      }
    }
    if (test_.from.empty()) {
      target(fmt::format("`{}` gets samples from several stages", name), test_.to_span,
             "which way?",
             fmt::format("add from = \"{}\" to `send`; it gets samples from {}", names.front(),
                         quoted_list(names)));
    } else {
      target(fmt::format("`{}` gets no samples from `{}`", name, test_.from), test_.from_span,
             "does not lead there", name_help(test_.from, names, "it gets samples from"));
    }
    return false;
  }

  bool needs_no_model() {
    for (const StagePlan& stage : plan_.stages) {
      if (!test_.plan.runs[stage.index]) continue;
      for (const OptionSpec& spec : stage.contract->options) {
        if (spec.type != OptionType::Model || !stage.has(spec.name)) continue;
        const auto in = plan_.edges_into(stage.index);
        const bool called = std::none_of(in.begin(), in.end(), [&](const EdgePlan* edge) {
          return is_queue(*edge) && test_.plan.runs[edge->from.stage];
        });
        Diagnostic& found = draft_.findings.error(
            codes::kTestNeedsModel,
            fmt::format("the test would have to load a model, for `{}`", stage.name), test_.to_span,
            fmt::format("{} `{}` ({})",
                        called && !plan_.calls_to(stage.index).empty()
                            ? "what judges from here on calls"
                            : "from here samples come to",
                        stage.name, stage.kind));
        const DraftStage* drafted = draft_.find_stage(stage.name);
        if (drafted) found.secondary.push_back({drafted->name_span, "this runs a model"});
        found.help.push_back(
            "tests run without models: send to a stage behind it, or try this with a short run");
        return false;
      }
    }
    return true;
  }

  /// Routes on the way may send samples of the test's task elsewhere.
  bool task_leads_there() {
    const StagePlan& target_stage = plan_.stage(test_.plan.to);
    std::vector<bool> seen(plan_.stages.size());
    std::vector<PortRef> open{test_.plan.entry};
    while (!open.empty()) {
      const PortRef port = open.back();
      open.pop_back();
      for (const EdgePlan& edge : plan_.edges) {
        const bool here = port.port.empty() ? edge.from.stage == port.stage : edge.from == port;
        if (!here || !is_queue(edge) || !edge.takes(test_.plan.task) || seen[edge.to.stage])
          continue;
        seen[edge.to.stage] = true;
        open.push_back({edge.to.stage, ""});  // all of its outputs
      }
    }
    if (seen[target_stage.index]) return true;
    std::vector<std::string> tasks;
    for (const EdgePlan& edge : plan_.edges) {
      if (edge.tasks && is_queue(edge)) tasks.push_back(edge.tasks->text());
    }
    target(test_.plan.task.empty()
               ? fmt::format("a sample without a task does not come to `{}`", test_.plan.to)
               : fmt::format("a sample of task `{}` does not come to `{}`", test_.plan.task,
                             test_.plan.to),
           test_.to_span, "a route on the way sends it elsewhere",
           fmt::format("give `send` a task of its branch: task = \"...\"; the branches are {}",
                       quoted_list(tasks)));
    return false;
  }

  std::vector<std::string> judges() const {
    std::vector<std::string> out;
    for (const StagePlan& stage : plan_.stages) {
      if (test_.plan.runs[stage.index] && stage.contract->judges) out.push_back(stage.name);
    }
    return out;
  }

  void check_expectation(const DraftExpectation& expectation) {
    const std::string& what = expectation.plan.what;
    if (what == "end") return check_texts(expectation, kEnds, false);
    if (what == "reward") {
      if (has_scorer()) return check_texts(expectation, {"none"}, true);
      return expects(expectation, "nothing gives these samples a reward",
                     fmt::format("no scorer stands behind `{}`", test_.plan.to),
                     "expect verdicts instead, or add a scorer.weighted stage");
    }
    const StagePlan* stage = plan_.find_stage(what);
    if (!stage) {
      std::vector<std::string> known = judges();
      known.insert(known.end(), {"reward", "end"});
      Diagnostic& found =
          draft_.findings.error(codes::kUnknownStage, fmt::format("no stage is named `{}`", what),
                                expectation.key_span, "expected of this test");
      if (!draft_.removed(found, "stage." + what)) {
        found.help.push_back(name_help(what, known, "what a test may expect here"));
      }
      return;
    }
    if (!stage->contract->judges) {
      return expects(expectation, fmt::format("`{}` gives no verdict", what),
                     fmt::format("a {} does not judge", stage->kind),
                     name_help(what, judges(), "judging stages that see the sample"));
    }
    if (!test_.plan.runs[stage->index]) {
      return expects(expectation,
                     fmt::format("`{}` never sees what is sent to `{}`", what, test_.plan.to),
                     "not behind that stage", name_help(what, judges(), "stages that do"));
    }
    check_texts(expectation, kOutcomes, true);
  }

  bool has_scorer() const {
    for (const StagePlan& stage : plan_.stages) {
      if (!test_.plan.runs[stage.index]) continue;
      for (const OptionSpec& spec : stage.contract->options) {
        if (spec.type == OptionType::StageWeights && spec.name == "weights") return true;
      }
    }
    return false;
  }

  void expects(const DraftExpectation& expectation, std::string message, std::string label,
               std::string help) {
    Diagnostic& found = draft_.findings.error(codes::kTestExpects, std::move(message),
                                              expectation.key_span, std::move(label));
    found.secondary.push_back({test_.to_span, "sent here"});
    found.help.push_back(std::move(help));
  }

  void check_texts(const DraftExpectation& expectation, const std::vector<std::string>& texts,
                   bool numbers) {
    for (std::size_t i = 0; i < expectation.plan.values.size(); ++i) {
      const std::string* text = std::get_if<std::string>(&expectation.plan.values[i]);
      if (text ? std::find(texts.begin(), texts.end(), *text) != texts.end() : numbers) continue;
      Diagnostic& found = draft_.findings.error(
          codes::kNotAChoice,
          text ? fmt::format("`{}` cannot be expected to be \"{}\"", expectation.plan.what, *text)
               : fmt::format("`{}` is a text, not a number", expectation.plan.what),
          expectation.spans[i], "not one of the choices");
      if (const std::string near = text ? nearest(*text, texts) : ""; !near.empty()) {
        found.help.push_back(fmt::format("did you mean \"{}\"?", near));
      }
      found.help.push_back(
          fmt::format("expect {}{}", numbers ? "a number, or " : "", quoted_list(texts, "or")));
      return;
    }
  }

  Draft& draft_;
  const Plan& plan_;
  DraftTest& test_;
};

}  // namespace

std::vector<TestPlan> check_tests(Draft& draft, const Plan& plan) {
  std::vector<TestPlan> out;
  for (DraftTest& test : draft.tests) {
    TestChecker(draft, plan, test).check();
    out.push_back(std::move(test.plan));
  }
  return out;
}

}  // namespace troupe::graphs
