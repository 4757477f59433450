// Where a test's samples enter graphs of other shapes, and mutated tests: nothing crashes, and what
// is accepted runs to an end.
#include "schemas/base/rng.hpp"
#include "tests/graph_tests/fixture.hpp"

using namespace troupe;
using namespace troupe::graph_tests;

namespace {

const std::string kHead = R"(format = 1
[model.policy]
load = "none.gguf"
[stage.questions]
kind = "dataset.jsonl"
path = "q.jsonl"
[stage.generate]
kind = "generator"
model = "policy"
[stage.a]
kind = "verifier.math"
[stage.b]
kind = "verifier.math"
extract = "boxed"
[stage.c]
kind = "verifier.format"
rule = "finished"
[stage.d]
kind = "verifier.format"
rule = "boxed"
[stage.out]
kind = "sink.jsonl"
path = "/nowhere/that/exists/out.jsonl"
[stage.log]
kind = "sink.jsonl"
path = "/nowhere/that/exists/log.jsonl"
)";

std::string flow(const std::string& lines) { return kHead + "[graph]\nflow = [" + lines + "]\n"; }

const std::string kSend = "text = '12', answer = '12'";

}  // namespace

TEST_CASE("a_stage_deep_in_branches_is_sent_to_where_the_outermost_begins") {
  const std::string graph = flow("'questions -> generate -> (a -> b & c) -> d -> out'");
  for (const char* to : {"a", "b", "c", "d"}) {  // d takes what the branches bring together
    INFO(to);
    CHECK(passes(graph, std::string("to = '") + to + "', " + kSend,
                 "a = 1, b = 0, c = 1, d = 0, end = 'delivered'"));
  }
}

TEST_CASE("branches_within_branches_are_entered_as_one") {
  const std::string graph = flow("'questions -> generate -> ((a & b) -> c & d) -> out'");
  for (const char* to : {"a", "b", "c", "d"}) {
    INFO(to);
    CHECK(passes(graph, std::string("to = '") + to + "', " + kSend,
                 "a = 1, b = 0, c = 1, d = 0, end = 'delivered'"));
  }
}

TEST_CASE("a_chain_is_entered_where_the_test_says") {
  const std::string graph = flow("'questions -> generate -> a -> b -> c -> out'");
  CHECK(passes(graph, "to = 'b', " + kSend, "b = 0, c = 1"));
  CHECK(passes(graph, "to = 'a', " + kSend, "a = 1, b = 0, c = 1"));
  const auto refused = graphs::load_graph_text(graph + test("to = 'b', " + kSend, "a = 1"),
                                               "t.toml", {}, cli::all_kinds().contracts());
  CHECK_FALSE(refused.ok());
  CHECK(refused.rendered(false).find("error[E0172]: `a` never sees") != std::string::npos);
}

TEST_CASE("a_way_that_only_observes_is_tested_like_any_other") {
  const std::string graph =
      flow("'questions -> generate -> a -> out', 'generate -> b -> c -> log'");
  CHECK(passes(graph, "to = 'b', " + kSend, "a = 1, b = 0, c = 1, end = 'delivered'"));
  // From inside it: nothing accounted is left, and the test still ends.
  CHECK(passes(graph, "to = 'c', " + kSend, "c = 1, end = 'delivered'"));
}

TEST_CASE("a_stage_that_several_lead_into_is_entered_from_one_of_them") {
  const std::string graph =
      flow("'questions -> generate -> a -> c -> out', 'generate -> b -> log'");
  CHECK(passes(graph, "to = 'c', from = 'a', " + kSend, "c = 1"));
}

TEST_CASE("a_sample_takes_the_branch_of_its_task") {
  const std::string graph =
      flow("'questions -> generate -> [math: a, else: (b & d)] -> c -> out'") +
      "[stage.others]\nkind = \"dataset.jsonl\"\npath = \"o.jsonl\"\ntask = \"other\"\n";
  std::string both = graph;
  both.replace(both.find("'questions -> "), 14, "'others -> generate', 'questions -> ");
  CHECK(passes(both, "to = 'a', task = 'math', " + kSend,
               "a = 1, b = 'absent', d = 'absent', c = 1, end = 'delivered'"));
  CHECK(passes(both, "to = 'b', task = 'other', " + kSend,
               "a = 'absent', b = 0, d = 0, c = 1, end = 'delivered'"));
  CHECK(passes(both, "to = 'c', from = 'a', " + kSend, "c = 1"));
  const auto refused =
      graphs::load_graph_text(both + test("to = 'a', task = 'other', " + kSend, "a = 1"), "t.toml",
                              {}, cli::all_kinds().contracts());
  CHECK_FALSE(refused.ok());
  CHECK(refused.rendered(false).find("a sample of task `other` does not come to `a`") !=
        std::string::npos);
}

