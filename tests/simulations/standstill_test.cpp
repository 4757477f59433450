// The quickstart's own graph with one stage frozen at a time, in every way in which a stage can
// freeze: the run ends, and its sentence names that stage first, and the edge where nothing comes.
#include <atomic>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <sstream>

#include "actors/hosts/caf/caf_host.hpp"
#include "actors/stages/engines/thread_workers.hpp"
#include "tests/catch.hpp"
#include "tests/simulations/simulation.hpp"

namespace troupe::simulations {
namespace {

using runtime::InPort;
using runtime::Outbox;

std::string quickstart() {
  std::ifstream file(TROUPE_SOURCE_DIR "/examples/quickstart/quickstart.toml");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

enum class Freeze {
  Mute,    // takes everything and does nothing
  Refuse,  // takes nothing
  Engine,  // its engine or worker never answers
  Block,   // its handler never returns
};

/// Where handlers block until the test lets them go.
struct Ice {
  std::mutex mutex;
  std::condition_variable wake;
  bool melted = false;
  std::atomic<std::uint32_t> calls_left{0};  // before it freezes

  bool freezes_now() {
    std::uint32_t left = calls_left.load();
    while (left > 0)
      if (calls_left.compare_exchange_weak(left, left - 1)) return false;
    return true;
  }
  void wait() {
    std::unique_lock lock(mutex);
    wake.wait(lock, [&] { return melted; });
  }
  void melt() {
    const std::lock_guard lock(mutex);
    melted = true;
    wake.notify_all();
  }
};

class FrozenStage final : public runtime::Stage {
 public:
  FrozenStage(std::unique_ptr<Stage> stage, Freeze how, std::shared_ptr<Ice> ice)
      : stage_(std::move(stage)), how_(how), ice_(std::move(ice)) {}

  void on_start(Outbox& out) override { stage_->on_start(out); }
  bool ready(InPort port) const override {
    if (how_ == Freeze::Refuse && ice_->freezes_now()) return false;
    return stage_->ready(port);
  }
  void on_message(InPort port, Envelope envelope, Outbox& out) override {
    if (!frozen()) stage_->on_message(port, std::move(envelope), out);
  }
  void on_latest(InPort port, Envelope envelope, Outbox& out) override {
    if (!frozen()) stage_->on_latest(port, std::move(envelope), out);
  }
  void on_done(runtime::Ticket ticket, runtime::EngineResult result, Outbox& out) override {
    stage_->on_done(ticket, std::move(result), out);
  }
  void on_timer(runtime::TimerId timer, Outbox& out) override { stage_->on_timer(timer, out); }
  void on_end(Outbox& out) override { stage_->on_end(out); }
  void on_room(Outbox& out) override {
    if (!frozen()) stage_->on_room(out);
  }
  void on_batch(std::uint32_t step, const std::vector<GroupId>& groups, Outbox& out) override {
    if (!frozen()) stage_->on_batch(step, groups, out);
  }
  void on_save(std::uint32_t step, const std::filesystem::path& folder, Outbox& out) override {
    stage_->on_save(step, folder, out);
  }
  void on_drain(Outbox& out) override { stage_->on_drain(out); }

 private:
  bool frozen() {
    if (how_ == Freeze::Refuse || how_ == Freeze::Engine || !ice_->freezes_now()) return false;
    if (how_ == Freeze::Block) ice_->wait();
    return true;
  }
  std::unique_ptr<Stage> stage_;
  Freeze how_;
  std::shared_ptr<Ice> ice_;
};

class SilentGeneration final : public model::GenerationEngine {
 public:
  void submit(model::GenerationRequest, OnSample) override {}
  void set_weights(model::WeightsPtr) override {}
  model::GenerationStats stats() const override { return {}; }
};

class PlainWeights final : public model::Weights {
 public:
  explicit PlainWeights(Version version) : version_(version) {}
  Version version() const override { return version_; }
  std::uint64_t bytes() const override { return 1; }

 private:
  Version version_;
};

class SilentTraining final : public model::TrainingEngine {
 public:
  model::WeightsPtr weights() const override {
    return std::make_shared<const PlainWeights>(Version{});
  }
  void step(model::TrainingBatch, std::function<void(Result<model::StepReport>)>) override {}
  void refresh_reference(std::function<void(Result<void>)>) override {}
  void save(std::filesystem::path, std::function<void(Result<void>)>) override {}
};

/// Engines that answer at once, on the caller's thread; for a host with threads.
class PromptGeneration final : public model::GenerationEngine {
 public:
  void submit(model::GenerationRequest request, OnSample on_sample) override {
    for (std::uint32_t i = 0; i < request.seeds.size(); ++i) {
      model::GeneratedSample made;
      made.index = i;
      made.tokens = {'4', '2'};
      made.logprobs = {-0.5f, -0.5f};
      made.versions = {{0, weights_ ? weights_->version() : Version{}}};
      made.finish = model::FinishReason::Stop;
      on_sample(std::move(made));
    }
  }
  void set_weights(model::WeightsPtr weights) override { weights_ = std::move(weights); }
  model::GenerationStats stats() const override { return {}; }

 private:
  model::WeightsPtr weights_;
};

class PromptTraining final : public model::TrainingEngine {
 public:
  model::WeightsPtr weights() const override { return weights_; }
  void step(model::TrainingBatch, std::function<void(Result<model::StepReport>)> done) override {
    weights_ = std::make_shared<const PlainWeights>(Version{0, weights_->version().step + 1});
    model::StepReport report;
    report.version = weights_->version();
    report.weights = weights_;
    done(std::move(report));
  }
  void refresh_reference(std::function<void(Result<void>)> done) override { done({}); }
  void save(std::filesystem::path, std::function<void(Result<void>)> done) override { done({}); }

 private:
  model::WeightsPtr weights_ = std::make_shared<const PlainWeights>(Version{});
};

/// `Generation` and `Training` for every model; weights are shared through `shelf`.
template <class Generation, class Training>
class Engines final : public stages::EngineSet {
 public:
  explicit Engines(stages::EngineSet* shelf) : shelf_(shelf) {}
  Result<std::shared_ptr<const model::Tokenizer>> tokenizer(const std::string&) override {
    return std::shared_ptr<const model::Tokenizer>();
  }
  Result<std::unique_ptr<model::GenerationEngine>> generation(
      const std::string&, const model::GenerationConfig&) override {
    return std::unique_ptr<model::GenerationEngine>(std::make_unique<Generation>());
  }
  Result<std::unique_ptr<model::TrainingEngine>> training(const std::string&,
                                                          const model::TrainingConfig&) override {
    return std::unique_ptr<model::TrainingEngine>(std::make_unique<Training>());
  }
  void publish(const std::string& model, model::WeightsPtr weights) override {
    shelf_ != nullptr ? shelf_->publish(model, weights) : own_.publish(weights);
  }
  model::WeightsPtr weights(const std::string& model, Version at_least) override {
    return shelf_ != nullptr ? shelf_->weights(model, at_least) : own_.at_least(at_least);
  }

 private:
  stages::EngineSet* shelf_;
  stages::WeightsShelf own_;
};

class SilentWorkers final : public runtime::Workers {
 public:
  void begin(std::vector<Work>& work) override { work.clear(); }
};

/// All kinds, with the stage `name` frozen after `calls` messages.
class FrozenKinds {
 public:
  FrozenKinds(std::string name, Freeze how, std::uint32_t calls)
      : name_(std::move(name)), how_(how) {
    ice->calls_left = calls;
    for (const graphs::Contract& contract : all_kinds().contracts().all())
      kinds.add(contract, [this, kind = contract.kind](const runtime::StageContext& context) {
        return make(kind, context);
      });
  }
  runtime::KindSet kinds;
  std::shared_ptr<Ice> ice = std::make_shared<Ice>();

 private:
  Result<std::unique_ptr<runtime::Stage>> make(const std::string& kind,
                                               const runtime::StageContext& context) {
    if (context.stage->name != name_) return all_kinds().factory(kind)(context);
    runtime::StageContext own = context;
    if (how_ == Freeze::Engine) {
      silent_ = std::make_unique<Engines<SilentGeneration, SilentTraining>>(context.engines);
      own.engines = silent_.get();
      own.workers = &silent_workers_;
    }
    TROUPE_ASSIGN(auto made, all_kinds().factory(kind)(own));
    return std::unique_ptr<runtime::Stage>(
        std::make_unique<FrozenStage>(std::move(made), how_, ice));
  }
  std::string name_;
  Freeze how_;
  std::unique_ptr<stages::EngineSet> silent_;
  SilentWorkers silent_workers_;
};

/// The cause is the first stage that the sentence names, and an edge of it is named before others.
void check_names(const runtime::RunOutcome& outcome, const std::string& stage) {
  INFO(outcome.reason);
  CHECK(outcome.state == runtime::RunOutcome::State::Failed);
  const std::size_t cause = outcome.reason.find("Stage '" + stage + "' holds it up");
  REQUIRE(cause != std::string::npos);
  CHECK(outcome.reason.find("tage '") == cause + 1);
  const std::size_t others = outcome.reason.find(" The others:");
  const std::string sentence = outcome.reason.substr(cause, others - cause);
  CHECK(sentence.find("edge") != std::string::npos);
  CHECK((sentence.find(stage + " -> ") != std::string::npos ||
         sentence.find(" -> " + stage + "'") != std::string::npos ||
         sentence.find("'" + stage + " ~> ") != std::string::npos ||
         sentence.find(" ~> " + stage + "'") != std::string::npos));
  CHECK(outcome.help.find("troupe resume") != std::string::npos);
}

void freeze_simulated(const std::string& stage, Freeze how, std::uint32_t calls) {
  INFO("stage " << stage << ", way " << static_cast<int>(how) << ", after " << calls);
  FrozenKinds frozen(stage, how, calls);
  std::string graph = quickstart();
  if (how == Freeze::Engine && stage.starts_with("check"))  // no verdict of a timeout comes to help
    graph.replace(graph.find("[stage." + stage + "]"), stage.size() + 8,
                  "[stage." + stage + "]\ntimeout = \"24h\"\n");
  SimulationOptions options;
  options.coordinator.stall_timeout = std::chrono::minutes(5);
  Simulation simulation(frozen.kinds, graph, options);
  const auto outcome = simulation.run();
  REQUIRE(outcome.has_value());
  check_names(*outcome, stage);
}

}  // namespace

TEST_CASE("a_stage_that_swallows_its_input_is_named_with_its_edge") {
  for (const char* stage :
       {"questions", "generate", "check_math", "check_finished", "reward", "learn"})
    for (const std::uint32_t calls : {0u, 7u, 500u}) freeze_simulated(stage, Freeze::Mute, calls);
}

TEST_CASE("a_stage_that_takes_nothing_is_named_with_its_edge") {
  for (const char* stage : {"generate", "check_math", "check_finished", "reward", "learn"})
    for (const std::uint32_t calls : {0u, 400u}) freeze_simulated(stage, Freeze::Refuse, calls);
}

TEST_CASE("a_stage_whose_engine_never_answers_is_named_with_its_edge") {
  for (const char* stage : {"generate", "check_math", "check_finished", "learn", "eval"})
    freeze_simulated(stage, Freeze::Engine, 0);
}

TEST_CASE("a_stage_that_sends_no_weights_is_named_by_the_edge_they_should_come_on") {
  std::string graph = quickstart();
  // A learner that publishes nothing: its on_start is swallowed.
  class Mutes final : public runtime::Stage {
   public:
    void on_message(InPort, Envelope, Outbox&) override {}
  };
  runtime::KindSet kinds;
  for (const graphs::Contract& contract : all_kinds().contracts().all())
    kinds.add(contract,
              [kind = contract.kind](
                  const runtime::StageContext& context) -> Result<std::unique_ptr<runtime::Stage>> {
                if (kind == "learner.grpo")
                  return std::unique_ptr<runtime::Stage>(std::make_unique<Mutes>());
                return all_kinds().factory(kind)(context);
              });
  SimulationOptions options;
  options.coordinator.stall_timeout = std::chrono::minutes(5);
  Simulation simulation(kinds, graph, options);
  const auto outcome = simulation.run();
  REQUIRE(outcome.has_value());
  INFO(outcome->reason);
  CHECK(outcome->reason.find("Stage 'learn' holds it up: it sends no weights") !=
        std::string::npos);
  CHECK(outcome->reason.find("on edge 'learn ~> generate'") != std::string::npos);
}

TEST_CASE("a_run_that_is_busy_and_gets_nowhere_says_who_ends_its_samples_and_why") {
  SimulationOptions options;
  options.costs.work_failure = 1.0;
  options.coordinator.stall_timeout = std::chrono::seconds(20);
  Simulation simulation(all_kinds(), quickstart(), options);
  const auto outcome = simulation.run();
  REQUIRE(outcome.has_value());
  INFO(outcome->reason);
  CHECK(outcome->state == runtime::RunOutcome::State::Failed);
  CHECK(outcome->reason.find("It is busy, but") != std::string::npos);
  CHECK(outcome->reason.find("stage 'reward' ended") != std::string::npos);
  CHECK(outcome->reason.find("('check_math': infra_error); they came on edge 'check_math -> "
                             "reward'") != std::string::npos);
}

TEST_CASE("a_handler_that_never_returns_is_named_although_it_keeps_a_thread") {
  for (const char* stage :
       {"questions", "generate", "check_math", "check_finished", "reward", "learn", "eval"}) {
    INFO("stage " << stage);
    FrozenKinds frozen(stage, Freeze::Block, 0);
    const auto loaded =
        graphs::load_graph_text(quickstart(), "quickstart.toml", {}, frozen.kinds.contracts());
    REQUIRE(loaded.ok());
    Engines<PromptGeneration, PromptTraining> engines(nullptr);
    stages::ThreadWorkers workers(1);
    MemoryRecorder recorder;
    runtime::RunServices services;
    services.workers = &workers;
    services.disk = &real_disk();
    services.engines = &engines;
    services.recorder = &recorder;
    runtime::Coordinator::Options rules;
    rules.stall_timeout = std::chrono::milliseconds(500);
    rules.describe_timeout = std::chrono::milliseconds(500);
    hosts::CafHost host(2);
    std::mutex mutex;
    std::condition_variable wake;
    std::optional<runtime::RunOutcome> outcome;
    auto graph = runtime::RunningGraph::build(*loaded.plan, frozen.kinds, services, rules, host,
                                              [&](runtime::RunOutcome ended) {
                                                const std::lock_guard lock(mutex);
                                                outcome = std::move(ended);
                                                wake.notify_all();
                                              });
    REQUIRE(graph.ok());
    for (const auto& [address, runner] : (*graph)->runners()) host.adopt(address, *runner);
    host.adopt(runtime::kCoordinator, (*graph)->coordinator());
    (*graph)->coordinator().begin();
    {
      std::unique_lock lock(mutex);
      wake.wait_for(lock, std::chrono::seconds(60), [&] { return outcome.has_value(); });
    }
    frozen.ice->melt();
    host.stop();
    REQUIRE(outcome.has_value());
    check_names(*outcome, stage);
    CHECK(outcome->reason.find("it does not answer: it is stuck in its own code") !=
          std::string::npos);
  }
}

}  // namespace troupe::simulations
