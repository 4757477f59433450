// Files over each other: what merges, what replaces, where every value came from, what paths count
// from, and files from memory only.
#include <map>

#include "graphs/load.hpp"
#include "graphs/print.hpp"
#include "schemas/base/rng.hpp"
#include "tests/catch.hpp"
#include "tests/graphs/test_kinds.hpp"

using namespace troupe;
using namespace troupe::graphs;

namespace {

const std::string kBase = R"(format = 1
[run]
seed = 5
[model.policy]
load = "m.gguf"
[stage.questions]
kind = "dataset.jsonl"
path = "train.jsonl"
[stage.generate]
kind = "generator"
model = "policy"
stop = ["a", "b"]
[stage.check]
kind = "verifier.math"
[stage.reward]
kind = "scorer.weighted"
weights = { check = 1.0 }
[stage.out]
kind = "sink.jsonl"
path = "out.jsonl"
[graph]
flow = "questions -> generate -> check -> reward -> out"
)";

struct Composed {
  explicit Composed(std::map<std::string, std::string> given) : files(std::move(given)) {}

  const LoadResult& load(const std::string& file, std::vector<std::filesystem::path> overlays = {},
                         std::vector<std::string> sets = {}) {
    LoadOptions options;
    options.read = [this](const std::filesystem::path& path) -> Result<std::string> {
      const auto found = files.find(path.string());
      if (found == files.end()) return Error{ErrorCode::NotFound, "not in this test", ""};
      return found->second;
    };
    result = load_graph({file, std::move(overlays), std::move(sets)}, kinds, options);
    return result;
  }
  std::string option(const char* stage, const char* name) {
    INFO(result.rendered(false));
    REQUIRE(result.ok());
    const OptionPlan& option = result.plan->stage(stage).options.at(name);
    return option.value.text() + " from " + option.origin.place;
  }

  Kinds kinds = test_kinds();
  std::map<std::string, std::string> files;
  LoadResult result;
};

}  // namespace

TEST_CASE("values_of_a_file_replace_those_of_its_base_and_keep_their_origin") {
  Composed graphs({{"b/base.toml", kBase},
                   {"g.toml",
                    "extends = \"b/base.toml\"\n[stage.generate]\ntemperature = 0.5\n"
                    "stop = [\"c\"]\n[stage.reward]\nweights.check = 2.0\n"}});
  graphs.load("g.toml");
  CHECK(graphs.option("generate", "temperature") == "0.5 from g.toml:3");
  CHECK(graphs.option("generate", "stop") == "[\"c\"] from g.toml:4");
  CHECK(graphs.option("generate", "model") == "\"policy\" from base.toml:11");
  CHECK(graphs.option("reward", "weights") == "{ check = 2.0 } from base.toml:17, g.toml:6");
  CHECK(graphs.result.plan->run.name == "g");
  CHECK(graphs.result.plan->run.seed == 5);
  CHECK(graphs.result.plan->stage("generate").origin.place == "base.toml:10");
  CHECK(graphs.result.plan->flow_origins.front().place == "base.toml:22");
}

TEST_CASE("overlays_lie_over_the_file_in_their_order_and_sets_over_all") {
  Composed graphs({{"g.toml", kBase},
                   {"hot.toml", "[stage.generate]\ntemperature = 2.0\nmax_new_tokens = 9\n"},
                   {"cold.toml", "[stage.generate]\ntemperature = 0.1\n"}});
  graphs.load("g.toml", {"hot.toml", "cold.toml"}, {"stage.generate.max_new_tokens=10"});
  CHECK(graphs.option("generate", "temperature") == "0.1 from cold.toml:2");
  CHECK(graphs.option("generate", "max_new_tokens") ==
        "10 from --set stage.generate.max_new_tokens=10");
  graphs.load("g.toml", {"cold.toml", "hot.toml"});
  CHECK(graphs.option("generate", "temperature") == "2.0 from hot.toml:2");
}

TEST_CASE("a_path_counts_from_the_file_that_says_it") {
  Composed graphs({{"x/base.toml", kBase},
                   {"y/g.toml", "extends = \"../x/base.toml\"\n[stage.out]\npath = \"o.jsonl\"\n"},
                   {"z/o.toml", "[model.policy]\nload = \"other.gguf\"\n"}});
  const LoadResult& result = graphs.load("y/g.toml", {"z/o.toml"});
  CHECK(graphs.option("questions", "path") == "\"x/train.jsonl\" from base.toml:8");
  CHECK(graphs.option("out", "path") == "\"y/o.jsonl\" from g.toml:3");
  CHECK(result.plan->model("policy").load == "z/other.gguf");
}

TEST_CASE("files_of_one_name_are_told_apart_by_their_folders") {
  Composed graphs({{"a/g.toml", kBase}, {"g.toml", "extends = \"a/g.toml\"\nrun.steps = 3\n"}});
  graphs.load("g.toml");
  CHECK(graphs.option("generate", "model") == "\"policy\" from a/g.toml:11");
  CHECK(graphs.result.plan->run.options.at("steps").origin.place == "g.toml:2");
}

TEST_CASE("remove_takes_away_what_lies_below_and_what_follows_is_new") {
  Composed graphs({{"base.toml", kBase},
                   {"g.toml",
                    "extends = \"base.toml\"\nremove = [\"stage.generate.stop\", \"stage.check\"]\n"
                    "[stage.check]\nkind = \"verifier.format\"\n"}});
  graphs.load("g.toml");
  CHECK(graphs.option("generate", "stop") == "[] from default");
  CHECK(graphs.result.plan->stage("check").kind == "verifier.format");
  CHECK(graphs.result.plan->stage("check").origin.place == "g.toml:4");
}

