#include "actors/stages/engines/simulated_engines.hpp"

#include <algorithm>

namespace troupe::stages {
namespace {

class SimulatedWeights final : public model::Weights {
 public:
  explicit SimulatedWeights(Version version) : version_(version) {}
  Version version() const override { return version_; }
  std::uint64_t bytes() const override { return 1 << 20; }

 private:
  Version version_;
};

/// Samples have a length, tokens and log-probabilities that follow from their seed alone; only the
/// time they take and the versions they span depend on the simulation.
class SimulatedGeneration final : public model::GenerationEngine {
 public:
  explicit SimulatedGeneration(SimulatedEngines& engines) : engines_(engines) {}
  ~SimulatedGeneration() override { *alive_ = false; }

  void submit(model::GenerationRequest request, OnSample on_sample) override {
    if (engines_.rng().uniform() < engines_.costs().generation_failure) {
      engines_.after()(engines_.draw(engines_.costs().token), [on_sample] {
        on_sample(Error{ErrorCode::Infra, "the simulated engine lost the request", ""});
      });
      return;
    }
    for (std::uint32_t i = 0; i < request.seeds.size(); ++i) begin(request, i, on_sample);
  }

  void set_weights(model::WeightsPtr weights) override { weights_ = std::move(weights); }
  model::GenerationStats stats() const override { return {}; }

 private:
  void begin(const model::GenerationRequest& request, std::uint32_t index,
             const OnSample& on_sample) {
    Rng rng(request.seeds[index]);
    const auto limit = static_cast<std::uint64_t>(request.sampling.max_new_tokens);
    const std::uint64_t length = 1 + rng.below(limit);
    model::GeneratedSample made;
    made.index = index;
    made.finish = length < limit ? model::FinishReason::Stop : model::FinishReason::Length;
    for (std::uint64_t t = 0; t < length; ++t) {
      made.tokens.push_back('0' + static_cast<model::Token>(rng.below(10)));
      made.logprobs.push_back(-static_cast<float>(rng.uniform()));
    }
    const Version begun = version();
    // The weights may change in the middle of the sample, between two tokens.
    engines_.after()(engines_.draw(engines_.costs().token * static_cast<std::int64_t>(length)),
                     [this, alive = alive_, made, begun, on_sample]() mutable {
                       if (!*alive) return;
                       made.versions.push_back({0, begun});
                       const Version now = version();
                       const auto half = static_cast<std::uint32_t>(made.tokens.size() / 2);
                       if (now != begun && half > 0) made.versions.push_back({half, now});
                       on_sample(std::move(made));
                     });
  }
  Version version() const { return weights_ ? weights_->version() : Version{}; }

  SimulatedEngines& engines_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // events outlive the engine
  model::WeightsPtr weights_;
};

class SimulatedTraining final : public model::TrainingEngine {
 public:
  SimulatedTraining(SimulatedEngines& engines, const model::TrainingConfig& config)
      : engines_(engines),
        weights_(std::make_shared<const SimulatedWeights>(
            Version{config.incarnation, config.resume_step})) {}

  model::WeightsPtr weights() const override { return weights_; }

  void step(model::TrainingBatch batch,
            std::function<void(Result<model::StepReport>)> on_done) override {
    enqueue(engines_.costs().step, [this, batch = std::move(batch), on_done = std::move(on_done)] {
      model::StepReport report;
      for (const auto& group : batch.groups) {
        for (const auto& sample : group.samples) report.tokens += sample.tokens.size();
      }
      const Version before = weights_->version();
      weights_ =
          std::make_shared<const SimulatedWeights>(Version{before.incarnation, before.step + 1});
      report.version = weights_->version();
      report.weights = weights_;
      on_done(std::move(report));
    });
  }
  void refresh_reference(std::function<void(Result<void>)> on_done) override {
    enqueue(engines_.costs().save, [on_done = std::move(on_done)] { on_done({}); });
  }
  void save(std::filesystem::path, std::function<void(Result<void>)> on_done) override {
    enqueue(engines_.costs().save, [on_done = std::move(on_done)] { on_done({}); });
  }

 private:
  /// One thing after another, as on an engine's thread.
  void enqueue(Duration typical, std::function<void()> action) {
    queue_.push_back({engines_.draw(typical), std::move(action)});
    if (!busy_) next();
  }
  void next() {
    if (queue_.empty()) {
      busy_ = false;
      return;
    }
    busy_ = true;
    auto [takes, action] = std::move(queue_.front());
    queue_.erase(queue_.begin());
    engines_.after()(takes, [this, action = std::move(action)] {
      action();
      next();
    });
  }

  SimulatedEngines& engines_;
  model::WeightsPtr weights_;
  std::vector<std::pair<Duration, std::function<void()>>> queue_;
  bool busy_ = false;
};

}  // namespace

Result<std::unique_ptr<model::GenerationEngine>> SimulatedEngines::generation(
    const std::string&, const model::GenerationConfig&) {
  return std::unique_ptr<model::GenerationEngine>(std::make_unique<SimulatedGeneration>(*this));
}

Result<std::unique_ptr<model::TrainingEngine>> SimulatedEngines::training(
    const std::string&, const model::TrainingConfig& config) {
  return std::unique_ptr<model::TrainingEngine>(std::make_unique<SimulatedTraining>(*this, config));
}

model::WeightsPtr SimulatedEngines::weights(const std::string& model, Version at_least) {
  const auto it = shelves_.find(model);
  return it == shelves_.end() ? nullptr : it->second.at_least(at_least);
}

void SimulatedWorkers::begin(std::vector<Work>& work) {
  for (Work& one : work) begin_one(std::move(one));
  work.clear();
}

void SimulatedWorkers::begin_one(Work work) {
  if (engines_.rng().uniform() < engines_.costs().work_silence) return;
  const bool fails = engines_.rng().uniform() < engines_.costs().work_failure;
  engines_.after()(engines_.draw(engines_.costs().work), [work = std::move(work), fails] {
    if (fails) return work.done(Error{ErrorCode::Infra, "a simulated failure", ""});
    try {
      work.done(work.run());
    } catch (const std::exception& e) {
      work.done(Error{ErrorCode::Infra, e.what(), ""});
    }
  });
}

}  // namespace troupe::stages
