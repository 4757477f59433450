#include "tests/faults/faulty_run.hpp"

#include <fmt/format.h>

#include "actors/cli/context.hpp"
#include "actors/cli/data_log.hpp"
#include "actors/cli/takeover.hpp"
#include "actors/ledger/status.hpp"
#include "actors/ledger/store.hpp"
#include "actors/runtime/running_graph.hpp"
#include "actors/stages/engines/simulated_engines.hpp"
#include "tests/catch.hpp"
#include "tests/faults/watching_recorder.hpp"

namespace troupe::test {
namespace fs = std::filesystem;
using State = runtime::RunOutcome::State;

namespace {

constexpr std::uint64_t kEventsMax = 500'000;
constexpr double kWallSeconds = 1.7e9;

std::string graph_of(const FaultyRunShape& shape, std::uint64_t seed) {
  const std::string last = shape.filter ? "reward -> select -> learn" : "reward -> learn";
  const std::string edge = shape.filter ? "select -> learn" : "reward -> learn";
  return fmt::format(R"(format = 1
[run]
name = "faulty"
seed = {}
steps = {}
checkpoint_every = {}
keep_checkpoints = {}
durable = "{}"
directory = "/here/runs"
[model.policy]
load = "none.gguf"
[stage.questions]
kind = "dataset.arithmetic"
template = "none"
[stage.generate]
kind = "generator"
model = "policy"
max_new_tokens = 8
group_size = {}
[stage.check_math]
kind = "verifier.math"
[stage.reward]
kind = "scorer.weighted"
weights = {{ check_math = 1.0 }}
[stage.learn]
kind = "learner.grpo"
model = "policy"
prompts_per_step = {}
{}
[graph]
flow = [
  "questions -> generate -> check_math -> reward",
  "{}",
  "learn.weights ~> generate.weights",
]
[edge."{}"]
max_staleness = {}
)",
                     seed, shape.steps, shape.checkpoint_every, shape.keep_checkpoints,
                     shape.power ? "power" : "process", shape.group_size, shape.prompts_per_step,
                     shape.filter ? "[stage.select]\nkind = \"filter.group\"" : "", last, edge,
                     shape.staleness);
}

}  // namespace

FaultyRunShape shape_of(std::uint64_t seed) {
  Rng rng(seed, 31);
  FaultyRunShape shape;
  shape.prompts_per_step = 1 + static_cast<std::uint32_t>(rng.below(4));
  shape.group_size = 2 + static_cast<std::uint32_t>(rng.below(3));
  shape.staleness = static_cast<std::uint32_t>(rng.below(3));
  shape.steps = 2 + static_cast<std::uint32_t>(rng.below(5));
  shape.checkpoint_every = 1 + static_cast<std::uint32_t>(rng.below(3));
  shape.keep_checkpoints = 1 + static_cast<std::uint32_t>(rng.below(3));
  shape.filter = rng.below(3) == 0;
  shape.power = rng.below(2) == 0;
  if (rng.below(2) == 0) shape.generation_failure = 0.05;
  return shape;
}

FaultyRun::FaultyRun(const FaultyRunShape& shape, std::uint64_t seed)
    : shape_(shape),
      seed_(seed),
      files_(seed),
      disk_(files_),
      vfs_(files_),
      loaded_(graphs::load_graph_text(graph_of(shape, seed), "faulty.toml", {},
                                      cli::all_kinds().contracts())) {
  INFO(loaded_.rendered(false));
  REQUIRE(loaded_.ok());
}

LifeEnd FaultyRun::live() {
  LifeEnd end;
  auto outcome = live_inside();
  if (!outcome.ok())
    end.error = outcome.error();
  else
    end.outcome = std::move(outcome).value();
  finished_ = end.finished() && !files_.dead();
  if (end.outcome && end.outcome->state == State::Failed)
    end.error = Error{ErrorCode::Internal, end.outcome->reason, end.outcome->help};
  return end;
}

