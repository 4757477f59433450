#include "graphs/load.hpp"
#include "graphs/print.hpp"
#include "tests/catch.hpp"
#include "tests/graphs/test_kinds.hpp"

using namespace troupe;
using namespace troupe::graphs;

namespace {

const std::string kGood = std::string(TROUPE_SOURCE_DIR) + "/tests/golden/graphs/good/";

LoadResult load(const Kinds& kinds, std::vector<std::string> sets = {}) {
  return load_graph(kGood + "quickstart.toml", sets, kinds);
}

}  // namespace

TEST_CASE("the_quickstart_graph_becomes_a_plan_with_joins_and_a_gate") {
  const Kinds kinds = test_kinds();
  const LoadResult result = load(kinds);
  INFO(result.rendered(false));
  REQUIRE(result.ok());
  REQUIRE(result.diagnostics.empty());
  const Plan& plan = *result.plan;
  CHECK(plan.run.name == "quickstart");
  CHECK(plan.run.steps == 30);
  CHECK(plan.stages.size() == 8);
  CHECK_FALSE(plan.stage("held_out").in_flow);
  CHECK(plan.stage("eval").in_flow);
  CHECK(plan.model("policy").dtype == "bf16");

  REQUIRE(plan.joins.size() == 1);
  const JoinPlan& join = plan.joins.front();
  CHECK(plan.stages[join.entrance.stage].name == "generate");
  CHECK(plan.stages[join.to.stage].name == "reward");
  CHECK(join.entries.size() == 2);
  CHECK(join.branches.size() == 2);
  CHECK(plan.edge("generate -> check_math").fork == join.index);
  CHECK(plan.edge("check_math -> reward").join == BranchRef{join.index, 0});
  // Both branches are one sample, so both are accounted.
  CHECK(plan.edge("generate -> check_math").accounted);
  CHECK(plan.edge("generate -> check_finished").accounted);

  const EdgePlan& last = plan.edge("reward -> learn");
  CHECK(last.converts == Conversion::AssembleGroups);
  CHECK(last.max_staleness == 1u);
  CHECK(last.capacity_items == 256);
  CHECK(plan.edge("learn ~> generate").delivery == Delivery::Latest);

  REQUIRE(plan.gate);
  CHECK(plan.stages[plan.gate->stage].name == "generate");
  CHECK(plan.gate->group_size == 8);
  CHECK(plan.gate->prompts_per_step == 16);
  CHECK(plan.gate->max_staleness == 1);
  CHECK(plan.gate->groups_in_flight_max == 32);
}

TEST_CASE("every_option_says_where_its_value_came_from") {
  const Kinds kinds = test_kinds();
  const LoadResult result = load(kinds, {"stage.generate.temperature=0.8", "run.name=second"});
  INFO(result.rendered(false));
  REQUIRE(result.ok());
  const Options& options = result.plan->stage("generate").options;
  CHECK(options.at("temperature").value.as_real() == 0.8);
  CHECK(options.at("temperature").origin.place == "--set stage.generate.temperature=0.8");
  CHECK(options.at("temperature").origin.from == Origin::From::Set);
  CHECK(options.at("group_size").origin.place == "quickstart.toml:22");
  CHECK(options.at("top_p").origin.from == Origin::From::Default);
  CHECK(result.plan->run.name == "second");
}

TEST_CASE("the_hash_names_what_a_run_depends_on_and_nothing_else") {
  const Kinds kinds = test_kinds();
  const std::string hash = load(kinds).plan->hash;
  CHECK(load(kinds).plan->hash == hash);
  CHECK(load(kinds, {"stage.generate.temperature=1.0"}).plan->hash == hash);
  CHECK(load(kinds, {"stage.generate.temperature=0.5"}).plan->hash != hash);
  CHECK(load(kinds, {"edge.\"reward -> learn\".capacity=\"16 groups\""}).plan->hash != hash);
}

TEST_CASE("a_set_takes_toml_values_and_bare_texts") {
  const Kinds kinds = test_kinds();
  const auto value = [&](const std::string& set, const char* stage, const char* option) {
    const LoadResult result = load(kinds, {set});
    INFO(set << "\n" << result.rendered(false));
    REQUIRE(result.ok());
    return result.plan->stage(stage).option(option).text();
  };
  CHECK(value("stage.check_math.timeout=5s", "check_math", "timeout") == "\"5s\"");
  CHECK(value("stage.check_math.timeout=\"5s\"", "check_math", "timeout") == "\"5s\"");
  CHECK(value("stage.generate.stop=[\"a\", \"b\"]", "generate", "stop") == "[\"a\", \"b\"]");
  CHECK(value("stage.generate.stop=a#b", "generate", "stop") == "[\"a#b\"]");
  CHECK(value("stage.questions.template=007", "questions", "template") == "\"007\"");
  CHECK(value("stage.reward.weights={check_math=2}", "reward", "weights") ==
        "{ check_math = 2.0 }");
  CHECK(value("stage.reward.weights.check_math=3", "reward", "weights") ==
        "{ check_math = 3.0, check_finished = 0.1 }");
}

TEST_CASE("paths_count_from_the_file_and_paths_of_set_from_the_command") {
  const Kinds kinds = test_kinds();
  const std::string text =
      "format = 1\n[stage.a]\nkind = \"dataset.jsonl\"\npath = \"d/a.jsonl\"\n"
      "[model.m]\nload = \"/m.gguf\"\n"
      "[stage.g]\nkind = \"generator\"\nmodel = \"m\"\n"
      "[stage.s]\nkind = \"sink.jsonl\"\npath = \"../out.jsonl\"\n"
      "[graph]\nflow = \"a -> g -> s\"\n";
  const LoadResult result = load_graph_text(text, "x/y/g.toml", {}, kinds);
  INFO(result.rendered(false));
  REQUIRE(result.ok());
  CHECK(result.plan->stage("a").option("path").as_string() == "x/y/d/a.jsonl");
  CHECK(result.plan->stage("s").option("path").as_string() == "x/out.jsonl");
  CHECK(result.plan->model("m").load == "/m.gguf");
  CHECK(result.plan->run.name == "g");
  const LoadResult set = load_graph_text(text, "x/y/g.toml", {"stage.a.path=e/b.jsonl"}, kinds);
  REQUIRE(set.ok());
  CHECK(set.plan->stage("a").option("path").as_string() == "e/b.jsonl");
  // The place of the file does not change what is run.
  CHECK(load_graph_text(text, "z/g.toml", {}, kinds).plan->hash == result.plan->hash);
}

TEST_CASE("files_are_looked_for_only_when_asked") {
  const Kinds kinds = test_kinds();
  CHECK(load_graph(kGood + "quickstart.toml", {"model.policy.load=no/such.gguf"}, kinds).ok());
  const LoadResult result =
      load_graph(kGood + "quickstart.toml", {"model.policy.load=no/such.gguf"}, kinds, {true});
  REQUIRE_FALSE(result.ok());
  CHECK(result.diagnostics.front().code == "E0114");
}

TEST_CASE("an_unreadable_file_is_a_diagnostic") {
  const Kinds kinds = test_kinds();
  for (const char* path : {"/no/such/file.toml", "/tmp"}) {
    const LoadResult result = load_graph(path, {}, kinds);
    REQUIRE(result.diagnostics.size() == 1);
    CHECK(result.diagnostics.front().code == "E0101");
    CHECK(result.rendered(false).find(path) != std::string::npos);
  }
}
