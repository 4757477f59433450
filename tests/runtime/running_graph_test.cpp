// Whole small graphs of test stages, on the simulated host and on threads.
#include "actors/runtime/running_graph.hpp"

#include <condition_variable>
#include <mutex>

#include "actors/hosts/caf/caf_host.hpp"
#include "actors/hosts/simulated/simulated_host.hpp"
#include "actors/stages/engines/thread_workers.hpp"
#include "graphs/load.hpp"
#include "tests/catch.hpp"
#include "tests/simulations/memory_recorder.hpp"

using namespace troupe;
using namespace troupe::runtime;

namespace {

/// Sends `count` prompts.
class Source final : public Stage {
 public:
  explicit Source(std::uint64_t count) : count_(count) {}
  void on_message(InPort, Envelope, Outbox&) override {}
  void on_room(Outbox& out) override {
    if (next_ == count_) return out.no_more();
    Prompt prompt;
    prompt.id = {0, 0, next_++};
    out.send(0, envelope_of(prompt));
  }
  std::string snapshot() const override { return std::to_string(next_); }
  Result<void> restore(const std::string& state) override {
    next_ = std::stoull(state);
    return {};
  }

 private:
  std::uint64_t count_, next_ = 0;
};

/// Makes two samples of a prompt; throws once at the prompts that `trips` names.
class Maker final : public Stage {
 public:
  explicit Maker(std::shared_ptr<std::set<std::uint64_t>> trips) : trips_(std::move(trips)) {}
  void on_message(InPort, Envelope envelope, Outbox& out) override {
    for (std::uint16_t i = 0; i < 2; ++i) {
      Sample sample;
      sample.id = {envelope.sample.prompt, i, 0};
      out.send(0, envelope_of(sample, envelope.version));
      if (i == 0 && trips_->erase(envelope.sample.prompt.row) > 0)
        throw std::runtime_error("stumbled");
    }
    out.settle(envelope);
  }

 private:
  std::shared_ptr<std::set<std::uint64_t>> trips_;
};

/// Counts what arrives, in order.
struct Arrivals {
  std::mutex mutex;
  std::vector<SampleId> ids;
};
class Counter final : public Stage {
 public:
  explicit Counter(std::shared_ptr<Arrivals> arrivals) : arrivals_(std::move(arrivals)) {}
  void on_message(InPort, Envelope envelope, Outbox& out) override {
    {
      const std::lock_guard lock(arrivals_->mutex);
      arrivals_->ids.push_back(envelope.sample);
    }
    out.end(envelope, End::Delivered, "", envelope.payload);
  }

 private:
  std::shared_ptr<Arrivals> arrivals_;
};

struct Fixture {
  std::shared_ptr<std::set<std::uint64_t>> trips = std::make_shared<std::set<std::uint64_t>>();
  std::shared_ptr<Arrivals> arrivals = std::make_shared<Arrivals>();
  std::shared_ptr<Arrivals> observed = std::make_shared<Arrivals>();
  std::uint64_t prompts = 200;
  KindSet kinds;
  std::optional<graphs::LoadResult> loaded;
  simulations::MemoryRecorder recorder;

  Fixture() {
    using graphs::MessageType;
    kinds.add(graphs::contract("source").doc("x").out("prompts", MessageType::Prompt),
              [this](const StageContext&) -> Result<std::unique_ptr<Stage>> {
                return std::unique_ptr<Stage>(std::make_unique<Source>(prompts));
              });
    kinds.add(graphs::contract("maker")
                  .doc("x")
                  .in("prompts", MessageType::Prompt)
                  .out("samples", MessageType::Sample)
                  .admits()
                  .option("group_size", graphs::OptionType::Integer, 2, "x"),
              [this](const StageContext&) -> Result<std::unique_ptr<Stage>> {
                return std::unique_ptr<Stage>(std::make_unique<Maker>(trips));
              });
    kinds.add(graphs::contract("counter").doc("x").in("samples", MessageType::Sample),
              [this](const StageContext& context) -> Result<std::unique_ptr<Stage>> {
                return std::unique_ptr<Stage>(std::make_unique<Counter>(
                    context.stage->name == "watch" ? observed : arrivals));
              });
    loaded = graphs::load_graph_text(R"(format = 1
[run]
name = "small"
[stage.source]
kind = "source"
[stage.make]
kind = "maker"
[stage.count]
kind = "counter"
[stage.watch]
kind = "counter"
[graph]
flow = ["source -> make -> count", "make -> watch"]
[edge."make -> count"]
capacity = "3 samples"
)",
                                     "small.toml", {}, kinds.contracts());
    INFO(loaded->rendered(false));
    REQUIRE(loaded->ok());
  }

  std::unique_ptr<RunningGraph> build(Host& host, Coordinator::OnOutcome on_outcome) {
    RunServices services;
    services.disk = &real_disk();
    services.recorder = &recorder;
    auto built =
        RunningGraph::build(*loaded->plan, kinds, services, {}, host, std::move(on_outcome));
    REQUIRE(built.ok());
    return std::move(*built);
  }