Result<runtime::RunOutcome> FaultyRun::live_inside() {
  ++life_;
  std::optional<ledger::RunDirectory> directory;
  std::optional<cli::ResumePoint> point;
  repairs.clear();
  if (!made() || !disk_.exists(path_ / "run.json")) {
    // Nothing was acknowledged before run.json is there, so this is a new run.
    books_ = Books();
    unpromised_.clear();
    acknowledged_ = synced_ = checkpoint_ = journaled_ = 0;
    ledger::NewRun fresh;
    fresh.name = "faulty";
    fresh.seed = seed_;
    fresh.graph_text = "graph";
    fresh.plan_json = "{}";
    fresh.wall_seconds = kWallSeconds;
    TROUPE_ASSIGN(directory, ledger::RunDirectory::create(disk_, plan().run.directory, fresh));
    path_ = directory->path();
  } else {
    TROUPE_ASSIGN(auto takeover, cli::take_over(disk_, path_, plan(), kWallSeconds));
    TROUPE_TRY(takeover.go_on());
    point = takeover.point;
    repairs = point->warnings;
    directory = std::move(takeover.directory);
    resumed_step = point->step;
    redo_until = point->redo_until;
  }

  hosts::SimulatedHost host({derive_seed(seed_, life_), std::chrono::microseconds(200)});
  TROUPE_ASSIGN(auto recorder,
                cli::RunRecorder::open(
                    *directory, disk_, host.clock(), plan(), point, [](auto&&...) {}, vfs_.name()));
  repairs.insert(repairs.end(), recorder->repairs().begin(), recorder->repairs().end());
  if (point) check_resumed(recorder->ledger(), *point);
  WatchingRecorder watching(*recorder, disk_, books_, shape_.group_size, check_against_books);
  stages::SimulatedCosts costs;
  costs.generation_failure = shape_.generation_failure;
  stages::SimulatedEngines engines(costs, derive_seed(seed_, life_),
                                   [&host](Duration delay, std::function<void()> action) {
                                     host.after(delay, std::move(action));
                                   });
  stages::SimulatedWorkers workers(engines);
  runtime::RunServices services;
  services.workers = &workers;
  services.disk = &disk_;
  services.engines = &engines;
  services.recorder = &watching;
  runtime::Coordinator::Options rules;
  rules.start = {directory->info().incarnation, point ? point->step : 0};
  if (point) {
    services.cursors = recorder->cursors();
    TROUPE_TRY(recorder->go_on_with(rules));
  }
  TROUPE_ASSIGN(auto data, cli::DataLog::open(disk_, path_, services.cursors, [](auto&&...) {}));
  services.data = data.get();
  std::optional<runtime::RunOutcome> outcome;
  TROUPE_ASSIGN(auto graph, runtime::RunningGraph::build(
                                plan(), cli::all_kinds(), services, rules, host,
                                [&](runtime::RunOutcome made) { outcome = std::move(made); }));
  for (const auto& [address, runner] : graph->runners()) host.adopt(address, *runner);
  host.adopt(runtime::kCoordinator, graph->coordinator());
  graph->coordinator().begin();
  host.run_until([&] { return outcome.has_value() || files_.dead(); }, kEventsMax);
  REQUIRE((outcome || files_.dead()));

  // As a session ends; on a dead disk all of it fails and changes nothing.
  (void)watching.end_left_over();
  const bool holds = recorder->ledger().accounts().holds();
  const auto written = watching.commit();
  const bool failed = outcome && outcome->state == State::Failed;
  const auto state = !outcome                            ? ledger::RunState::Running
                     : outcome->state == State::Finished ? ledger::RunState::Finished
                     : failed                            ? ledger::RunState::Failed
                                                         : ledger::RunState::Stopped;
  const auto recorded = directory->set_state(state, outcome ? outcome->reason : "", kWallSeconds);
  acknowledged_ = watching.acknowledged();
  synced_ = shape_.power ? acknowledged_ : watching.synced();
  if (watching.checkpoint()) checkpoint_ = *watching.checkpoint();
  if (watching.journaled_until() > 0) journaled_ = watching.journaled_until();
  steps_redone = watching.steps_redone();
  CHECK(holds);
  if (!outcome) return Error{ErrorCode::Io, "the machine died at '/here'", "Resume"};
  if (failed) return *outcome;
  TROUPE_TRY(written);
  TROUPE_TRY(recorded);
  return *outcome;
}

void FaultyRun::reboot(Loss loss) {
  files_.reboot(loss);
  if (loss != Loss::Process) forget_unsynced();
  read_survived(loss != Loss::Process);
}

void FaultyRun::forget_unsynced() {
  acknowledged_ = synced_;
  if (!shape_.power) journaled_ = 0;
}

void FaultyRun::recover(bool forgot) {
  if (forgot) forget_unsynced();
  files_.reboot(Loss::Process);
  read_survived(forgot);
}

void FaultyRun::read_survived(bool promises_lost) {
  if (!check_against_books) return;
  std::uint64_t survived = 0;
  const fs::path file = path_ / "ledger.sqlite";
  if (made() && disk_.exists(file)) {
    auto store = ledger::Store::open_to_read(file, vfs_.name());
    INFO((store.ok() ? "" : store.error().text()));
    REQUIRE(store.ok());
    const auto totals = store->totals();
    INFO((totals.ok() ? "" : totals.error().text()));
    // A death while the file was made leaves what only a writer may roll back.
    CHECK((totals.ok() || acknowledged_ == 0));
    if (totals.ok() && *totals) survived = (*totals)->sequence;
  }
  CHECK(survived >= acknowledged_);
  books_.forget_after(survived);
  unpromised_.erase(unpromised_.upper_bound(survived), unpromised_.end());
  if (!promises_lost) return;
  for (const Fact& fact : books_.facts())
    if (fact.sequence > acknowledged_) unpromised_.insert(fact.sequence);
}

