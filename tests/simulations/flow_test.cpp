// Routes, joins, groups kept together and calls, over graphs drawn from seeds: whatever happens,
// every sample ends once, nothing stands still, no bound is broken, and a reward has the parts of
// the way that its sample took.
#include <cstdlib>

#include "tests/catch.hpp"
#include "tests/simulations/flow_kinds.hpp"
#include "tests/simulations/random_flow.hpp"
#include "tests/simulations/simulation.hpp"

namespace troupe::simulations {
namespace {

template <class Check>
void for_each_seed(const Check& check) {
  const char* one = std::getenv("TROUPE_SEED");
  const char* count = std::getenv("TROUPE_SEEDS");
  if (one != nullptr) return check(std::strtoull(one, nullptr, 10));
  const std::uint64_t seeds = count != nullptr ? std::strtoull(count, nullptr, 10) : 400;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) check(seed);
}

struct Ran {
  std::optional<runtime::RunOutcome> outcome;
  std::uint64_t rewarded = 0, scored_by_call = 0;
};

/// Runs the flow of a seed and holds it against the promises.
Ran run_flow(std::uint64_t seed, const Faults& faults, SimulationOptions options) {
  RandomFlow flow(seed);
  const auto kinds = kinds_with_oracle(faults, seed);
  options.seed = seed;
  options.adjust = [&](graphs::Plan& plan) { flow.tighten(plan); };
  INFO("TROUPE_SEED=" << seed << "\n" << flow.text());
  Simulation simulation(*kinds, flow.text(), options);
  Ran ran;
  simulation.recorder().watch = [&](const runtime::EndedSample& ended) {
    if (!ended.record) return;
    const auto sample = decode_sample(ended.record);
    REQUIRE(sample.ok());
    if (!sample->reward) return;
    ++ran.rewarded;
    std::set<std::string> parts;
    for (const RewardPart& part : sample->reward_parts) parts.insert(part.component);
    CHECK(parts == flow.judges_of(sample->prompt.task));
    for (const Verdict& verdict : sample->verdicts) {
      if (verdict.callees.empty()) continue;
      CHECK(verdict.callees == std::vector<Callee>{{"oracle", Version{0, 7}}});
      ++ran.scored_by_call;
    }
  };
  ran.outcome = simulation.run();
  REQUIRE(ran.outcome.has_value());
  INFO(ran.outcome->reason);
  CHECK(ran.outcome->state != runtime::RunOutcome::State::Failed);
  CHECK(simulation.recorder().open.empty());
  CHECK(simulation.recorder().samples_admitted == simulation.recorder().ended_total());
  return ran;
}

}  // namespace

TEST_CASE("every_drawn_flow_ends_and_rewards_have_the_parts_of_their_way") {
  std::uint64_t rewarded = 0, by_call = 0;
  for_each_seed([&](std::uint64_t seed) {
    const Ran ran = run_flow(seed, {}, {});
    CHECK(ran.outcome->state == runtime::RunOutcome::State::Finished);
    CHECK(ran.rewarded > 0);
    rewarded += ran.rewarded;
    by_call += ran.scored_by_call;
  });
  CHECK(rewarded > 1000);
  CHECK(by_call > 1000);
}

TEST_CASE("slow_failing_and_restarted_services_lose_no_sample") {
  for_each_seed([](std::uint64_t seed) {
    SimulationOptions options;
    options.costs.work_failure = 0.1;
    options.costs.work_silence = 0.05;
    options.costs.generation_failure = 0.02;
    run_flow(seed, {0.1, 0.1, 0.1, 0.0, 2}, options);
  });
}

TEST_CASE("a_stop_at_any_moment_reaches_callers_services_and_all_branches") {
  for_each_seed([](std::uint64_t seed) {
    SimulationOptions options;
    Rng rng(seed, 19);
    options.stop_at = std::chrono::milliseconds(rng.below(1500));
    run_flow(seed, {0.1, 0.1, 0.1, 0.0, 1}, options);
  });
}

}  // namespace troupe::simulations
