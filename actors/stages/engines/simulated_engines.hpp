#pragma once
// SimulatedEngines: engines that take virtual time by a cost model and return made-up, repeatable
// results, behind the same interfaces as the real ones. Stages cannot tell. Used with the simulated
// host; single-threaded. Faults (a lost request, a throwing verifier) are drawn from `rng` with the
// probabilities given, so that a seed repeats them.
#include <map>
#include <memory>

#include "actors/runtime/workers.hpp"
#include "actors/stages/engine_set.hpp"
#include "actors/stages/engines/weights_shelf.hpp"
#include "schemas/base/rng.hpp"

namespace troupe::stages {

/// Runs an action after a virtual time: SimulatedHost::after.
using After = std::function<void(Duration, std::function<void()>)>;

struct SimulatedCosts {
  Duration token = std::chrono::milliseconds(2);   // of one sample
  Duration step = std::chrono::milliseconds(500);  // of the optimizer
  Duration save = std::chrono::milliseconds(50);
  Duration work = std::chrono::milliseconds(1);  // of a worker
  double spread = 0.9;  // every duration is drawn uniformly from 1 - spread to 1 + spread of it
  double generation_failure = 0.0;  // probability that a request fails
  double work_failure = 0.0;        // probability that work fails as if it had thrown
  double work_silence = 0.0;        // probability that work never answers
};

class SimulatedEngines final : public EngineSet {
 public:
  SimulatedEngines(const SimulatedCosts& costs, std::uint64_t seed, After after)
      : costs_(costs), rng_(seed, 55), after_(std::move(after)) {}

  Result<std::shared_ptr<const model::Tokenizer>> tokenizer(const std::string&) override {
    return std::shared_ptr<const model::Tokenizer>();
  }
  Result<std::unique_ptr<model::GenerationEngine>> generation(
      const std::string& model, const model::GenerationConfig& config) override;
  Result<std::unique_ptr<model::TrainingEngine>> training(
      const std::string& model, const model::TrainingConfig& config) override;
  void publish(const std::string& model, model::WeightsPtr weights) override {
    shelves_[model].hold(64);  // they weigh nothing here
    shelves_[model].publish(std::move(weights));
  }
  model::WeightsPtr weights(const std::string& model, Version at_least) override;

  Duration draw(Duration typical) {
    const double factor = 1.0 - costs_.spread + 2.0 * costs_.spread * rng_.uniform();
    return Duration(static_cast<std::int64_t>(static_cast<double>(typical.count()) * factor));
  }
  const SimulatedCosts& costs() const { return costs_; }
  Rng& rng() { return rng_; }
  const After& after() const { return after_; }

 private:
  SimulatedCosts costs_;
  Rng rng_;
  After after_;
  std::map<std::string, WeightsShelf> shelves_;
};

class SimulatedWorkers final : public runtime::Workers {
 public:
  explicit SimulatedWorkers(SimulatedEngines& engines) : engines_(engines) {}
  void begin(std::vector<Work>& work) override;

 private:
  void begin_one(Work work);
  SimulatedEngines& engines_;
};

}  // namespace troupe::stages
