// Calls between stages, one thing at a time: whom a run that stands still names, a generator that
// serves, one that serves who stands behind it, and a branch that is full.
#include "tests/catch.hpp"
#include "tests/contains_text.hpp"
#include "tests/simulations/flow_kinds.hpp"
#include "tests/simulations/simulation.hpp"

namespace troupe::simulations {
namespace {

/// Prompts of one pass over 9 questions of each task, two samples of each.
std::string graph(const std::string& stages, const std::string& flow, const std::string& edges) {
  std::string text = R"(format = 1
[run]
name = "calls"
[model.policy]
load = "none.gguf"
[model.grader]
load = "none.gguf"
)";
  for (const char* task : {"math", "chat"}) {
    text += std::string("[stage.ask_") + task +
            "]\nkind = \"dataset.arithmetic\"\nhigh = 3\nheld_out_pairs = 0\ntemplate = \"none\"\n"
            "operators = [\"+\"]\nepochs = 1\ntask = \"" +
            task + "\"\n";
  }
  return text + R"([stage.generate]
kind = "generator"
model = "policy"
max_new_tokens = 8
group_size = 2
max_refill = 1
[stage.keep]
kind = "sink.jsonl"
path = "/dev/null"
)" + stages +
         "[graph]\nflow = [\n\"ask_math -> generate\", \"ask_chat -> generate\",\n" + flow + "]\n" +
         edges;
}

// One digit is the whole text that a simulated engine writes then.
constexpr const char* kDigits =
    "max_new_tokens = 1\ncorrect = [\"0\", \"1\", \"2\", \"3\", \"4\"]\n"
    "incorrect = [\"5\", \"6\", \"7\", \"8\", \"9\"]\n";

runtime::RunOutcome ended(Simulation& simulation) {
  const auto outcome = simulation.run();
  REQUIRE(outcome.has_value());
  CHECK(simulation.recorder().open.empty());
  CHECK(simulation.recorder().samples_admitted == simulation.recorder().ended_total());
  return *outcome;
}

}  // namespace

TEST_CASE("a_run_that_waits_for_an_answer_says_whose_and_for_how_long") {
  const auto kinds = kinds_with_oracle({0, 0, 0, 1.0, 0}, 1);
  SimulationOptions options;
  options.coordinator.stall_timeout = std::chrono::seconds(60);
  Simulation simulation(
      *kinds,
      graph("[stage.check]\nkind = \"verifier.judge\"\n[stage.oracle]\nkind = \"oracle\"\n",
            "\"generate -> check -> keep\", \"check <-> oracle\"",
            "[edge.\"check <-> oracle\"]\ndeadline = \"50h\"\n"),
      options);
  const auto outcome = simulation.run();
  REQUIRE(outcome.has_value());
  CHECK(outcome->state == runtime::RunOutcome::State::Failed);
  INFO(outcome->reason);
  CHECK_THAT(outcome->reason, contains_text("Stage 'oracle' holds it up"));
  CHECK_THAT(outcome->reason, contains_text("answers 3 calls of 'check', the oldest since 7"));
  CHECK_THAT(outcome->reason, contains_text("'check': has 8 in hand"));
  CHECK_THAT(outcome->reason, contains_text("waits for an answer of 'oracle' since 7"));
}

TEST_CASE("no_answer_in_time_is_a_timeout_and_a_late_one_is_dropped") {
  const auto kinds = kinds_with_oracle({1.0, 0, 0, 0, 0}, 1);  // 60 ms, and 40 are allowed
  Simulation simulation(*kinds,
                        graph("[stage.check]\nkind = \"verifier.judge\"\nretries = 1\n"
                              "[stage.oracle]\nkind = \"oracle\"\n",
                              "\"generate -> check -> keep\", \"check <-> oracle\"",
                              "[edge.\"check <-> oracle\"]\ndeadline = \"40ms\"\n"),
                        {});
  std::uint64_t timeouts = 0;
  simulation.recorder().watch = [&](const runtime::EndedSample& sample) {
    const auto verdicts = decode_sample(sample.record)->verdicts;
    REQUIRE(verdicts.size() == 1);
    CHECK(verdicts[0].attempts == 2);
    timeouts += verdicts[0].outcome == Outcome::Timeout;
  };
  CHECK(ended(simulation).state == runtime::RunOutcome::State::Finished);
  CHECK(timeouts == 2 * 2 * 9);
}