void FaultyRun::check_resumed(const ledger::Ledger& ledger, const cli::ResumePoint& point) {
  const std::uint32_t step = point.step;
  CHECK(ledger.accounts().holds());
  if (!check_against_books) return books_.keep_only_uses(point.redo_until);
  INFO("resumed from step " << step << " at " << ledger.sequence() << ", acknowledged "
                            << acknowledged_);
  CHECK(step >= checkpoint_);
  CHECK(point.redo_until >= journaled_);
  CHECK_FALSE(ledger.repair_report().rebuilt_from_checkpoint);
  CHECK(ledger.repair_report().corrupt_rows == 0);
  CHECK(ledger.sequence() > acknowledged_);
  books_.add({Fact::What::Resumed,
              ledger.sequence(),
              {},
              0,
              End::Failed,
              point.redo_until,
              point.journaled});
  checkpoint_ = step;
  journaled_ = point.redo_until;

  const ledger::Accounts accounts = ledger.accounts();
  CHECK(accounts.holds());
  CHECK(accounts.samples.admitted == books_.samples_admitted());
  CHECK(accounts.samples.in_flight == books_.samples_open());
  for (int i = 0; i < kEnds; ++i)
    CHECK(accounts.samples.of(static_cast<End>(i)) == books_.samples(static_cast<End>(i)));
  std::set<PromptId> reopened;
  for (const ledger::ReopenedPrompt& again : ledger.reopened()) reopened.insert(again.prompt);
  for (const auto& [id, prompt] : books_.prompts()) {
    INFO("prompt " << to_string(id));
    CHECK(reopened.contains(id) == prompt.awaited);
    CHECK(ledger.is_resolved(id) == !prompt.open());
  }
  CHECK(reopened.size() <= books_.prompts().size());
}

void FaultyRun::check_sample_log() {
  if (!made() || !disk_.exists(path_ / "samples")) return;
  std::set<std::pair<std::string, std::string>> lines;
  const auto stats =
      ledger::read_sample_log(disk_, path_ / "samples", [&](const nlohmann::json& line) {
        lines.emplace(line.at("id").get<std::string>(), line.at("end").get<std::string>());
        return true;
      });
  REQUIRE(stats.ok());
  for (const Fact& fact : books_.facts()) {
    if (fact.sequence > acknowledged_ || unpromised_.contains(fact.sequence)) continue;
    if (fact.what != Fact::What::Ended && fact.what != Fact::What::Refilled) continue;
    INFO(to_string(fact.sample) << " " << ledger::key_of(fact.end) << " at " << fact.sequence
                                << ", acknowledged " << acknowledged_);
    CHECK(lines.contains({to_string(fact.sample), std::string(ledger::key_of(fact.end))}));
  }
}

void FaultyRun::check_finished() {
  const auto status = ledger::read_status(disk_, path_, vfs_.name());
  INFO((status.ok() ? "" : status.error().text()));
  REQUIRE(status.ok());
  if (check_against_books)
    for (const std::string& problem : status->problems) FAIL(problem);
  CHECK(status->holds());
  CHECK(status->info.state == ledger::RunState::Finished);
  CHECK(status->accounts.samples.in_flight == 0);
  if (check_against_books) CHECK(status->accounts.samples.admitted == books_.samples_admitted());
  CHECK(status->step == shape_.steps);
  std::map<std::uint32_t, std::uint32_t> prompts_of_step;
  for (const auto& [id, step] : books_.uses()) ++prompts_of_step[step];
  CHECK(prompts_of_step.size() == shape_.steps);
  for (const auto& [step, prompts] : prompts_of_step) CHECK(prompts == shape_.prompts_per_step);
  auto checkpoints = ledger::Checkpoints::open(disk_, path_ / "checkpoints");
  REQUIRE(checkpoints.ok());
  const auto latest = checkpoints->latest();
  REQUIRE(latest.ok());
  REQUIRE(latest->checkpoint);
  CHECK(latest->checkpoint->step == shape_.steps);
  for (const auto& [name, content] : checkpoint_files(shape_.steps))
    CHECK(files_.content(latest->checkpoint->folder / name) == content);
  if (!check_metrics) return;
  const auto lines = observe::read_metrics(disk_, path_ / "metrics.jsonl");
  REQUIRE(lines.ok());
  std::vector<std::uint64_t> steps;
  for (const observe::MetricsLine& line : *lines)
    if (line.values.contains("learner/loss")) steps.push_back(line.step);
  CHECK(steps.size() == shape_.steps);
  for (std::size_t i = 0; i < steps.size(); ++i) CHECK(steps[i] == i + 1);
}

}  // namespace troupe::test
