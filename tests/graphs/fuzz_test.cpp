// Broken bytes: mutated good and wrong graphs, under seeds. Nothing crashes, every span lies in its
// source, everything can be rendered, and a plan comes exactly without errors.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "graphs/load.hpp"
#include "graphs/print.hpp"
#include "schemas/base/rng.hpp"
#include "tests/catch.hpp"
#include "tests/graphs/test_kinds.hpp"

using namespace troupe;
using namespace troupe::graphs;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> corpus(const char* folder) {
  std::vector<fs::path> paths;
  const fs::path root = fs::path(TROUPE_SOURCE_DIR) / "tests/golden" / folder;
  for (const auto& entry : fs::directory_iterator(root)) {
    if (entry.path().extension() == ".toml") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> out;
  for (const fs::path& path : paths) {
    std::ifstream stream(path, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    out.push_back(text.str());
  }
  return out;
}

const char* const kPieces[] = {"->",
                               "~>",
                               "<->",
                               "(",
                               ")",
                               "&",
                               "[",
                               "]",
                               "\"",
                               "'",
                               "\"\"\"",
                               "=",
                               "\n",
                               ".",
                               "#",
                               "{",
                               "}",
                               "0",
                               "-1",
                               "1e999",
                               "nan",
                               "é",
                               "\xff",
                               "\\u00e9",
                               "\\",
                               "[[x]]\n",
                               "[edge.\"a -> b\"]\n",
                               "kind",
                               "else",
                               "else: ",
                               " | ",
                               "[math: ",
                               "'a b'",
                               "task = \"code\"\n",
                               "task_field = \"subject\"\n",
                               "group = true\n",
                               "swap = true\n",
                               "deadline = \"1s\"\n",
                               "when_full = \"drop_oldest\"\n",
                               "\t",
                               "\r\n",
                               "9223372036854775807",
                               "\"8 groups\"",
                               "1979-05-27"};

void mutate(std::string& text, Rng& rng, const std::vector<std::string>& all, std::uint64_t count) {
  for (; count > 0; --count) {
    const std::size_t at = rng.below(text.size() + 1);
    const std::size_t length = std::min<std::size_t>(rng.below(12), text.size() - at);
    switch (rng.below(6)) {
      case 0:
        text.erase(at, length);
        break;
      case 1:
        text.insert(at, kPieces[rng.below(std::size(kPieces))]);
        break;
      case 2:
        text.replace(at, length, kPieces[rng.below(std::size(kPieces))]);
        break;
      case 3:
        text.insert(at, text.substr(rng.below(text.size() + 1), rng.below(80)));
        break;
      case 4:
        if (at < text.size()) text[at] = static_cast<char>(rng.below(256));
        break;
      default: {
        const std::string& other = all[rng.below(all.size())];
        text.insert(at, other.substr(rng.below(other.size() + 1), rng.below(120)));
      }
    }
  }
}

void check_labels(const LoadResult& result, const Label& label) {
  REQUIRE(label.span.source < result.sources.size());
  REQUIRE(label.span.begin <= label.span.end);
  // An empty source has no byte to mark; the span of its start is [0, 1) there.
  REQUIRE(label.span.begin <= result.sources[label.span.source].text.size());
}

/// What plan.hpp promises to whoever holds a plan.
void check_promises(const Plan& plan) {
  const std::uint64_t group = plan.gate ? plan.gate->group_size : 1;
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    const StagePlan& stage = plan.stages[i];
    REQUIRE(stage.index == i);
    REQUIRE(stage.contract != nullptr);
    for (const OptionSpec& spec : stage.contract->options) {
      if (spec.required || spec.default_value) REQUIRE(stage.has(spec.name));
    }
    const bool only_serves =
        !plan.calls_to(stage.index).empty() && plan.edges_out_of(stage.index).empty();
    for (const PortSpec& port : stage.contract->inputs) {
      if (!port.required || !stage.in_flow || only_serves) continue;
      const auto in = plan.edges_into(stage.index);
      REQUIRE(std::any_of(in.begin(), in.end(),
                          [&](const EdgePlan* edge) { return edge->to.port == port.name; }));
    }
  }
  for (std::size_t i = 0; i < plan.edges.size(); ++i) {
    const EdgePlan& edge = plan.edges[i];
    REQUIRE(edge.index == i);
    REQUIRE(edge.from.stage < plan.stages.size());
    REQUIRE(edge.to.stage < plan.stages.size());
    const PortSpec* out = plan.stages[edge.from.stage].contract->output(edge.from.port);
    const PortSpec* in = plan.stages[edge.to.stage].contract->input(edge.to.port);
    REQUIRE(out != nullptr);
    REQUIRE(in != nullptr);
    REQUIRE((out->type == in->type) == (edge.converts == Conversion::None));
    REQUIRE(edge.capacity_items >= 1);
    REQUIRE(edge.capacity_bytes >= 1);
    if (edge.converts == Conversion::AssembleGroups) REQUIRE(edge.capacity_items >= group);
    if (edge.when_full == WhenFull::DropOldest) REQUIRE_FALSE(edge.accounted);
    if (edge.join) REQUIRE(edge.join->join < plan.joins.size());
    if (edge.fork) REQUIRE(*edge.fork < plan.joins.size());
  }
  for (const JoinPlan& join : plan.joins) {
    REQUIRE(join.branches.size() >= 2);
    REQUIRE_FALSE(join.entries.empty());
    for (std::uint32_t branch = 0; branch < join.branches.size(); ++branch) {
      for (const std::uint32_t edge : join.branches[branch]) {
        REQUIRE(plan.edges[edge].join == BranchRef{join.index, branch});
        REQUIRE(plan.edges[edge].to == join.to);
      }
    }
    for (const std::uint32_t edge : join.entries) REQUIRE(plan.edges[edge].from == join.entrance);
  }
  for (const JoinPlan& join : plan.joins) {
    std::vector<bool> ended(join.branches.size());
    for (std::size_t i = 0; i < join.branches.size(); ++i) ended[i] = !join.branches[i].empty();
    for (const JoinPlan& inner : plan.joins) {
      if (!inner.outer || inner.outer->join != join.index) continue;
      REQUIRE(inner.to == join.to);
      ended.at(inner.outer->branch) = true;
    }
    REQUIRE(std::all_of(ended.begin(), ended.end(), [](bool end) { return end; }));
  }
  for (const RoutePlan& route : plan.routes) {
    REQUIRE_FALSE(route.edges.empty());
    for (const std::uint32_t edge : route.edges) {
      REQUIRE(plan.edges[edge].from == route.entrance);
      REQUIRE(plan.edges[edge].tasks.has_value());
      REQUIRE(plan.edges[edge].accounted == plan.edges[route.edges.front()].accounted);
    }
  }
  for (const EdgePlan& edge : plan.edges) REQUIRE(edge.route.has_value() == edge.tasks.has_value());
  for (const CallPlan& call : plan.calls) {
    REQUIRE(plan.stages[call.from.stage].contract->call(call.from.port) != nullptr);
    REQUIRE(plan.stages[call.to.stage].contract->answer(call.to.port) != nullptr);
    REQUIRE(call.concurrency >= 1);
    REQUIRE(call.deadline > Duration::zero());
    const auto callees = plan.callees_of(call.to.stage);
    REQUIRE(std::find(callees.begin(), callees.end(), call.from.stage) == callees.end());
  }
  if (!plan.gate) return;
  REQUIRE(plan.stages[plan.gate->stage].contract->admits);
  REQUIRE(plan.gate->groups_in_flight_max >= 1);
  REQUIRE(plan.gate->max_staleness + 1 >= plan.gate->publish_every);
}

}  // namespace