  RunOutcome run_simulated() {
    hosts::SimulatedHost host({3});
    std::optional<RunOutcome> outcome;
    auto graph = build(host, [&](RunOutcome ended) { outcome = std::move(ended); });
    for (const auto& [address, runner] : graph->runners()) host.adopt(address, *runner);
    host.adopt(kCoordinator, graph->coordinator());
    graph->coordinator().begin();
    recorder.clock = &host.clock();
    REQUIRE(host.run_until([&] { return outcome.has_value(); }, 1'000'000));
    recorder.clock = nullptr;  // it ends with the host
    return *outcome;
  }
};

}  // namespace

TEST_CASE("samples_keep_their_order_through_a_narrow_edge") {
  Fixture fixture;
  const RunOutcome outcome = fixture.run_simulated();
  CHECK(outcome.state == RunOutcome::State::Finished);
  REQUIRE(fixture.arrivals->ids.size() == 400);
  CHECK(std::is_sorted(fixture.arrivals->ids.begin(), fixture.arrivals->ids.end()));
}

TEST_CASE("of_two_ways_out_of_a_port_one_is_accounted_and_the_other_observes") {
  Fixture fixture;
  fixture.run_simulated();
  CHECK(fixture.observed->ids.size() == 400);
  CHECK(fixture.recorder.samples_admitted == 400);
  CHECK(fixture.recorder.ends.at(End::Delivered) == 400);
}

TEST_CASE("what_is_recorded_is_committed_within_a_tenth_of_a_second") {
  Fixture fixture;
  fixture.prompts = 3000;
  fixture.run_simulated();
  CHECK(fixture.recorder.behind_max > Duration(0));
  CHECK(fixture.recorder.behind_max <= std::chrono::milliseconds(100));
  CHECK_FALSE(fixture.recorder.waits_since);  // also what came last
}

TEST_CASE("a_stage_that_throws_is_restarted_and_nothing_is_lost_or_doubled") {
  Fixture fixture;
  *fixture.trips = {5, 50};
  const RunOutcome outcome = fixture.run_simulated();
  INFO(outcome.reason);
  CHECK(outcome.state == RunOutcome::State::Finished);
  REQUIRE(fixture.arrivals->ids.size() == 400);
  const std::set<SampleId> different(fixture.arrivals->ids.begin(), fixture.arrivals->ids.end());
  CHECK(different.size() == 400);
  CHECK(fixture.recorder.notes.size() >= 4);  // two failures, two restarts
}

TEST_CASE("a_stage_that_keeps_throwing_ends_the_run_with_its_name_and_words") {
  Fixture fixture;
  for (std::uint64_t row = 10; row < 20; ++row) fixture.trips->insert(row);
  const RunOutcome outcome = fixture.run_simulated();
  CHECK(outcome.state == RunOutcome::State::Failed);
  CHECK(outcome.reason.find("stage 'make' failed") != std::string::npos);
  CHECK(outcome.reason.find("stumbled") != std::string::npos);
}

TEST_CASE("the_same_graph_runs_on_threads") {
  Fixture fixture;
  fixture.prompts = 2000;
  *fixture.trips = {7};
  hosts::CafHost host(2);
  std::mutex mutex;
  std::condition_variable wake;
  std::optional<RunOutcome> outcome;
  auto graph = fixture.build(host, [&](RunOutcome ended) {
    const std::lock_guard lock(mutex);
    outcome = std::move(ended);
    wake.notify_all();
  });
  for (const auto& [address, runner] : graph->runners()) host.adopt(address, *runner);
  host.adopt(kCoordinator, graph->coordinator());
  graph->coordinator().begin();
  {
    std::unique_lock lock(mutex);
    REQUIRE(wake.wait_for(lock, std::chrono::seconds(60), [&] { return outcome.has_value(); }));
  }
  host.stop();
  CHECK(outcome->state == RunOutcome::State::Finished);
  CHECK(fixture.arrivals->ids.size() == 4000);
  CHECK(fixture.recorder.open.empty());
}

TEST_CASE("work_that_throws_is_a_failure_of_infrastructure_and_not_a_crash") {
  stages::ThreadWorkers workers(2);
  std::mutex mutex;
  std::condition_variable wake;
  std::vector<EngineResult> results;
  const auto done = [&](EngineResult result) {
    const std::lock_guard lock(mutex);
    results.push_back(std::move(result));
    wake.notify_all();
  };
  std::vector<Workers::Work> work;
  work.push_back({[]() -> EngineResult { throw std::runtime_error("broken"); }, done});
  workers.begin(work);
  std::unique_lock lock(mutex);
  REQUIRE(wake.wait_for(lock, std::chrono::seconds(20), [&] { return results.size() == 1; }));
  CHECK(results[0].error().code == ErrorCode::Infra);
  CHECK(results[0].error().message == "broken");
}
