#pragma once
// LlamaTraining: policy-gradient steps on the CPU. Owns one thread; see TrainingEngine for the
// contract. A step is: for every micro-batch one turn on the cores (reference log-probabilities,
// forward, loss, backward), then one turn for clipping and AdamW, which writes the new working
// weights into memory of their own. A step whose loss or gradient is not finite is skipped; one in
// which no token carries loss has nothing to do: tensors and moments stay, the version counts on.
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "model/engine.hpp"
#include "model/engines/backward.hpp"
#include "model/engines/core_lease.hpp"
#include "model/engines/optimizer.hpp"
#include "model/engines/vocabulary_head.hpp"
#include "model/formats/checkpoint.hpp"

namespace troupe::model {

template <class T>
class LlamaTraining final : public TrainingEngine {
 public:
  using Ptr = std::shared_ptr<const LlamaWeights<T>>;

  /// What the model gives to every training engine.
  struct Parts {
    ArchitecturePtr architecture;
    std::shared_ptr<BufferPool> pool;
    std::shared_ptr<CoreLease> lease;
    unsigned threads = 1;
    Ptr initial;                                 // also the reference until it is refreshed
    std::shared_ptr<const Checkpoint> checkpoint;  // where master weights are read from
  };
  /// Reads master weights (from the checkpoint, or everything from config.resume_from).
  static Result<std::unique_ptr<TrainingEngine>> make(Parts parts, const TrainingConfig& config);
  ~LlamaTraining() override;

  WeightsPtr weights() const override;
  void step(TrainingBatch batch, std::function<void(Result<StepReport>)> on_done) override;
  void refresh_reference(std::function<void(Result<void>)> on_done) override;
  void save(std::filesystem::path folder, std::function<void(Result<void>)> on_done) override;

 private:
  struct Job {
    std::function<void()> run;
    std::function<void(const Error&)> cancel;
  };
  LlamaTraining(Parts parts, const TrainingConfig& config);
  Result<void> load();
  void start();
  void run();
  void post(Job job);
  Ptr current() const;

  Result<StepReport> run_step(const TrainingBatch& batch);
  /// Adds to the report and the gradient; false if the loss is not finite.
  bool run_micro_batch(const LlamaWeights<T>& weights, const MicroBatch& micro,
                       const TrainingBatch& batch, const Normaliser& normaliser,
                       StepReport& report);
  void log_probabilities(const LlamaWeights<T>& weights, const MicroBatch& micro,
                         double temperature, bool keep, std::vector<double>& logprobs,
                         std::vector<double>& entropies);
  Result<void> run_save(const std::filesystem::path& folder) const;

  const Parts parts_;
  const TrainingConfig config_;
  Optimizer optimizer_;

  mutable std::mutex mutex_;  // guards the next members
  std::condition_variable changed_;
  bool stopping_ = false;
  std::deque<Job> jobs_;
  Ptr weights_;

  // Only the engine's thread:
  Ptr reference_;
  Tape<T> tape_;
  VocabularyHead<T> head_;
  Backward<T> backward_;
  std::vector<Scratch<float>> scratch_;

  std::thread thread_;
};

}  // namespace troupe::model