TEST_CASE("mutated_graphs_are_checked_without_a_crash") {
  const Kinds kinds = test_kinds();
  const auto all = corpus("graphs");
  const auto good = corpus("graphs/good");
  REQUIRE(all.size() > 40);
  REQUIRE(good.size() > 3);
  int plans = 0;
  // TROUPE_FUZZ_COUNT=1000000 build/tests/graphs_test mutated_graphs_are_checked_without_a_crash
  const char* more = std::getenv("TROUPE_FUZZ_COUNT");
  const std::uint64_t count = more ? std::strtoull(more, nullptr, 10) : 12000;
  for (std::uint64_t seed = 0; seed < count; ++seed) {
    Rng rng(seed, 3);
    // Every other one is a good graph with one wound, which often survives.
    const bool light = seed % 2 == 0;
    std::string text = light ? good[rng.below(good.size())] : all[rng.below(all.size())];
    mutate(text, rng, all, light ? 1 : 1 + rng.below(4));
    std::vector<std::string> sets;
    if (rng.below(4) == 0) {
      std::string set = "stage.generate.temperature=0.8";
      mutate(set, rng, all, 1);
      sets.push_back(set);
    }
    INFO("seed " << seed);
    const LoadResult result = load_graph_text(text, "fuzz.toml", sets, kinds);
    bool errors = false;
    for (const Diagnostic& diagnostic : result.diagnostics) {
      errors = errors || diagnostic.severity == Severity::Error;
      check_labels(result, diagnostic.primary);
      for (const Label& label : diagnostic.secondary) check_labels(result, label);
    }
    REQUIRE(result.ok() != errors);
    REQUIRE(result.rendered(true).empty() == result.diagnostics.empty());
    REQUIRE_FALSE(result.rendered_json().empty());
    if (!result.ok()) continue;
    ++plans;
    check_promises(*result.plan);
    REQUIRE_FALSE(print_plan(*result.plan).empty());
    REQUIRE_FALSE(plan_json(*result.plan).empty());
    REQUIRE_FALSE(draw_text(*result.plan).empty());
    REQUIRE_FALSE(draw_dot(*result.plan).empty());
  }
  CHECK(plans > 100);  // else the mutations are too wild to reach what comes after the errors
}

