#pragma once
// Evaluator: stands beside the flow. Generates answers to the questions of a dataset with the
// weights of a version, judges them, and reports the mean scores under that version's step. Its
// samples are not admitted and not accounted. Evaluates the first version it sees, every `every`
// steps, and the last one (without a weights edge: the model as it was loaded, once). A version
// that comes while it is busy waits if it is one of these, else is passed over.
#include <deque>
#include <memory>
#include <unordered_map>

#include "actors/runtime/stage.hpp"
#include "actors/stages/dataset/dataset.hpp"
#include "actors/stages/engine_set.hpp"
#include "actors/stages/prompting.hpp"
#include "actors/stages/verifier/verifier.hpp"

namespace troupe::stages {

class Evaluator final : public runtime::Stage {
 public:
  struct Judge {
    std::string name;
    std::shared_ptr<const Verifier> verifier;
  };
  /// Options read: model, questions, every, before, after, limit, max_new_tokens, temperature,
  /// max_sequences. The first judge's mean score is the accuracy.
  static Result<std::unique_ptr<runtime::Stage>> make(const runtime::StageContext& context,
                                                      std::shared_ptr<const Dataset> questions,
                                                      std::vector<Judge> judges);

  void on_message(runtime::InPort, Envelope, runtime::Outbox&) override {}
  void on_start(runtime::Outbox& out) override;
  void on_latest(runtime::InPort port, Envelope envelope, runtime::Outbox& out) override;
  void on_done(runtime::Ticket ticket, runtime::EngineResult result, runtime::Outbox& out) override;
  void on_drain(runtime::Outbox&) override;
  void on_end(runtime::Outbox& out) override;

 private:
  explicit Evaluator(EngineSet& engines) : engines_(engines) {}
  void begin_next(runtime::Outbox& out);
  void judge(const Prompt& prompt, model::GeneratedSample made);
  void conclude(runtime::Outbox& out);

  EngineSet& engines_;
  std::string name_, model_name_;
  Prompting prompting_;
  std::unique_ptr<model::GenerationEngine> engine_;
  std::shared_ptr<const Dataset> questions_;
  std::vector<Judge> judges_;
  std::uint64_t rows_ = 0, every_ = 0, seed_ = 0, steps_ = 0;
  bool before_ = true, after_ = true, draining_ = false, has_weights_edge_ = false;
  model::SamplingOptions sampling_;

  std::deque<model::WeightsPtr> due_;
  model::WeightsPtr newest_;
  std::optional<std::uint32_t> evaluated_;  // newest step that was evaluated or is due
  bool first_seen_ = false;

  model::WeightsPtr current_;  // being evaluated
  std::unordered_map<runtime::Ticket, std::uint64_t> rows_open_;
  struct Sums {
    double score = 0;
    std::uint64_t scored = 0;
  };
  std::vector<Sums> sums_;
  std::uint64_t finished_ = 0, tokens_ = 0, answered_ = 0, failed_ = 0;
  TimePoint began_{};
};

}  // namespace troupe::stages
