#include "model/engines/training.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "model/engines/failure.hpp"
#include "model/engines/optimizer_state.hpp"

namespace troupe::model {
namespace {

class Stopwatch {
 public:
  double lap() {
    const double begin = std::exchange(last_, measured_seconds());
    return last_ - begin;
  }

 private:
  double last_ = measured_seconds();
};

void add(PolicyLossMetrics& sum, const PolicyLossMetrics& share) {
  sum.clip_fraction_low += share.clip_fraction_low;
  sum.clip_fraction_high += share.clip_fraction_high;
  sum.dual_clip_fraction += share.dual_clip_fraction;
  sum.ppo_kl += share.ppo_kl;
  sum.mean_ratio += share.mean_ratio;
  sum.kl += share.kl;
  sum.mismatch_ratio += share.mismatch_ratio;
  sum.mismatch_weight += share.mismatch_weight;
}

/// Tokens and sequences that carry loss, of the whole step.
Normaliser count(const std::vector<MicroBatch>& micros) {
  Normaliser out;
  for (const MicroBatch& micro : micros) {
    out.tokens += static_cast<double>(micro.targets.size());
    out.sequences += static_cast<double>(micro.samples.size());
  }
  return out;
}

/// Mean difference of two sets of log-probabilities, for the tokens of some samples.
struct Gap {
  double total = 0, largest = 0;
  std::uint64_t tokens = 0;
  void add(double difference) {
    total += std::abs(difference);
    largest = std::max(largest, std::abs(difference));
    ++tokens;
  }
};

}  // namespace

template <class T>
LlamaTraining<T>::LlamaTraining(Parts parts, const TrainingConfig& config)
    : parts_(std::move(parts)), config_(config), optimizer_(parts_.architecture) {}

template <class T>
Result<std::unique_ptr<TrainingEngine>> LlamaTraining<T>::make(Parts parts,
                                                               const TrainingConfig& config) {
  try {
    std::unique_ptr<LlamaTraining> engine(new LlamaTraining(std::move(parts), config));
    TROUPE_TRY(engine->load());
    engine->start();
    return std::unique_ptr<TrainingEngine>(std::move(engine));
  } catch (...) {
    return failure_of(std::current_exception(), "making a training engine");
  }
}

template <class T>
Result<void> LlamaTraining<T>::load() {
  const Architecture& a = *parts_.architecture;
  if (config_.with_reference) reference_ = parts_.initial;
  if (!config_.resume_from) {
    for (const Parameter& p : a.parameters) {
      TROUPE_TRY(parts_.checkpoint->read_f32(
          p.name, {optimizer_.master() + p.offset, static_cast<std::size_t>(p.elements)}));
    }
    weights_ = parts_.initial;
    if (config_.incarnation == 0 && config_.resume_step == 0) return {};
  } else {
    TROUPE_TRY(load_optimizer(*config_.resume_from, a, optimizer_));
    if (config_.with_reference) {
      auto reference = std::make_shared<LlamaWeights<T>>(parts_.architecture, parts_.pool,
                                                         parts_.initial->version());
      TROUPE_ASSIGN(const bool found, load_reference(*config_.resume_from, a, reference->data()));
      if (found) reference_ = reference;
    }
  }
  // The published weights are the rounded master weights, whatever file those came from.
  auto working = std::make_shared<LlamaWeights<T>>(
      parts_.architecture, parts_.pool, Version{config_.incarnation, config_.resume_step});
  parallel_ranges(a.elements, 1 << 15, [&](std::int64_t begin, std::int64_t end) {
    kernels<T>().convert(optimizer_.master() + begin, end - begin, working->data() + begin);
  });
  weights_ = working;
  return {};
}

template <class T>
void LlamaTraining<T>::start() {
  thread_ = std::thread([this] { run(); });
}

template <class T>
LlamaTraining<T>::~LlamaTraining() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

template <class T>
void LlamaTraining<T>::run() {
  set_team_size(parts_.threads);
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopping_ || !jobs_.empty(); });
      if (stopping_) break;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job.run();
  }
  for (const Job& job : jobs_) {  // nobody posts while the engine is being destroyed
    job.cancel({ErrorCode::Cancelled, "the training engine was stopped", "Start it again"});
  }
}