TEST_CASE("a_branch_of_a_route_inside_a_join_is_entered_with_the_whole_join") {
  const std::string graph =
      flow(
          "'others -> generate', "
          "'questions -> generate -> (c & [math: a -> b, else: d]) -> out'") +
      "[stage.others]\nkind = \"dataset.jsonl\"\npath = \"o.jsonl\"\ntask = \"other\"\n";
  CHECK(passes(graph, "to = 'b', task = 'math', " + kSend,
               "c = 1, a = 1, b = 0, d = 'absent', end = 'delivered'"));
  CHECK(passes(graph, "to = 'd', task = 'other', " + kSend,
               "c = 1, a = 'absent', d = 0, end = 'delivered'"));
}

TEST_CASE("a_judge_that_would_ask_a_model_is_refused") {
  const std::string graph =
      flow("'questions -> generate -> judge -> a -> out', 'judge <-> oracle'") +
      "[stage.judge]\nkind = \"verifier.judge\"\n[stage.oracle]\nkind = \"generator\"\n"
      "model = \"policy\"\n";
  const auto load = [&](const char* to) {
    return graphs::load_graph_text(
        graph + test(std::string("to = '") + to + "', " + kSend, "a = 1"), "t.toml", {},
        cli::all_kinds().contracts());
  };
  const auto refused = load("judge");
  INFO(refused.rendered(false));
  CHECK_FALSE(refused.ok());
  CHECK(refused.rendered(false).find("calls `oracle` (generator)") != std::string::npos);
  CHECK(load("a").ok());
}

TEST_CASE("mutated_tests_are_refused_or_run_to_an_end") {
  const std::string graph =
      flow("'questions -> generate -> ((a & b) -> c & d) -> out', 'a -> log'");
  const std::string tests =
      "[[test]]\nname = \"x\"\nsend = { to = \"a\", text = [\"12\", \"\\\\boxed{3}\"], answer = "
      "\"12\", finished = [true, false], tokens = 7, task = \"math\" }\nexpect = { a = [1, 0], b = "
      "0, c = [1, 0], d = [0, 1], end = \"delivered\" }\ntolerance = 0.5\n";
  const char* const pieces[] = {"\"",
                                "[",
                                "]",
                                "{",
                                "}",
                                ",",
                                "=",
                                "1",
                                "-",
                                "to",
                                "text",
                                "\"b\"",
                                "\"c\"",
                                "\"out\"",
                                "true",
                                "end",
                                "reward = 1, ",
                                "\n",
                                "from = \"generate\", ",
                                "\"absent\"",
                                "1e300",
                                "[[test]]\n"};
  int ran = 0;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    Rng rng(seed, 23);
    std::string text = tests;
    for (std::uint64_t n = 1 + rng.below(2); n > 0; --n) {
      const std::size_t at = rng.below(text.size() + 1);
      if (rng.below(2) == 0) {
        text.erase(at, rng.below(8));
      } else {
        text.insert(at, pieces[rng.below(std::size(pieces))]);
      }
    }
    INFO("seed " << seed << "\n" << text);
    const auto loaded =
        graphs::load_graph_text(graph + text, "t.toml", {}, cli::all_kinds().contracts());
    for (const graphs::Diagnostic& diagnostic : loaded.diagnostics)
      REQUIRE(diagnostic.primary.span.begin <= loaded.sources.front().text.size());
    REQUIRE(loaded.rendered(true).empty() == loaded.diagnostics.empty());
    if (!loaded.ok()) continue;
    for (const graphs::TestPlan& test : loaded.tests) {
      const cli::TestResult result = cli::run_test(*loaded.plan, test, cli::all_kinds());
      REQUIRE(result.failure == "");
      REQUIRE(result.samples.size() == test.samples.size());
      for (const cli::TestedSample& sample : result.samples) REQUIRE(sample.end);
      ++ran;
    }
  }
  CHECK(ran > 200);
}
