#pragma once
// RealEngines: the engine set of a run on this machine. Reads each model once, through the engine
// library, when the first stage asks for it. Thread-safe after building.
#include <map>
#include <memory>

#include "actors/stages/engine_set.hpp"
#include "actors/stages/engines/weights_shelf.hpp"
#include "graphs/plan.hpp"

namespace troupe::stages {

class RealEngines final : public EngineSet {
 public:
  struct Options {
    unsigned threads = 1;                             // cores that the engines share
    std::optional<std::filesystem::path> checkpoint;  // folder that training resumes from
  };
  RealEngines(const graphs::Plan& plan, Options options)
      : plan_(plan), options_(std::move(options)) {}

  Result<std::shared_ptr<const model::Tokenizer>> tokenizer(const std::string& model) override;
  Result<std::unique_ptr<model::GenerationEngine>> generation(
      const std::string& model, const model::GenerationConfig& config) override;
  Result<std::unique_ptr<model::TrainingEngine>> training(
      const std::string& model, const model::TrainingConfig& config) override;
  void publish(const std::string& model, model::WeightsPtr weights) override;
  model::WeightsPtr weights(const std::string& model, Version at_least) override;

 private:
  Result<std::shared_ptr<model::Model>> model(const std::string& name);

  const graphs::Plan& plan_;
  Options options_;
  std::map<std::string, std::shared_ptr<model::Model>> models_;
  std::map<std::string, std::shared_ptr<const model::Tokenizer>> tokenizers_;
  std::mutex mutex_;
  std::map<std::string, WeightsShelf> shelves_;
};

}  // namespace troupe::stages
