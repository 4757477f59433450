#include "tests/simulations/simulation.hpp"

#include <cstdlib>

#include "tests/catch.hpp"

namespace troupe::simulations {

const runtime::KindSet& all_kinds() {
  static const auto kinds = [] {
    auto made = std::make_unique<runtime::KindSet>();
    stages::KindRegistry registry(*made);
    stages::register_kinds(registry);
    return made;
  }();
  return *kinds;
}

Simulation::Simulation(const runtime::KindSet& kinds, const std::string& graph,
                       const SimulationOptions& options)
    : options_(options),
      loaded_(graphs::load_graph_text(graph, "simulated.toml", {}, kinds.contracts())),
      host_({options.seed, options.latency_max}),
      engines_(options.costs, options.seed,
               [this](Duration delay, std::function<void()> action) {
                 host_.after(delay, std::move(action));
               }),
      workers_(engines_) {
  INFO(loaded_.rendered(false));
  REQUIRE(loaded_.ok());
  if (options.adjust) options.adjust(*loaded_.plan);
  runtime::RunServices services;
  services.workers = &workers_;
  services.disk = &real_disk();
  services.engines = &engines_;
  services.recorder = &recorder_;
  services.cursors = options.cursors;
  auto built = runtime::RunningGraph::build(
      *loaded_.plan, kinds, services, options.coordinator, host_,
      [this](runtime::RunOutcome outcome) { outcome_ = std::move(outcome); });
  if (!built.ok()) FAIL(built.error().text());
  graph_ = std::move(*built);
  for (const auto& [address, runner] : graph_->runners()) host_.adopt(address, *runner);
  host_.adopt(runtime::kCoordinator, graph_->coordinator());
}

std::optional<runtime::RunOutcome> Simulation::run() {
  const std::string replay = "TROUPE_SEED=" + std::to_string(options_.seed) + " simulations_test";
  set_assert_context(replay);
  graph_->coordinator().begin();
  if (options_.stop_at) {
    host_.post_after(*options_.stop_at, runtime::kCoordinator,
                     runtime::StopRun{"a person pressed Ctrl-C"});
  }
  host_.run_until([this] { return outcome_.has_value(); }, options_.events_max);
  set_assert_context({});
  return outcome_;
}

namespace {

struct Shape {
  std::uint32_t prompts_per_step = 4, group_size = 4, staleness = 0, steps = 6;
  std::uint32_t capacity_groups = 2, epochs = 0, workers = 2, checkpoint_every = 2;
  bool filter = false, observer = false, exact = false;
};

std::string graph_of(const Shape& shape, std::uint64_t seed) {
  std::string text = "format = 1\n[run]\nname = \"simulated\"\nseed = " + std::to_string(seed) +
                     "\nsteps = " + std::to_string(shape.steps) +
                     "\ncheckpoint_every = " + std::to_string(shape.checkpoint_every) +
                     (shape.exact ? "\nexact = true" : "") + R"(
[model.policy]
load = "none.gguf"
[stage.questions]
kind = "dataset.arithmetic"
template = "none"
epochs = )" + std::to_string(shape.epochs) +
                     R"(
[stage.held_out]
kind = "dataset.arithmetic"
split = "held_out"
[stage.generate]
kind = "generator"
model = "policy"
max_new_tokens = 20
group_size = )" + std::to_string(shape.group_size) +
                     R"(
[stage.check_math]
kind = "verifier.math"
workers = )" + std::to_string(shape.workers) +
                     R"(
timeout = "50ms"
[stage.check_finished]
kind = "verifier.format"
rule = "finished"
timeout = "50ms"
[stage.reward]
kind = "scorer.weighted"
weights = { check_math = 1.0, check_finished = 0.1 }
[stage.learn]
kind = "learner.grpo"
model = "policy"
prompts_per_step = )" +
                     std::to_string(shape.prompts_per_step) +
                     R"(