template <class T>
void LlamaTraining<T>::post(Job job) {
  {
    std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  changed_.notify_all();
}

template <class T>
typename LlamaTraining<T>::Ptr LlamaTraining<T>::current() const {
  std::lock_guard lock(mutex_);
  return weights_;
}

template <class T>
WeightsPtr LlamaTraining<T>::weights() const {
  return current();
}

template <class T>
void LlamaTraining<T>::step(TrainingBatch batch,
                            std::function<void(Result<StepReport>)> on_done) {
  auto work = std::make_shared<const TrainingBatch>(std::move(batch));
  post({.run =
            [this, work, on_done] {
              Result<StepReport> result = Error{};
              try {
                result = run_step(*work);
              } catch (...) {
                result = failure_of(std::current_exception(), "a training step");
              }
              on_done(std::move(result));
            },
        .cancel = [on_done](const Error& error) { on_done(error); }});
}

template <class T>
void LlamaTraining<T>::refresh_reference(std::function<void(Result<void>)> on_done) {
  post({.run =
            [this, on_done] {
              if (config_.with_reference) reference_ = current();  // immutable: shared, not copied
              on_done(config_.with_reference
                          ? Result<void>{}
                          : Error{ErrorCode::InvalidArgument, "there is no reference model",
                                  "Make the training engine with_reference"});
            },
        .cancel = [on_done](const Error& error) { on_done(error); }});
}

template <class T>
void LlamaTraining<T>::save(std::filesystem::path folder,
                            std::function<void(Result<void>)> on_done) {
  post({.run =
            [this, folder, on_done] {
              Result<void> result;
              try {
                result = run_save(folder);
              } catch (...) {
                result = failure_of(std::current_exception(), "saving a checkpoint");
              }
              on_done(std::move(result));
            },
        .cancel = [on_done](const Error& error) { on_done(error); }});
}

template <class T>
void LlamaTraining<T>::log_probabilities(const LlamaWeights<T>& weights, const MicroBatch& micro,
                                         double temperature, bool keep,
                                         std::vector<double>& logprobs,
                                         std::vector<double>& entropies) {
  const Architecture& a = *parts_.architecture;
  tape_.reserve(a, micro.rows(), keep);
  const auto attend = [&](std::int64_t, const LayerTape<T>& l) {
    attend_segments(a, micro.segments, l, scratch_);
  };
  forward<T>(weights, micro.tokens.data(), micro.positions.data(), attend, tape_);
  head_.forward(weights, tape_.normed, micro, temperature, logprobs, entropies);
}

template <class T>
bool LlamaTraining<T>::run_micro_batch(const LlamaWeights<T>& weights, const MicroBatch& micro,
                                       const TrainingBatch& batch, const Normaliser& normaliser,
                                       StepReport& report) {
  Stopwatch watch;
  std::vector<double> reference, logprobs, entropies;
  if (reference_) {
    log_probabilities(*reference_, micro, batch.temperature, false, reference, entropies);
  }
  log_probabilities(weights, micro, batch.temperature, true, logprobs, entropies);

  std::vector<double> old(logprobs.size()), rollout(logprobs.size()), advantages;
  Gap gap, drift;
  for (std::size_t s = 0; s < micro.samples.size(); ++s) {
    const TrainingSample& sample = *micro.samples[s];
    advantages.push_back(sample.advantage);
    for (std::size_t i = 0; i < sample.tokens.size(); ++i) {
      const std::size_t t = micro.offsets[s] + i;
      rollout[t] = sample.rollout_logprobs[i];
      old[t] = sample.on_policy ? logprobs[t] : rollout[t];
      // Compared as samples carry them, in f32.
      (sample.on_policy ? gap : drift).add(static_cast<float>(logprobs[t]) - rollout[t]);
    }
  }
  const PolicyLossInput input{.offsets = micro.offsets,
                              .logprobs = logprobs,
                              .old_logprobs = old,
                              .rollout_logprobs = rollout,
                              .ref_logprobs = reference,
                              .mask = {},
                              .advantages = advantages};
  const PolicyLossResult loss = policy_loss(input, config_.loss, normaliser);
  report.loss += loss.loss;
  add(report.policy, loss.metrics);
  report.tokens += micro.targets.size();
  for (const double e : entropies) report.entropy += e / normaliser.tokens;
  for (std::size_t t = 0; t < reference.size(); ++t) {
    const double d = reference[t] - logprobs[t];
    report.kl += (std::exp(d) - 1 - d) / normaliser.tokens;
  }
  report.logprob_gap += gap.total;  // sums until the step ends
  report.logprob_gap_max = std::max(report.logprob_gap_max, gap.largest);
  report.policy_drift += drift.total;
  report.forward_seconds += watch.lap();
  if (!std::isfinite(report.loss)) return false;

  // tape.delta is free until the next forward pass: the gradient of the last norm's output.
  head_.backward(weights, micro, batch.temperature, loss.gradient, tape_.delta,
                 optimizer_.gradient() + parts_.architecture->head);
  backward_.run(weights, micro, tape_.delta, tape_, optimizer_.gradient());
  report.backward_seconds += watch.lap();
  return true;
}

template <class T>
Result<StepReport> LlamaTraining<T>::run_step(const TrainingBatch& batch) {
  TROUPE_TRY(check_batch(batch, *parts_.architecture));
  const Ptr weights = current();
  const std::vector<MicroBatch> micros =
      pack(batch, static_cast<std::int64_t>(config_.micro_batch_tokens));
  const Normaliser normaliser = count(micros);
  StepReport report;
  report.version = weights->version();
  report.weights = weights;

  bool finite = true;
  std::uint64_t on_policy = 0, off_policy = 0;
  for (const MicroBatch& micro : micros) {
    const CoreLease::Turn turn(*parts_.lease);
    if (&micro == &micros.front()) optimizer_.clear_gradient();
    if (!run_micro_batch(*weights, micro, batch, normaliser, report)) {
      finite = false;
      break;
    }
    for (const TrainingSample* s : micro.samples) {
      (s->on_policy ? on_policy : off_policy) += s->tokens.size();
    }
  }
  if (on_policy > 0) report.logprob_gap /= static_cast<double>(on_policy);
  if (off_policy > 0) report.policy_drift /= static_cast<double>(off_policy);

  const CoreLease::Turn turn(*parts_.lease);
  Stopwatch watch;
  if (finite && !micros.empty()) report.grad_norm = optimizer_.gradient_norm();
  report.skipped = !finite || !std::isfinite(report.grad_norm);
  // A step that changes nothing (skipped, or every sample masked) is a step all the same: versions
  // count steps, and whoever waits for this one gets the same tensors under its name.
  const bool update = !report.skipped && !micros.empty();
  report.version.step += 1;
  report.version.incarnation = config_.incarnation;
  auto next = std::make_shared<LlamaWeights<T>>(parts_.architecture, parts_.pool, report.version);
  if (update) {
    const double limit = config_.max_grad_norm;
    const double scale = limit > 0 && report.grad_norm > limit ? limit / report.grad_norm : 1.0;
    optimizer_.step(config_, batch.learning_rate, scale, next->data());
  } else {
    std::copy_n(weights->at(0), parts_.architecture->elements, next->data());
  }
  report.weights = next;
  {
    std::lock_guard lock(mutex_);
    weights_ = next;
  }
  report.optimizer_seconds = watch.lap();
  return report;
}

template <class T>
Result<void> LlamaTraining<T>::run_save(const std::filesystem::path& folder) const {
  const Ptr weights = current();
  const T* reference = nullptr;
  if (reference_ && reference_ != parts_.initial) reference = reference_->at(0);
  return save_training(folder, *parts_.architecture, weights->at(0), optimizer_, reference,
                       config_.tokenizer.get());
}

template class LlamaTraining<Bf16>;
template class LlamaTraining<float>;

}  // namespace troupe::model
