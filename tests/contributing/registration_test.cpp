// Registers the verifier of CONTRIBUTING.md with the very line of that page, among all other kinds,
// and loads a graph that uses it as the page says.
#include <fstream>
#include <sstream>

#include "actors/stages/kinds.hpp"
#include "actors/stages/verifier/ends_with_bang.hpp"
#include "graphs/load.hpp"
#include "tests/catch.hpp"

using namespace troupe;

namespace {

void register_everything(runtime::KindSet& set) {
  using graphs::contract;
  using stages::EndsWithBang;
  stages::KindRegistry kinds(set);
  stages::register_kinds(kinds);
#include "registration.inc"
}

std::string read(const std::string& path) {
  std::ifstream file(path);
  REQUIRE(file);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string graph_with_bang() {
  return R"(format = 1
[run]
name = "bang"
steps = 1
[model.policy]
load = "policy.gguf"
[stage.questions]
kind = "dataset.arithmetic"
[stage.generate]
kind = "generator"
model = "policy"
[stage.check_math]
kind = "verifier.math"
[stage.learn]
kind = "learner.grpo"
model = "policy"
[graph]
flow = [
  "questions -> generate -> (check_math & bang) -> reward -> learn",
  "learn.weights ~> generate.weights",
]
)" + read(TROUPE_EXTRACTED "/bang.toml");
}

}  // namespace

TEST_CASE("the_bang_of_the_page_has_what_every_verifier_has") {
  runtime::KindSet set;
  register_everything(set);
  const graphs::Contract* bang = set.contracts().find("verifier.bang");
  REQUIRE(bang != nullptr);
  CHECK(bang->doc == "1 when the text ends with '!'");
  CHECK(bang->judges);
  for (const char* name : {"workers", "timeout", "retries"}) CHECK(bang->option(name) != nullptr);
}

TEST_CASE("a_graph_may_use_the_bang_as_the_page_says") {
  runtime::KindSet set;
  register_everything(set);
  const graphs::LoadResult loaded =
      graphs::load_graph_text(graph_with_bang(), "bang.toml", {}, set.contracts());
  INFO(loaded.rendered(false));
  REQUIRE(loaded.ok());
  const graphs::StagePlan& bang = loaded.plan->stage("bang");
  CHECK(bang.kind == "verifier.bang");
  CHECK(loaded.plan->edges_into(bang.index).size() == 1);
}
