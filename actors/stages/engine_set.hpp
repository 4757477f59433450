#pragma once
// EngineSet: the engines and models of one run, by model name. Stages take what they need when they
// are built. A real run loads LibTorch's library behind it, a simulation puts engines with a cost
// model there. Also hands weights from learner to generator inside one process: announcements on
// edges name a version, and this gives the tensors of that name without a copy. Any thread.
#include <memory>
#include <string>

#include "model/engine.hpp"
#include "model/tokenizer/tokenizer.hpp"

namespace troupe::stages {

class EngineSet {
 public:
  virtual ~EngineSet() = default;
  /// Null in a simulation without a tokenizer: stages then make stand-in tokens.
  virtual Result<std::shared_ptr<const model::Tokenizer>> tokenizer(const std::string& model) = 0;
  virtual Result<std::unique_ptr<model::GenerationEngine>> generation(
      const std::string& model, const model::GenerationConfig& config) = 0;
  virtual Result<std::unique_ptr<model::TrainingEngine>> training(
      const std::string& model, const model::TrainingConfig& config) = 0;

  virtual void publish(const std::string& model, model::WeightsPtr weights) = 0;
  /// The weights of that version, or of the oldest newer one that is still held; null: none.
  virtual model::WeightsPtr weights(const std::string& model, Version at_least) = 0;
};

}  // namespace troupe::stages
