// [[test]] tables, run: verdicts of real verifiers, rewards, ends, groups, branches and routes; and
// that a test whose expectation does not hold fails.
#include "tests/graph_tests/fixture.hpp"

using namespace troupe;
using namespace troupe::graph_tests;

namespace {

const std::string kGraph = R"(format = 1
[model.policy]
load = "none.gguf"
[stage.questions]
kind = "dataset.arithmetic"
template = "none"
[stage.generate]
kind = "generator"
model = "policy"
group_size = 4
[stage.check_math]
kind = "verifier.math"
[stage.check_finished]
kind = "verifier.format"
rule = "finished"
[stage.reward]
kind = "scorer.weighted"
weights = { check_math = 1.0, check_finished = 0.1 }
[stage.select]
kind = "filter.group"
[stage.learn]
kind = "learner.grpo"
model = "policy"
[stage.log]
kind = "sink.jsonl"
path = "/nowhere/that/exists/log.jsonl"
[graph]
flow = [
  "questions -> generate -> (check_math & check_finished) -> reward -> select -> learn",
  "reward -> log",
  "learn.weights ~> generate.weights",
]
)";

bool holds(const std::string& send, const std::string& expect) {
  return passes(kGraph, send, expect);
}

}  // namespace

TEST_CASE("both_branches_judge_what_is_sent_to_one_of_them") {
  CHECK(holds("to = 'check_math', text = '7 + 5 = 12', answer = '12'",
              "check_math = 1, check_finished = 1, reward = 1.1"));
  CHECK(holds("to = 'check_finished', text = '13', answer = '12', finished = false",
              "check_math = 0, check_finished = 0.0, reward = 0"));
}

TEST_CASE("an_expectation_that_does_not_hold_fails_and_says_what_came") {
  const auto results = run(kGraph + test("to = 'check_math', text = '13', answer = '12'",
                                         "check_math = 1, reward = 0.1, end = 'trained'"));
  REQUIRE(results.size() == 1);
  CHECK_FALSE(results[0].passed());
  REQUIRE(results[0].findings.size() == 3);
  CHECK(results[0].findings[0].expected == "1");
  CHECK(results[0].findings[0].came.substr(0, 1) == "0");
  CHECK(results[0].findings[1].holds);
  // A group of one has no spread: the filter drops it.
  CHECK_FALSE(results[0].findings[2].holds);
  CHECK(results[0].findings[2].came.substr(0, 8) == "filtered");
}

TEST_CASE("a_list_of_texts_is_one_group_for_filters_and_learners") {
  CHECK(holds("to = 'check_math', text = ['12', '13', '12'], answer = '12'",
              "reward = [1.1, 0.1, 1.1], end = 'trained'"));
  CHECK(holds("to = 'check_math', text = ['12', '12'], answer = '12'", "end = 'filtered'"));
  CHECK_FALSE(holds("to = 'check_math', text = ['12', '12'], answer = '12'", "end = 'trained'"));
}

TEST_CASE("an_unusable_gold_answer_takes_the_reward_away") {
  CHECK(holds("to = 'check_math', text = '12', answer = 'a dozen or so'",
              "check_math = 'unscorable', reward = 'none', end = 'unscorable'"));
  CHECK_FALSE(holds("to = 'check_math', text = '12', answer = 'a dozen or so'", "check_math = 0"));
}

TEST_CASE("a_test_may_begin_behind_the_verifiers") {
  CHECK(holds("to = 'reward', text = '12', answer = '12'", "check_math = 1, reward = 1.1"));
  CHECK(holds("to = 'select', text = ['12', '13'], answer = '12'", "end = 'filtered'"));
}

TEST_CASE("the_tolerance_holds_for_numbers") {
  const std::string near = test("to = 'check_math', text = '12', answer = '12'", "reward = 1.09");
  CHECK_FALSE(run(kGraph + near)[0].passed());
  CHECK(run(kGraph + near + "tolerance = 0.02\n")[0].passed());
}

TEST_CASE("a_sample_is_delivered_where_the_accounted_way_ends_in_a_sink") {
  std::string graph = kGraph;
  graph.replace(graph.find(" -> select -> learn"), 19, "");
  const std::size_t weights = graph.find("  \"learn.weights");
  graph.erase(weights, graph.find('\n', weights) + 1 - weights);
  CHECK(passes(graph, "to = 'check_math', text = '12', answer = '12'",
               "reward = 1.1, end = 'delivered'"));
}

TEST_CASE("the_tests_of_the_examples_pass") {
  for (const char* file : {"examples/quickstart/quickstart.toml", "examples/gsm8k/gsm8k.toml"}) {
    const graphs::LoadResult loaded = graphs::load_graph(
        std::string(TROUPE_SOURCE_DIR) + "/" + file, {}, cli::all_kinds().contracts());
    INFO(loaded.rendered(false));
    REQUIRE(loaded.ok());
    REQUIRE(loaded.tests.size() >= 4);
    for (const graphs::TestPlan& plan : loaded.tests) {
      const cli::TestResult result = cli::run_test(*loaded.plan, plan, cli::all_kinds());
      INFO(file << ": " << result.name << " " << result.failure);
      for (const cli::TestFinding& finding : result.findings) {
        INFO(finding.what << ": expected " << finding.expected << ", came " << finding.came);
        CHECK(finding.holds);
      }
      CHECK(result.passed());
    }
  }
}