TEST_CASE("a_generator_that_only_serves_judges_with_its_own_model") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SimulationOptions options;
    options.seed = seed;
    options.costs.generation_failure = 0.05;
    options.adjust = [](graphs::Plan& plan) {
      for (auto& call : plan.calls) call.concurrency = 2;
    };
    Simulation simulation(
        all_kinds(),
        graph(std::string("[stage.check]\nkind = \"verifier.judge\"\n") + kDigits +
                  "[stage.grader]\nkind = \"generator\"\nmodel = \"grader\"\n",
              "\"generate -> check -> keep\", \"check <-> grader\"", ""),
        options);
    std::uint64_t scored = 0;
    simulation.recorder().watch = [&](const runtime::EndedSample& sample) {
      if (!sample.record) return;  // the policy's engine lost it
      const std::vector<Verdict> verdicts = decode_sample(sample.record)->verdicts;
      if (verdicts.empty() || verdicts[0].outcome != Outcome::Scored) return;
      ++scored;
      CHECK(verdicts[0].callees == std::vector<Callee>{{"grader", Version{}}});
    };
    CHECK(ended(simulation).state == runtime::RunOutcome::State::Finished);
    CHECK(scored > 20);
  }
}

TEST_CASE("a_generator_answers_who_stands_behind_it_while_its_own_edge_is_full") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SimulationOptions options;
    options.seed = seed;
    options.adjust = [](graphs::Plan& plan) {
      for (auto& edge : plan.edges) edge.capacity_items = 1;
      for (auto& call : plan.calls) call.concurrency = 1;
    };
    Simulation simulation(all_kinds(),
                          graph(std::string("[stage.check]\nkind = \"verifier.judge\"\n") + kDigits,
                                "\"generate -> check -> keep\", \"check <-> generate\"", ""),
                          options);
    CHECK(ended(simulation).state == runtime::RunOutcome::State::Finished);
    CHECK(simulation.recorder().ends.at(End::Delivered) == 2 * 2 * 9);
  }
}

TEST_CASE("a_full_branch_of_a_route_holds_up_its_own_task_only") {
  const auto kinds = kinds_with_oracle({0, 0, 0, 1.0, 0}, 1);
  SimulationOptions options;
  options.coordinator.stall_timeout = std::chrono::seconds(60);
  options.adjust = [](graphs::Plan& plan) {
    for (auto& edge : plan.edges)
      edge.capacity_items = std::max<std::uint64_t>(8, edge.capacity_items);
    for (auto& edge : plan.edges) {
      if (edge.name == "sort -> check") edge.capacity_items = 1;
    }
  };
  Simulation simulation(
      *kinds,
      graph("[stage.sort]\nkind = \"pass\"\n[stage.check]\nkind = \"verifier.judge\"\nworkers = 1\n"
            "[stage.oracle]\nkind = \"oracle\"\n",
            "\"generate -> sort -> [math: check, chat: keep]\", \"check -> keep\", "
            "\"check <-> oracle\"",
            "[edge.\"check <-> oracle\"]\ndeadline = \"50h\"\n"),
      options);
  std::uint64_t math = 0, chat = 0;
  simulation.recorder().watch = [&](const runtime::EndedSample& sample) {
    if (sample.end != End::Delivered) return;
    (decode_sample(sample.record)->prompt.task == "math" ? math : chat) += 1;
  };
  const auto outcome = simulation.run();
  REQUIRE(outcome.has_value());
  CHECK(math == 0);  // the judge of math never answers
  CHECK(chat >= 6);  // and what is behind a sample of math goes past it
}

TEST_CASE("groups_that_are_kept_together_arrive_one_after_another") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SimulationOptions options;
    options.seed = seed;
    options.costs.generation_failure = 0.05;
    Simulation simulation(
        all_kinds(),
        graph("[stage.check]\nkind = \"verifier.format\"\nrule = \"finished\"\nworkers = 1\n",
              "\"generate -> check -> keep\"", "[edge.\"generate -> check\"]\ngroup = true\n"),
        options);
    std::vector<GroupId> order;
    simulation.recorder().watch = [&](const runtime::EndedSample& sample) {
      if (sample.end == End::Delivered) order.push_back(sample.sample.prompt);
    };
    CHECK(ended(simulation).state == runtime::RunOutcome::State::Finished);
    // One worker keeps the order in which it gets them.
    std::set<GroupId> over;
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (i > 0 && order[i] != order[i - 1]) over.insert(order[i - 1]);
      CHECK_FALSE(over.contains(order[i]));
    }
  }
}

}  // namespace troupe::simulations