[stage.eval]
kind = "evaluator"
model = "policy"
questions = "held_out"
judges = ["check_math"]
every = 3
limit = 10
max_new_tokens = 5
)";
  if (shape.filter) text += "[stage.select]\nkind = \"filter.group\"\n";
  if (shape.observer) text += "[stage.log]\nkind = \"sink.jsonl\"\npath = \"/dev/null\"\n";
  const std::string last = shape.filter ? "reward -> select -> learn" : "reward -> learn";
  text +=
      "[graph]\nflow = [\n"
      "  \"questions -> generate -> (check_math & check_finished) -> reward\",\n  \"" +
      last +
      "\",\n  \"learn.weights ~> generate.weights\",\n  \"learn.weights ~> eval.weights\",\n";
  if (shape.observer) text += "  \"reward -> log\",\n";
  const std::uint32_t capacity = shape.capacity_groups * shape.group_size;
  const std::string items = "capacity = \"" + std::to_string(capacity) + " samples\"\n";
  const std::string staleness = "max_staleness = " + std::to_string(shape.staleness) + "\n";
  text += "]\n[edge.\"generate -> check_math\"]\n" + items;
  if (shape.filter)
    text += "[edge.\"reward -> select\"]\n" + items + "[edge.\"select -> learn\"]\n" + staleness;
  else
    text += "[edge.\"reward -> learn\"]\n" + items + staleness;
  return text;
}

/// A shape drawn from a seed, so that every seed is another graph.
Shape shape_of(std::uint64_t seed) {
  Rng rng(seed, 3);
  Shape shape;
  shape.prompts_per_step = 1 + static_cast<std::uint32_t>(rng.below(6));
  shape.group_size = 2 + static_cast<std::uint32_t>(rng.below(5));
  shape.staleness = static_cast<std::uint32_t>(rng.below(4));
  shape.steps = 1 + static_cast<std::uint32_t>(rng.below(8));
  shape.capacity_groups = 1 + static_cast<std::uint32_t>(rng.below(4));
  shape.workers = 1 + static_cast<std::uint32_t>(rng.below(4));
  shape.filter = rng.below(3) == 0;
  shape.observer = rng.below(3) == 0;
  shape.epochs = rng.below(4) == 0 ? 1 : 0;
  return shape;
}

std::uint64_t seeds_to_run() {
  const char* count = std::getenv("TROUPE_SEEDS");
  return count != nullptr ? std::strtoull(count, nullptr, 10) : 700;
}

template <class Check>
void for_each_seed(const Check& check) {
  if (const char* one = std::getenv("TROUPE_SEED")) return check(std::strtoull(one, nullptr, 10));
  for (std::uint64_t seed = 1; seed <= seeds_to_run(); ++seed) check(seed);
}

/// What must hold after every run, whatever happened in it.
void check_promises(Simulation& simulation, const Shape& shape) {
  const MemoryRecorder& recorder = simulation.recorder();
  CHECK(recorder.open.empty());
  CHECK(recorder.samples_admitted == recorder.ended_total());
  CHECK(recorder.staleness_max <= shape.staleness);
  for (const auto& [step, samples] : recorder.trained_by_step) {
    std::set<GroupId> groups;
    for (const SampleId& sample : samples) groups.insert(sample.prompt);
    CHECK(groups.size() == shape.prompts_per_step);
    for (const GroupId& group : groups)
      CHECK(recorder.groups.at(group).step + shape.staleness + 1 >= step);
  }
}

}  // namespace

TEST_CASE("every_seed_ends_with_all_samples_accounted_and_none_stale") {
  for_each_seed([](std::uint64_t seed) {
    const Shape shape = shape_of(seed);
    SimulationOptions options;
    options.seed = seed;
    Simulation simulation(all_kinds(), graph_of(shape, seed), options);
    const auto outcome = simulation.run();
    INFO("TROUPE_SEED=" << seed << "\n" << graph_of(shape, seed));
    REQUIRE(outcome.has_value());
    INFO(outcome->reason);
    REQUIRE(outcome->state == runtime::RunOutcome::State::Finished);
    check_promises(simulation, shape);
    if (shape.epochs == 0) {
      CHECK(simulation.recorder().steps == shape.steps);
      CHECK(simulation.recorder().checkpoints.back() == shape.steps);
      CHECK(simulation.recorder().evaluated.front() == 0);
      CHECK(simulation.recorder().evaluated.back() == shape.steps);
    }
  });
}

