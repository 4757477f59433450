#pragma once
// GrpoLearner: group-relative policy optimization (DeepSeekMath 2402.03300). Collects whole groups,
// takes the ones that the coordinator names for a step, turns rewards into advantages, and starts
// one optimizer step on the training engine. After each step it announces the new weights. Saves a
// checkpoint every `checkpoint_every` steps of the run, at the last step, and when a drain ends.
#include <memory>
#include <unordered_map>

#include "actors/runtime/stage.hpp"
#include "actors/stages/engine_set.hpp"
#include "model/losses/advantage.hpp"

namespace troupe::stages {

class GrpoLearner final : public runtime::Stage {
 public:
  /// Options read: see learner.grpo in kinds.cpp.
  static Result<std::unique_ptr<runtime::Stage>> make(const runtime::StageContext& context);

  void on_start(runtime::Outbox& out) override;
  void on_message(runtime::InPort port, Envelope envelope, runtime::Outbox& out) override;
  void on_batch(std::uint32_t step, const std::vector<GroupId>& groups,
                runtime::Outbox& out) override;
  void on_redo(std::uint32_t step, std::vector<Payload> groups, bool more,
               runtime::Outbox& out) override;
  void on_done(runtime::Ticket ticket, runtime::EngineResult result, runtime::Outbox& out) override;
  void on_save(std::uint32_t step, const std::filesystem::path& folder,
               runtime::Outbox& out) override;
  void on_end(runtime::Outbox& out) override;

 private:
  struct Waiting {
    Envelope envelope;
    std::vector<Payload> records;
    std::vector<Sample> samples;
  };
  explicit GrpoLearner(EngineSet& engines) : engines_(engines) {}
  static Waiting read(const Payload& group);
  /// Trains what is in `training_`.
  void begin_step(runtime::Outbox& out);
  model::TrainingBatch make_batch();
  void finish_step(model::StepReport report, runtime::Outbox& out);
  void publish(model::WeightsPtr weights, runtime::Outbox& out);
  void save(runtime::Outbox& out);
  void leave_over(runtime::Outbox& out);
  double learning_rate(std::uint32_t step) const;

  std::string model_name_;
  EngineSet& engines_;
  std::unique_ptr<model::TrainingEngine> engine_;
  model::AdvantageOptions advantage_;
  double rate_ = 0, temperature_ = 1.0;
  std::string schedule_;
  std::uint64_t warmup_ = 0, steps_ = 0, checkpoint_every_ = 0, prompts_per_step_ = 1;
  std::uint64_t refresh_every_ = 0;
  bool mask_truncated_ = false;

  std::unordered_map<GroupId, Waiting> waiting_;
  std::vector<Waiting> training_;   // groups of the step under way
  runtime::Metrics batch_metrics_;  // what was known before the step began
  TimePoint step_began_{}, last_step_done_{};
  runtime::Ticket step_ticket_ = 0, save_ticket_ = 0;
  std::uint32_t step_ = 0, saved_step_ = 0, saving_step_ = 0;
  int skipped_in_a_row_ = 0;
  bool folder_due_ = false;  // a checkpoint was asked for and has no folder yet
  std::optional<std::vector<GroupId>> deferred_;  // the next batch, until then
  bool redo_follows_ = false;  // this step was taken in a life before, and so was the next one
  bool ended_ = false;
};

}  // namespace troupe::stages
