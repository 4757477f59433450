// A stage that throws: restarted a few times with what it had in hand, then the run ends with its
// name and what to do.
#include "tests/catch.hpp"
#include "tests/simulations/simulation.hpp"

namespace troupe::simulations {
namespace {

/// Passes samples on; throws at the first `throws` of them, over all its lives.
class Fragile final : public runtime::Stage {
 public:
  Fragile(std::shared_ptr<std::int64_t> left) : left_(std::move(left)) {}
  void on_message(runtime::InPort, Envelope envelope, runtime::Outbox& out) override {
    if (*left_ > 0 && envelope.sample.sibling == 1) {
      --*left_;
      throw std::runtime_error("broken on purpose");
    }
    out.send(0, std::move(envelope));
  }

 private:
  std::shared_ptr<std::int64_t> left_;
};

std::unique_ptr<runtime::KindSet> kinds_with_fragile(std::int64_t throws) {
  auto kinds = std::make_unique<runtime::KindSet>();
  stages::KindRegistry registry(*kinds);
  stages::register_kinds(registry);
  auto left = std::make_shared<std::int64_t>(throws);
  registry.add_stage(
      graphs::contract("fragile")
          .doc("throws on purpose")
          .in("samples", graphs::MessageType::Sample)
          .out("samples", graphs::MessageType::Sample),
      [left](const runtime::StageContext&) {
        return Result<std::unique_ptr<runtime::Stage>>(std::make_unique<Fragile>(left));
      });
  return kinds;
}

constexpr const char* kGraph = R"(format = 1
[run]
name = "fragile"
steps = 5
[model.policy]
load = "none.gguf"
[stage.questions]
kind = "dataset.arithmetic"
template = "none"
[stage.generate]
kind = "generator"
model = "policy"
group_size = 4
max_new_tokens = 20
[stage.check_math]
kind = "verifier.math"
[stage.reward]
kind = "scorer.weighted"
weights = { check_math = 1.0 }
[stage.guard]
kind = "fragile"
[stage.learn]
kind = "learner.grpo"
model = "policy"
prompts_per_step = 3
[graph]
flow = [
  "questions -> generate -> check_math -> reward -> guard -> learn",
  "learn.weights ~> generate.weights",
]
)";

}  // namespace

TEST_CASE("a_stage_that_throws_is_restarted_and_loses_nothing") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const auto kinds = kinds_with_fragile(1 + static_cast<std::int64_t>(seed % 3));
    SimulationOptions options;
    options.seed = seed;
    Simulation simulation(*kinds, kGraph, options);
    const auto outcome = simulation.run();
    INFO("seed " << seed);
    REQUIRE(outcome.has_value());
    INFO(outcome->reason);
    CHECK(outcome->state == runtime::RunOutcome::State::Finished);
    CHECK(simulation.recorder().steps == 5);
    CHECK(simulation.recorder().open.empty());
    CHECK(simulation.recorder().samples_admitted == simulation.recorder().ended_total());
  }
}

TEST_CASE("a_stage_that_always_throws_ends_the_run_with_its_name_and_what_to_do") {
  const auto kinds = kinds_with_fragile(1'000'000);
  Simulation simulation(*kinds, kGraph, {});
  const auto outcome = simulation.run();
  REQUIRE(outcome.has_value());
  CHECK(outcome->state == runtime::RunOutcome::State::Failed);
  INFO(outcome->reason);
  CHECK(outcome->reason.find("stage 'guard' failed (after 3 restarts)") != std::string::npos);
  CHECK(outcome->reason.find("broken on purpose") != std::string::npos);
  CHECK(outcome->help.find("troupe resume") != std::string::npos);
}

TEST_CASE("a_verifier_that_always_fails_ends_the_run_instead_of_running_for_ever") {
  const auto kinds = kinds_with_fragile(0);
  SimulationOptions options;
  options.costs.work_failure = 1.0;
  options.coordinator.stall_timeout = std::chrono::minutes(2);
  Simulation simulation(*kinds, kGraph, options);
  const auto outcome = simulation.run();
  REQUIRE(outcome.has_value());
  CHECK(outcome->state == runtime::RunOutcome::State::Failed);
  INFO(outcome->reason);
  CHECK(outcome->reason.find("no step has finished") != std::string::npos);
  CHECK_FALSE(outcome->help.empty());
}

TEST_CASE("a_run_that_has_all_its_steps_already_ends_at_once") {
  const auto kinds = kinds_with_fragile(0);
  SimulationOptions options;
  options.coordinator.start = {1, 5};
  options.coordinator.stall_timeout = std::chrono::seconds(5);
  Simulation simulation(*kinds, kGraph, options);
  const auto outcome = simulation.run();
  REQUIRE(outcome.has_value());
  INFO(outcome->reason);
  CHECK(outcome->state == runtime::RunOutcome::State::Finished);
  CHECK(simulation.recorder().samples_admitted == 0);
}

}  // namespace troupe::simulations
