// Datasets that are mixed by weight: the order in which prompts are admitted.
#include "tests/catch.hpp"
#include "tests/simulations/simulation.hpp"

namespace troupe::simulations {
namespace {

/// Three datasets of 39, 21 and 15 rows, the last of which ends after `epochs` passes.
std::string mixed_graph(std::uint32_t steps, std::uint32_t epochs) {
  return R"(format = 1
[run]
name = "mixed"
seed = 11
steps = )" +
         std::to_string(steps) + R"(
[model.policy]
load = "none.gguf"
[stage.sums]
kind = "dataset.arithmetic"
operators = ["+"]
high = 6
held_out_pairs = 0
template = "none"
weight = 3
[stage.products]
kind = "dataset.arithmetic"
operators = ["*"]
high = 5
held_out_pairs = 0
template = "none"
[stage.differences]
kind = "dataset.arithmetic"
operators = ["-"]
high = 5
held_out_pairs = 0
template = "none"
weight = 0.5
epochs = )" +
         std::to_string(epochs) + R"(
[stage.generate]
kind = "generator"
model = "policy"
max_new_tokens = 5
group_size = 2
[stage.check]
kind = "verifier.math"
[stage.reward]
kind = "scorer.weighted"
weights = { check = 1.0 }
[stage.learn]
kind = "learner.grpo"
model = "policy"
prompts_per_step = 5
[graph]
flow = [
  "sums -> generate", "products -> generate", "differences -> generate",
  "generate -> check -> reward -> learn",
  "learn.weights ~> generate.weights",
]
[edge."reward -> learn"]
max_staleness = 1
)";
}

std::vector<GroupId> admitted(std::uint64_t seed, std::uint32_t steps, std::uint32_t epochs,
                              decltype(SimulationOptions::cursors) cursors = nullptr) {
  SimulationOptions options;
  options.seed = seed;
  Rng rng(seed, 4);
  options.latency_max = std::chrono::microseconds(1 + rng.below(50'000));
  options.cursors = std::move(cursors);
  Simulation simulation(all_kinds(), mixed_graph(steps, epochs), options);
  const auto outcome = simulation.run();
  REQUIRE(outcome.has_value());
  INFO(outcome->reason);
  REQUIRE(outcome->state == runtime::RunOutcome::State::Finished);
  return simulation.recorder().order;
}

}  // namespace

TEST_CASE("prompts_are_admitted_by_weight_in_an_order_that_no_timing_changes") {
  const auto order = admitted(1, 40, 0);
  REQUIRE(order.size() >= 200);
  std::map<std::uint32_t, int> counted;
  for (std::size_t i = 0; i < 180; ++i) ++counted[order[i].dataset];
  CHECK(counted[0] == 120);
  CHECK(counted[1] == 40);
  CHECK(counted[2] == 20);
  for (std::uint64_t seed = 2; seed <= 30; ++seed) {
    INFO("TROUPE_SEED=" << seed);
    const auto other = admitted(seed, 40, 0);
    REQUIRE(std::equal(order.begin(), order.begin() + 200, other.begin()));
  }
}

TEST_CASE("when_a_dataset_of_a_mix_ends_the_others_go_on") {
  const auto order = admitted(1, 40, 1);
  std::map<std::uint32_t, int> counted;
  for (std::size_t i = 0; i < 200; ++i) ++counted[order[i].dataset];
  CHECK(counted[2] == 15);
  CHECK(std::abs(counted[0] - 3 * counted[1]) <= 3);
}

TEST_CASE("a_mix_resumed_in_the_middle_of_an_epoch_goes_on_in_the_same_order") {
  const auto whole = admitted(1, 40, 2);
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("TROUPE_SEED=" << seed);
    // What the ledger says of a run that died: a beginning was admitted, most of it is finished.
    Rng rng(seed, 5);
    const std::size_t died = rng.below(100);
    auto cursors = std::make_shared<std::map<std::uint32_t, runtime::ResumeCursor>>();
    std::vector<GroupId> expected;
    for (std::size_t i = 0; i < whole.size(); ++i) {
      if (i >= died) {
        expected.push_back(whole[i]);
        continue;
      }
      runtime::ResumeCursor& cursor = (*cursors)[whole[i].dataset];
      cursor.last = whole[i];
      if (rng.below(5) == 0) {
        expected.push_back(whole[i]);
        if (!cursor.next) cursor.next = whole[i];
      } else if (cursor.next) {
        cursor.resolved.insert(whole[i]);
      }
    }
    const auto order = admitted(seed, 12, 2, cursors);
    REQUIRE(order.size() >= 60);
    REQUIRE(std::equal(order.begin(), order.begin() + 60, expected.begin()));
  }
}

}  // namespace troupe::simulations