TEST_CASE("failing_verifiers_and_engines_never_become_zero_rewards_or_lost_samples") {
  for_each_seed([](std::uint64_t seed) {
    Shape shape = shape_of(seed);
    SimulationOptions options;
    options.seed = seed;
    options.costs.work_failure = 0.2;
    options.costs.work_silence = 0.1;
    options.costs.generation_failure = 0.05;
    Simulation simulation(all_kinds(), graph_of(shape, seed), options);
    const auto outcome = simulation.run();
    INFO("TROUPE_SEED=" << seed << "\n" << graph_of(shape, seed));
    REQUIRE(outcome.has_value());
    INFO(outcome->reason);
    REQUIRE(outcome->state == runtime::RunOutcome::State::Finished);
    check_promises(simulation, shape);
  });
}

TEST_CASE("a_stop_at_any_moment_drains_and_accounts_for_everything") {
  for_each_seed([](std::uint64_t seed) {
    const Shape shape = shape_of(seed);
    SimulationOptions options;
    options.seed = seed;
    Rng rng(seed, 9);
    options.stop_at = std::chrono::milliseconds(rng.below(4000));
    options.costs.work_failure = 0.1;
    Simulation simulation(all_kinds(), graph_of(shape, seed), options);
    const auto outcome = simulation.run();
    INFO("TROUPE_SEED=" << seed << "\n" << graph_of(shape, seed));
    REQUIRE(outcome.has_value());
    REQUIRE(outcome->state != runtime::RunOutcome::State::Failed);
    check_promises(simulation, shape);
    if (outcome->state == runtime::RunOutcome::State::Stopped && outcome->step > 0)
      CHECK(simulation.recorder().checkpoints.back() == outcome->step);
  });
}

TEST_CASE("the_same_seed_gives_the_same_run") {
  const Shape shape = shape_of(5);
  SimulationOptions options;
  options.seed = 5;
  Simulation first(all_kinds(), graph_of(shape, 5), options);
  Simulation second(all_kinds(), graph_of(shape, 5), options);
  first.run();
  second.run();
  CHECK(first.host().handled() == second.host().handled());
  CHECK(first.host().clock().now() == second.host().clock().now());
  CHECK(first.recorder().order == second.recorder().order);
  CHECK(first.recorder().trained_by_step == second.recorder().trained_by_step);
}

TEST_CASE("an_exact_run_trains_the_same_samples_whatever_the_timing") {
  for_each_seed([](std::uint64_t seed) {
    Shape shape = shape_of(seed);
    shape.exact = true;
    SimulationOptions options;
    options.seed = seed;
    Simulation first(all_kinds(), graph_of(shape, seed), options);
    options.seed = seed + 1'000'000;  // other delays everywhere
    options.costs.step *= 3;
    options.latency_max *= 20;
    Simulation second(all_kinds(), graph_of(shape, seed), options);
    INFO("TROUPE_SEED=" << seed << "\n" << graph_of(shape, seed));
    for (Simulation* simulation : {&first, &second}) {
      const auto outcome = simulation->run();
      REQUIRE(outcome.has_value());
      INFO(outcome->reason);
      REQUIRE(outcome->state == runtime::RunOutcome::State::Finished);
      check_promises(*simulation, shape);
    }
    CHECK(first.recorder().trained_by_step == second.recorder().trained_by_step);
    for (const auto& [step, batch] : first.recorder().batches) {
      const auto& other = second.recorder().batches.at(step);
      CHECK(batch.gate == other.gate);
      REQUIRE(batch.groups.size() == other.groups.size());
      for (std::size_t i = 0; i < batch.groups.size(); ++i) {
        CHECK(batch.groups[i].number == other.groups[i].number);
        CHECK(batch.groups[i].version == other.groups[i].version);
        for (const auto& message : {batch.groups[i].message, other.groups[i].message}) {
          const auto group = decode_group(message);
          REQUIRE(group.ok());
          for (const Payload& payload : group->samples) {
            const auto sample = decode_sample(payload);
            REQUIRE(sample->versions.size() == 1);  // none spans versions
            CHECK(sample->versions[0].version.step == batch.groups[i].version.step);
          }
        }
      }
    }
  });
}

