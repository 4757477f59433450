#include "graphs/diff.hpp"

#include <algorithm>

#include "graphs/load.hpp"
#include "tests/catch.hpp"
#include "tests/graphs/test_kinds.hpp"

using namespace troupe::graphs;

namespace {

const std::string kGraph = R"(format = 1
[run]
name = "a"
[model.policy]
load = "p.gguf"
[stage.q]
kind = "dataset.arithmetic"
[stage.generate]
kind = "generator"
model = "policy"
group_size = 8
[stage.check]
kind = "verifier.math"
[stage.reward]
kind = "scorer.weighted"
weights = { check = 1.0 }
[stage.learn]
kind = "learner.grpo"
model = "policy"
[graph]
flow = ["q -> generate -> check -> reward -> learn", "learn.weights ~> generate.weights"]
)";

Plan plan_of(const std::string& text, const Kinds& kinds, std::vector<std::string> sets = {}) {
  LoadResult loaded = load_graph_text(text, "g.toml", sets, kinds);
  INFO(loaded.rendered(false));
  REQUIRE(loaded.ok());
  return *loaded.plan;
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const std::size_t at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), by);
}

const Difference* find(const std::vector<Difference>& all, const std::string& section,
                       const std::string& item, const std::string& field) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const Difference& one) {
    return one.section == section && one.item == item && one.field == field;
  });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace

TEST_CASE("a_default_that_is_written_down_is_no_difference") {
  const Kinds kinds = test_kinds();
  const Plan before = plan_of(kGraph, kinds);
  const Plan after = plan_of(
      replaced(kGraph, "kind = \"generator\"\n", "kind = \"generator\"\ntemperature = 1.0\n"),
      kinds);
  CHECK(difference(before, after).empty());
  CHECK(print_difference(before, after).find("no difference") != std::string::npos);
}

TEST_CASE("a_changed_option_comes_with_both_places_and_with_what_follows_from_it") {
  const Kinds kinds = test_kinds();
  const Plan before = plan_of(kGraph, kinds);
  const Plan after = plan_of(kGraph, kinds, {"stage.generate.group_size=16"});
  const auto all = difference(before, after);
  const Difference* size = find(all, "stage", "generate", "group_size");
  REQUIRE(size);
  CHECK(size->what == Difference::What::Changed);
  CHECK(size->before == "8");
  CHECK(size->after == "16");
  CHECK(size->before_from == "g.toml:11");
  CHECK(size->after_from == "--set stage.generate.group_size=16");
  const Difference* gate = find(all, "gate", "", "group_size");
  REQUIRE(gate);
  CHECK(gate->after == "16");
  CHECK(find(all, "edge", "generate -> check", "capacity"));
  CHECK_FALSE(find(all, "stage", "check", ""));
  const std::string shown = print_difference(before, after);
  CHECK(shown.find("g.toml:11 → --set stage.generate.group_size=16") != std::string::npos);
}

TEST_CASE("stages_and_edges_that_come_and_go_are_named_once") {
  const Kinds kinds = test_kinds();
  const Plan before = plan_of(kGraph, kinds);
  std::string text =
      replaced(kGraph, "[graph]", "[stage.log]\nkind = \"sink.jsonl\"\npath = \"x\"\n[graph]");
  text = replaced(text, "learn\", \"learn", "learn\", \"reward -> log\", \"learn");
  const Plan after = plan_of(text, kinds);
  const auto there = difference(before, after), back = difference(after, before);
  REQUIRE(find(there, "stage", "log", ""));
  CHECK(find(there, "stage", "log", "")->what == Difference::What::Added);
  CHECK_FALSE(find(there, "stage", "log", "path"));
  CHECK(find(there, "edge", "reward -> log", "")->what == Difference::What::Added);
  CHECK_FALSE(find(there, "edge", "reward -> log", "capacity"));
  CHECK(find(back, "stage", "log", "")->what == Difference::What::Removed);
  CHECK(find(back, "edge", "reward -> log", "")->what == Difference::What::Removed);
  CHECK(there.size() == back.size());
  CHECK(print_difference(before, after).find("+ stage log  (sink.jsonl)") != std::string::npos);
  CHECK(print_difference(after, before).find("- stage log  (sink.jsonl)") != std::string::npos);
}

TEST_CASE("one_path_in_two_folders_is_two_files") {
  const Kinds kinds = test_kinds();
  LoadResult here = load_graph_text(kGraph, "a/g.toml", {}, kinds);
  LoadResult there = load_graph_text(kGraph, "b/g.toml", {}, kinds);
  REQUIRE((here.ok() && there.ok()));
  const auto all = difference(*here.plan, *there.plan);
  REQUIRE(all.size() == 1);
  CHECK(all[0].before == "\"a/p.gguf\"");
  CHECK(all[0].after == "\"b/p.gguf\"");
}

TEST_CASE("a_swap_is_promised_only_where_the_kind_allows_it") {
  Kinds kinds = test_kinds();
  kinds.add(contract("verifier.exchangeable")
                .doc("may be swapped")
                .in("samples", MessageType::Sample)
                .out("samples", MessageType::Sample)
                .judges()
                .swappable()
                .option("strict", OptionType::Bool, false, "how"));
  const std::string text = replaced(kGraph, "verifier.math", "verifier.exchangeable");
  const Plan before = plan_of(text, kinds);
  const Plan after =
      plan_of(text, kinds, {"stage.check.strict=true", "stage.generate.temperature=0.5"});
  const auto all = difference(before, after);
  CHECK(find(all, "stage", "check", "strict")->swappable);
  CHECK_FALSE(find(all, "stage", "generate", "temperature")->swappable);
  CHECK(difference_json(before, after).find("\"swappable\": true") != std::string::npos);
}
