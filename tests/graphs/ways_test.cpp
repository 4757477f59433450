// What a plan promises of ways: random flows with routes and joins inside each other are loaded,
// and every task of a plan is sent through its edges by the rules of plan.hpp. No join waits for
// ever, no stage gets a sample twice, and an accounted sample ends exactly once.
#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "graphs/load.hpp"
#include "schemas/base/rng.hpp"
#include "tests/catch.hpp"
#include "tests/graphs/test_kinds.hpp"

using namespace troupe;
using namespace troupe::graphs;

namespace {

constexpr const char* kTasks[] = {"math", "code", "chat"};

/// Random brackets over stages that are each used once.
class Flow {
 public:
  explicit Flow(Rng& rng) : rng_(rng) {}

  std::string node(int depth) {
    const auto choice = depth > 0 ? rng_.below(4) : 0;
    if (choice < 2) return stage();
    const bool route = choice == 2;
    std::string out = route ? "[" : "(";
    const std::size_t branches = 1 + rng_.below(3);
    for (std::size_t i = 0; i < branches; ++i) {
      if (i > 0) out += route ? ", " : " & ";
      if (route) out += label(i, branches) + ": ";
      out += chain(depth - 1);
    }
    return out + (route ? "]" : ")");
  }
  std::string chain(int depth) {
    std::string out = node(depth);
    for (auto more = rng_.below(3); more > 0; --more)
      out += " -> " + stage() + " -> " + node(depth);
    return out;
  }
  const std::vector<std::string>& stages() const { return stages_; }

 private:
  std::string stage() {
    stages_.push_back(fmt::format("v{}", stages_.size()));
    return stages_.back();
  }
  std::string label(std::size_t branch, std::size_t branches) {
    if (branch + 1 == branches && rng_.below(4) != 0) return "else";
    std::string out = kTasks[branch % std::size(kTasks)];
    if (branches < 3 && rng_.below(3) == 0) out += std::string(" | ") + kTasks[2];
    return out;
  }

  Rng& rng_;
  std::vector<std::string> stages_;
};

/// One sample of one task on its way through a plan.
class Sample {
 public:
  Sample(const Plan& plan, std::string task) : plan_(plan), task_(std::move(task)) {}

  void enter(std::uint32_t stage, bool accounted) {
    if (plan_.stages[stage].contract->is_sink()) {
      ends_ += accounted ? 1 : 0;
      return;
    }
    // A stage that observes may get what another copy brings, but nothing twice the same way.
    REQUIRE(entered_.insert({stage, accounted}).second);
    std::set<std::string> ports;
    std::map<std::string, int> ways;
    for (const EdgePlan* edge : plan_.edges_out_of(stage)) {
      if (edge->delivery != Delivery::Queue) continue;
      if (edge->accounted) ports.insert(edge->from.port);
      if (!edge->takes(task_)) continue;
      if (edge->accounted) ++ways[edge->from.port];
      arrive(*edge, accounted && edge->accounted);
    }
    if (accounted) {
      for (const std::string& port : ports) REQUIRE(ways[port] > 0);
    }
  }

  void check_end() const {
    REQUIRE(ends_ == 1);
    for (const auto& [join, brought] : brought_) {
      REQUIRE(brought.size() == plan_.joins[join].branches.size());
    }
  }

 private:
  void arrive(const EdgePlan& edge, bool accounted) {
    for (auto end = edge.join; end; end = plan_.joins[end->join].outer) {
      auto& brought = brought_[end->join];
      REQUIRE(brought.insert(end->branch).second);
      if (brought.size() < plan_.joins[end->join].branches.size()) return;
    }
    enter(edge.to.stage, accounted);
  }

  const Plan& plan_;
  std::string task_;
  int ends_ = 0;
  std::set<std::pair<std::uint32_t, bool>> entered_;
  std::map<std::uint32_t, std::set<std::uint32_t>> brought_;
};

std::string graph_of(Rng& rng) {
  Flow flow(rng);
  const std::string inner = flow.chain(3);
  std::string text = "format = 1\n[model.m]\nload = \"m.gguf\"\n";
  std::string lines;
  const std::size_t sources = 1 + rng.below(std::size(kTasks));
  for (std::size_t i = 0; i < sources; ++i) {
    text += fmt::format("[stage.d{}]\nkind = \"dataset.jsonl\"\npath = \"d\"\ntask = \"{}\"\n", i,
                        kTasks[i]);
    lines += fmt::format("\"d{} -> generate\", ", i);
  }
  text += "[stage.generate]\nkind = \"generator\"\nmodel = \"m\"\n";
  for (const std::string& stage : flow.stages()) {
    text += fmt::format("[stage.{}]\nkind = \"pass\"\n", stage);
  }
  text += "[stage.out]\nkind = \"sink.jsonl\"\npath = \"o\"\n";
  return text + fmt::format("[graph]\nflow = [{}\"generate -> {} -> out\"]\n", lines, inner);
}

}  // namespace

TEST_CASE("a_sample_of_every_task_ends_once_on_every_way_that_a_plan_allows") {
  const Kinds kinds = test_kinds();
  int plans = 0, with_both = 0;
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    Rng rng(seed, 11);
    const std::string text = graph_of(rng);
    const LoadResult result = load_graph_text(text, "ways.toml", {}, kinds);
    INFO("seed " << seed << "\n" << text);
    if (!result.ok()) {
      INFO(result.rendered(false));
      // Whatever is refused is refused for a reason that random brackets can have.
      for (const Diagnostic& found : result.diagnostics) {
        static const std::set<std::string> kExpected = {"E0310", "E0406", "E0407", "E0415",
                                                        "W0606"};
        REQUIRE(kExpected.contains(found.code));
      }
      continue;
    }
    ++plans;
    if (!result.plan->routes.empty() && !result.plan->joins.empty()) ++with_both;
    for (const StagePlan& stage : result.plan->stages) {
      if (!stage.has("task")) continue;
      Sample sample(*result.plan, stage.option("task").as_string());
      sample.enter(result.plan->gate->stage, true);
      sample.check_end();
    }
  }
  CHECK(plans > 1000);
  CHECK(with_both > 200);
}