TEST_CASE("a_journaled_run_goes_on_with_the_batches_it_had_taken") {
  for_each_seed([](std::uint64_t seed) {
    Shape shape = shape_of(seed);
    shape.exact = seed % 2 == 0;
    shape.epochs = 0;
    shape.steps = 4 + static_cast<std::uint32_t>(seed % 5);
    SimulationOptions options;
    options.seed = seed;
    Simulation whole(all_kinds(), graph_of(shape, seed), options);
    REQUIRE(whole.run().has_value());

    // The life before was killed after the batch of step `until` had been journaled, and its
    // newest checkpoint that serves is of step `from`.
    const auto until = 1 + static_cast<std::uint32_t>(Rng(seed, 4).below(shape.steps));
    std::uint32_t from = until > shape.staleness ? until - shape.staleness : 0;
    if (!shape.exact) from = static_cast<std::uint32_t>(Rng(seed, 5).below(until + 1));
    options.seed = seed + 1'000'000;
    options.coordinator.start = {1, from};
    options.coordinator.redo_until = until;
    std::uint64_t admitted = whole.recorder().batches.at(until).groups.back().number + 1;
    if (shape.exact) {
      options.coordinator.exact.state = whole.recorder().batches.at(until).gate;
      admitted = *runtime::first_unexamined(options.coordinator.exact.state);
    }
    options.coordinator.first_admission = admitted;
    runtime::ResumeCursor cursor;
    if (admitted > 0) cursor.last = whole.recorder().order.at(admitted - 1);
    options.cursors =
        std::make_shared<std::map<std::uint32_t, runtime::ResumeCursor>>(
            std::map<std::uint32_t, runtime::ResumeCursor>{{0, cursor}});
    Simulation again(all_kinds(), graph_of(shape, seed), options);
    again.recorder().batches = whole.recorder().batches;
    again.recorder().steps = from;
    again.recorder().numbers_from = admitted;
    const auto outcome = again.run();
    INFO("TROUPE_SEED=" << seed << " from " << from << " until " << until << "\n"
                        << graph_of(shape, seed));
    REQUIRE(outcome.has_value());
    INFO(outcome->reason);
    REQUIRE(outcome->state == runtime::RunOutcome::State::Finished);
    CHECK(again.recorder().steps == shape.steps);
    CHECK(again.recorder().redone_steps.size() == until - from);
    for (const auto& [step, samples] : again.recorder().trained_by_step) {
      CHECK(step > until);
      if (shape.exact) CHECK(samples == whole.recorder().trained_by_step.at(step));
    }
  });
}

TEST_CASE("with_staleness_the_generator_works_while_the_learner_does") {
  Shape shape;
  shape.steps = 8;
  const auto time_with = [&](std::uint32_t staleness) {
    shape.staleness = staleness;
    SimulationOptions options;
    options.costs.spread = 0.0;
    options.costs.token = std::chrono::milliseconds(20);
    Simulation simulation(all_kinds(), graph_of(shape, 1), options);
    REQUIRE(simulation.run().has_value());
    return simulation.host().clock().now();
  };
  CHECK(time_with(1) < time_with(0) * 8 / 10);
}

TEST_CASE("a_verifier_that_never_answers_ends_the_run_with_its_name") {
  Shape shape;
  SimulationOptions options;
  options.costs.work_silence = 1.0;
  options.coordinator.stall_timeout = std::chrono::seconds(5);
  std::string graph = graph_of(shape, 1);
  for (std::size_t at; (at = graph.find("\"50ms\"")) != std::string::npos;)
    graph.replace(at, 6, "\"1h\"");
  Simulation simulation(all_kinds(), graph, options);
  const auto outcome = simulation.run();
  REQUIRE(outcome.has_value());
  CHECK(outcome->state == runtime::RunOutcome::State::Failed);
  CHECK(outcome->reason.find("Stage 'check_math' holds it up: it has") != std::string::npos);
  CHECK(outcome->reason.find("engine to answer") != std::string::npos);
}

}  // namespace troupe::simulations