TEST_CASE("flow_replaces_and_flow_add_adds") {
  Composed graphs({{"base.toml", kBase},
                   {"add.toml",
                    "[stage.log]\nkind = \"sink.jsonl\"\npath = \"l\"\n"
                    "[graph]\nflow_add = [\"reward -> log\"]\n"},
                   {"replace.toml", "[graph]\nflow = [\"questions -> generate -> out\"]\n"}});
  CHECK(graphs.load("base.toml", {"add.toml"}).ok());
  CHECK(graphs.result.plan->flow.size() == 2);
  CHECK(graphs.result.plan->flow_origins[1].place == "add.toml:5");
  CHECK(graphs.load("base.toml", {"replace.toml"}).ok());
  CHECK(graphs.result.plan->flow == std::vector<std::string>{"questions -> generate -> out"});
}

TEST_CASE("tests_come_along_and_one_of_the_same_name_replaces_the_lower_one") {
  const auto test = [](const char* name, const char* score) {
    return std::string("[[test]]\nname = \"") + name +
           "\"\nsend = { to = \"check\", text = \"42\" }\nexpect = { check = " + score + " }\n";
  };
  Composed graphs(
      {{"base.toml", kBase + test("kept", "1") + test("changed", "1") + test("gone", "1")},
       {"g.toml", "extends = \"base.toml\"\nremove = ['test.\"gone\"']\n" + test("changed", "0.5") +
                      test("added", "0")}});
  const LoadResult& result = graphs.load("g.toml");
  INFO(result.rendered(false));
  REQUIRE(result.ok());
  REQUIRE(result.tests.size() == 3);
  CHECK(result.tests[0].name == "kept");
  CHECK(result.tests[1].name == "changed");
  CHECK(std::get<double>(result.tests[1].expectations.at(0).values.at(0)) == 0.5);
  CHECK(result.tests[1].origin.place == "g.toml:4");
  CHECK(result.tests[2].name == "added");
}

TEST_CASE("composing_leaves_the_hash_of_the_same_graph_as_it_is") {
  Composed graphs(
      {{"g.toml", kBase}, {"base.toml", kBase}, {"sub/g.toml", "extends = \"../base.toml\"\n"}});
  const std::string hash = graphs.load("g.toml").plan->hash;
  CHECK(graphs.load("sub/g.toml").plan->hash == hash);
}

TEST_CASE("problems_of_several_files_are_shown_with_both_files") {
  Composed graphs(
      {{"base.toml", kBase}, {"g.toml", "extends = \"base.toml\"\nremove = [\"stage.check\"]\n"}});
  const std::string shown = graphs.load("g.toml").rendered(false);
  CHECK(shown.find("--> base.toml:22:") != std::string::npos);
  CHECK(shown.find("::: g.toml:2:") != std::string::npos);
  CHECK(shown.find("removed here") != std::string::npos);
}

TEST_CASE("mutated_layers_are_merged_without_a_crash") {
  const std::string middle =
      "format = 1\nextends = \"base.toml\"\nremove = [\"stage.check\", 'stage.generate.stop']\n"
      "[stage.check]\nkind = \"verifier.format\"\n[stage.log]\nkind = \"sink.jsonl\"\n"
      "path = \"log\"\n[graph]\nflow_add = [\"reward -> log\"]\n";
  const std::string over =
      "remove = \"stage.check.kind\"\n[stage.check]\nkind = \"verifier.format\"\n"
      "[edge.\"reward -> out\"]\ncapacity = \"4 samples\"\n";
  const char* const pieces[] = {"[",  "]",       "\"", "=",    "\n",    ".",    "'", "remove",
                                "[[", "extends", "{",  "test", "graph", "flow", "1", "stage.check"};
  Composed graphs({});
  int plans = 0;
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    Rng rng(seed, 11);
    graphs.files = {{"base.toml", kBase}, {"g.toml", middle}, {"over.toml", over}};
    for (auto& [name, text] : graphs.files) {
      if (name == "base.toml" && rng.below(4) != 0) continue;
      for (std::uint64_t n = rng.below(3); n > 0; --n) {
        const std::size_t at = rng.below(text.size() + 1);
        if (rng.below(2) == 0) {
          text.erase(at, rng.below(10));
        } else {
          text.insert(at, pieces[rng.below(std::size(pieces))]);
        }
      }
    }
    INFO("seed " << seed);
    const LoadResult& result = graphs.load("g.toml", {"over.toml"}, {"stage.check.rule=finished"});
    bool errors = false;
    const auto check = [&](const Label& label) {
      REQUIRE(label.span.source < result.sources.size());
      REQUIRE(label.span.begin <= label.span.end);
      REQUIRE(label.span.begin <= result.sources[label.span.source].text.size());
    };
    for (const Diagnostic& diagnostic : result.diagnostics) {
      errors = errors || diagnostic.severity == Severity::Error;
      check(diagnostic.primary);
      for (const Label& label : diagnostic.secondary) check(label);
    }
    REQUIRE(result.ok() != errors);
    REQUIRE(result.rendered(true).empty() == result.diagnostics.empty());
    REQUIRE_FALSE(result.rendered_json().empty());
    if (!result.ok()) continue;
    ++plans;
    REQUIRE_FALSE(print_plan(*result.plan).empty());
  }
  CHECK(plans > 200);
}