TEST_CASE("hostile_nesting_and_size_end_in_a_diagnostic") {
  const Kinds kinds = test_kinds();
  const auto code_of = [&](std::string text) {
    const LoadResult result = load_graph_text(std::move(text), "x.toml", {}, kinds);
    REQUIRE_FALSE(result.ok());
    REQUIRE_FALSE(result.rendered(false).empty());
    return result.diagnostics.front().code;
  };
  std::string dots = "a";
  for (int i = 0; i < 100000; ++i) dots += ".a";
  CHECK(code_of(dots + " = 1") == "E0102");
  CHECK(code_of("[" + dots + "]") == "E0102");
  CHECK(code_of("a = { " + dots + " = 1 }") == "E0102");
  CHECK(code_of("a = " + std::string(100000, '[')) == "E0102");
  CHECK(code_of(std::string(2 << 20, '#')) == "E0101");
  CHECK(code_of("") == "E0104");
}

TEST_CASE("large_and_tangled_flows_end_in_a_diagnostic_and_soon") {
  const Kinds kinds = test_kinds();
  const auto codes_of = [&](const std::string& flow, const std::string& stages = "") {
    const std::string text = "format = 1\n" + stages + "[graph]\nflow = [" + flow + "]\n";
    const LoadResult result = load_graph_text(text, "x.toml", {}, kinds);
    REQUIRE_FALSE(result.ok());
    REQUIRE(result.diagnostics.size() <= 110);
    std::set<std::string> out;
    for (const Diagnostic& diagnostic : result.diagnostics) out.insert(diagnostic.code);
    return out;
  };
  const auto repeated = [](const std::string& what, const std::string& between, int times) {
    std::string out = what;
    for (int i = 1; i < times; ++i) out += between + what;
    return out;
  };
  CHECK(codes_of("\"g -> (" + repeated("a", " & ", 100000) + ") -> r\"").contains("E0311"));
  std::string labels;
  for (int i = 0; i < 3000; ++i) labels += "t" + std::to_string(i) + " | ";
  CHECK(codes_of("\"g -> [" + labels + "x: a]\"").contains("E0311"));
  std::string unknown = "a";
  for (int i = 0; i < 60000; ++i) unknown += " -> u" + std::to_string(i);
  CHECK(codes_of("\"" + unknown + "\"").contains("E0311"));
  const std::string side = repeated("(" + repeated("v", " & ", 200) + ")", " & ", 200);
  CHECK(codes_of("\"(" + side + ") ~> (" + side + ")\"").contains("E0311"));
  // Every stage leads to every other: a tangle of cycles.
  std::string stages, lines;
  for (int i = 0; i < 120; ++i) {
    stages += "[stage.v" + std::to_string(i) + "]\nkind = \"pass\"\n";
    for (int j = 0; j < 120; ++j) {
      lines += "\"v" + std::to_string(i) + " -> v" + std::to_string(j) + "\",";
    }
  }
  CHECK(codes_of(lines, stages).contains("E0404"));
  std::string many;
  for (int i = 0; i < 5000; ++i) many += "[stage.s" + std::to_string(i) + "]\nkind = \"pass\"\n";
  CHECK(codes_of("\"s0 -> s1\"", many).contains("E0311"));
}
