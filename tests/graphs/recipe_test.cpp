// Recipes: phases in order, what goes from one to the next, and problems of all of them at once.
#include "graphs/recipe.hpp"

#include <fstream>
#include <sstream>

#include "schemas/base/rng.hpp"
#include "tests/catch.hpp"
#include "tests/graphs/test_kinds.hpp"

using namespace troupe;
using namespace troupe::graphs;

namespace {

const std::string kParts = std::string(TROUPE_SOURCE_DIR) + "/tests/golden/graphs/parts/";

std::string content(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream out;
  out << stream.rdbuf();
  return out.str();
}

}  // namespace

TEST_CASE("phases_take_what_earlier_ones_leave") {
  const Kinds kinds = test_kinds();
  const RecipeResult result = load_recipe(kParts + "r1.toml", kinds);
  INFO(result.rendered(false));
  REQUIRE(result.ok());
  REQUIRE(result.recipe->phases.size() == 3);
  const Phase& first = result.recipe->phases[0];
  const Phase& curate = result.recipe->phases[1];
  const Phase& last = result.recipe->phases[2];
  CHECK(result.recipe->name == "r1");
  CHECK(first.plan.run.steps == 200);
  CHECK(first.plan.run.options.at("steps").origin.place == "r1.toml:9");
  REQUIRE(first.leaves.size() == 1);
  CHECK(first.leaves[0].name == "checkpoint");
  CHECK(first.leaves[0].stage == "learn");
  REQUIRE(curate.takes.size() == 1);
  CHECK(curate.takes[0].key == "model.policy.load");
  CHECK(curate.takes[0].phase == "reasoning_rl");
  CHECK(curate.takes[0].artifact == "checkpoint");
  CHECK(curate.plan.model("policy").load == "@reasoning_rl/checkpoint");
  REQUIRE(curate.leaves.size() == 1);
  CHECK(curate.leaves[0].name == "kept.jsonl");
  CHECK(last.plan.stage("questions").option("path").as_string() == "@curate/kept.jsonl");
  CHECK(last.plan.stage("reward").option("weights").text() ==
        "{ check_math = 2.0, check_format = 0.2 }");
}

TEST_CASE("what_an_earlier_phase_will_leave_need_not_be_there_yet") {
  const Kinds kinds = test_kinds();
  LoadOptions options;
  options.check_files = true;
  const std::string shown = load_recipe(kParts + "r1.toml", kinds, options).rendered(false);
  CHECK(shown.find("@reasoning_rl") == std::string::npos);
  CHECK(shown.find("@curate") == std::string::npos);
  // The files of the graphs themselves are missed, phase by phase.
  CHECK(shown.find("phase `reasoning_rl`") != std::string::npos);
  CHECK(shown.find("E0114") != std::string::npos);
}

TEST_CASE("a_recipe_is_printed_and_drawn_in_the_order_of_its_phases") {
  const Kinds kinds = test_kinds();
  const RecipeResult result = load_recipe(kParts + "r1.toml", kinds);
  REQUIRE(result.ok());
  for (const std::string& text : {print_recipe(*result.recipe), draw_recipe(*result.recipe)}) {
    INFO(text);
    const std::size_t first = text.find("reasoning_rl");
    const std::size_t taken = text.find("@reasoning_rl/checkpoint");
    const std::size_t last = text.rfind("@curate/kept.jsonl");
    REQUIRE(taken != std::string::npos);
    REQUIRE(last != std::string::npos);
    CHECK(first < taken);
    CHECK(taken < last);
  }
  CHECK(recipe_json(*result.recipe).find("\"artifact\": \"kept.jsonl\"") != std::string::npos);
}

TEST_CASE("a_recipe_is_told_from_a_graph_by_its_sections") {
  const auto read = [](const char* text) {
    return
        [text](const std::filesystem::path&) -> Result<std::string> { return std::string(text); };
  };
  CHECK(is_recipe("r.toml", read("[recipe]\nname = \"x\"\n")));
  CHECK(is_recipe("r.toml", read("[[phase]]\n")));
  CHECK_FALSE(is_recipe("r.toml", read("format = 1\n[run]\nname = \"recipe\"\n")));
  CHECK_FALSE(is_recipe("r.toml", read("[recipe")));
  CHECK_FALSE(is_recipe("/no/such/file"));
}

TEST_CASE("mutated_recipes_are_checked_without_a_crash") {
  const Kinds kinds = test_kinds();
  const std::string good = content(kParts + "r1.toml");
  const char* const pieces[] = {"[",           "]",         "\"", "=",
                                "\n",          ".",         "@",  "/",
                                "[[phase]]\n", "set",       "{",  "name = \"x\"\n",
                                "@curate/",    "base.toml", "1",  "stage"};
  int whole = 0;
  for (std::uint64_t seed = 0; seed < 1500; ++seed) {
    Rng rng(seed, 19);
    std::string text = good;
    for (std::uint64_t n = 1 + rng.below(3); n > 0; --n) {
      const std::size_t at = rng.below(text.size() + 1);
      if (rng.below(2) == 0) {
        text.erase(at, rng.below(12));
      } else {
        text.insert(at, pieces[rng.below(std::size(pieces))]);
      }
    }
    LoadOptions options;
    options.read = [&](const std::filesystem::path& path) -> Result<std::string> {
      if (path == "fuzz.toml") return text;
      return files_on_disk()(kParts + path.string());
    };
    INFO("seed " << seed);
    const RecipeResult result = load_recipe("fuzz.toml", kinds, options);
    bool errors = false;
    for (const Diagnostic& diagnostic : result.diagnostics) {
      errors = errors || diagnostic.severity == Severity::Error;
      REQUIRE(diagnostic.primary.span.source < result.sources.size());
      REQUIRE(diagnostic.primary.span.begin <= text.size());
    }
    for (const auto& graph : result.graphs) errors = errors || !graph.graph.ok();
    REQUIRE(result.ok() != errors);
    REQUIRE_FALSE(result.rendered_json().empty());
    REQUIRE(result.rendered(true).empty() == result.ok());
    if (!result.ok()) continue;
    ++whole;
    REQUIRE_FALSE(print_recipe(*result.recipe).empty());
    REQUIRE_FALSE(draw_recipe(*result.recipe).empty());
  }
  CHECK(whole > 50);
}
