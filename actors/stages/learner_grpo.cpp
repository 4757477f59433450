#include "actors/stages/learner_grpo.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "actors/stages/grpo_options.hpp"

namespace troupe::stages {

using runtime::Metrics;
using runtime::Outbox;

namespace {
// A step whose loss or gradient is not finite changes nothing; so many in a row mean divergence.
constexpr int kSkippedMax = 3;
}  // namespace

Result<std::unique_ptr<runtime::Stage>> GrpoLearner::make(const runtime::StageContext& context) {
  std::unique_ptr<GrpoLearner> stage(new GrpoLearner(*context.engines));
  const graphs::RunPlan& run = context.plan->run;
  stage->model_name_ = context.option("model").as_string();
  stage->rate_ = context.option("learning_rate").as_real();
  stage->schedule_ = context.option("schedule").as_string();
  stage->warmup_ = static_cast<std::uint64_t>(context.option("warmup_steps").as_int());
  stage->prompts_per_step_ =
      static_cast<std::uint64_t>(context.option("prompts_per_step").as_int());
  stage->mask_truncated_ = context.option("truncated").as_string() == "mask";
  stage->steps_ = run.steps;
  stage->checkpoint_every_ = run.checkpoint_every;
  stage->step_ = stage->saved_step_ = context.start_version.step;
  stage->advantage_ = advantage_options(*context.stage);
  TROUPE_ASSIGN(model::TrainingConfig config, training_config(*context.stage));
  if (context.plan->gate) {
    const graphs::StagePlan& generator = context.plan->stages[context.plan->gate->stage];
    if (generator.has("max_new_tokens") && !context.stage->has("length_norm"))
      config.loss.length_norm = generator.option("max_new_tokens").as_real();
    if (generator.has("temperature")) {
      const double temperature = generator.option("temperature").as_real();
      if (temperature > 0) stage->temperature_ = temperature;
    }
  }
  config.incarnation = context.start_version.incarnation;
  config.resume_step = context.start_version.step;
  if (context.stage->has("reference")) {
    config.with_reference = config.loss.kl_coefficient != 0.0;
    stage->refresh_every_ =
        context.plan->model(context.option("reference").as_string()).refresh_steps;
  } else if (config.loss.kl_coefficient != 0.0) {
    return Error{ErrorCode::InvalidArgument, "kl_coefficient needs a reference model",
                 "Add `[model.reference] from = \"" + stage->model_name_ +
                     "\"` and `reference = \"reference\"` to the stage, or set kl_coefficient = 0"};
  }
  TROUPE_ASSIGN(stage->engine_, context.engines->training(stage->model_name_, config));
  return std::unique_ptr<runtime::Stage>(std::move(stage));
}

void GrpoLearner::on_start(Outbox& out) { publish(engine_->weights(), out); }

void GrpoLearner::publish(model::WeightsPtr weights, Outbox& out) {
  WeightsAnnouncement announcement{model_name_, weights->version(), weights->bytes()};
  engines_.publish(model_name_, std::move(weights));
  out.send(0, envelope_of(announcement));
}

GrpoLearner::Waiting GrpoLearner::read(const Payload& message) {
  auto group = decode_group(message);
  if (!group.ok()) throw std::runtime_error(group.error().message);
  Waiting waiting;
  waiting.records = group->samples;
  for (const Payload& payload : group->samples) {
    auto sample = decode_sample(payload);
    if (!sample.ok()) throw std::runtime_error(sample.error().message);
    waiting.samples.push_back(std::move(*sample));
  }
  return waiting;
}

void GrpoLearner::on_message(runtime::InPort, Envelope envelope, Outbox& out) {
  Waiting waiting = read(envelope.payload);
  const GroupId id = envelope.sample.prompt;
  waiting.envelope = std::move(envelope);
  waiting_.emplace(id, std::move(waiting));
  if (steps_ > 0 && step_ >= steps_) return leave_over(out);
  out.group_ready(id);
}

double GrpoLearner::learning_rate(std::uint32_t step) const {
  const double warm =
      warmup_ == 0 ? 1.0
                   : std::min(1.0, static_cast<double>(step + 1) / static_cast<double>(warmup_));
  if (schedule_ == "constant" || steps_ == 0) return rate_ * warm;
  const double done = std::min(1.0, static_cast<double>(step) / static_cast<double>(steps_));
  if (schedule_ == "linear") return rate_ * warm * (1.0 - done);
  return rate_ * warm * 0.5 * (1.0 + std::cos(std::numbers::pi * done));
}

void GrpoLearner::on_batch(std::uint32_t step, const std::vector<GroupId>& groups, Outbox& out) {
  TROUPE_ASSERT(step == step_ + 1, "a batch for a step that is not the next one");
  // The engine works in order: what is to be saved must be asked for before the next step.
  if (folder_due_) {
    deferred_ = groups;
    return;
  }
  training_.clear();
  std::vector<Payload> taken;
  for (const GroupId& id : groups) {
    const auto it = waiting_.find(id);
    TROUPE_ASSERT(it != waiting_.end(), "a step takes a group that is not here: " + to_string(id));
    taken.push_back(it->second.envelope.payload);
    training_.push_back(std::move(it->second));
    waiting_.erase(it);
  }
  out.batch_taken(step, std::move(taken));
  begin_step(out);
}

void GrpoLearner::on_redo(std::uint32_t step, std::vector<Payload> groups, bool more, Outbox& out) {
  TROUPE_ASSERT(step == step_ + 1, "a redo of a step that is not the next one");
  training_.clear();
  for (const Payload& group : groups) training_.push_back(read(group));
  redo_follows_ = more;
  begin_step(out);
}

void GrpoLearner::begin_step(Outbox& out) {
  step_began_ = out.clock().now();
  model::TrainingBatch batch = make_batch();
  step_ticket_ = out.start();
  engine_->step(std::move(batch),
                [done = out.completion(step_ticket_)](Result<model::StepReport> report) {
                  if (report.ok())
                    done(std::any(std::move(*report)));
                  else
                    done(report.error());
                });
}

model::TrainingBatch GrpoLearner::make_batch() {
  std::vector<model::GroupRewards> rewards;
  for (const Waiting& waiting : training_) {
    model::GroupRewards& group = rewards.emplace_back();
    for (const Sample& sample : waiting.samples) group.push_back(sample.reward);
  }
  const auto advantages = model::batch_advantages(rewards, advantage_);

  model::TrainingBatch batch;
  batch.learning_rate = learning_rate(step_);
  batch.temperature = temperature_;
  double reward_sum = 0, length_sum = 0, truncated = 0, staleness_sum = 0;
  double length_max = 0, staleness_max = 0, reward_square = 0, samples = 0;
  std::map<std::string, std::pair<double, double>> parts;
  for (std::size_t g = 0; g < training_.size(); ++g) {
    model::TrainingGroup& group = batch.groups.emplace_back();
    group.prompt = training_[g].samples.front().prompt_tokens;
    for (std::size_t i = 0; i < training_[g].samples.size(); ++i) {
      const Sample& sample = training_[g].samples[i];
      model::TrainingSample& to = group.samples.emplace_back();
      to.tokens = sample.tokens;
      to.rollout_logprobs = sample.logprobs;
      to.advantage = advantages[g][i];
      const std::uint32_t oldest =
          sample.versions.empty() ? step_ : sample.versions.front().version.step;
      TROUPE_ASSERT(oldest <= step_, "a sample is newer than its learner");
      to.on_policy = oldest == step_;
      to.masked = mask_truncated_ && sample.finish != Finish::Stop;
      const double staleness = step_ - oldest;
      staleness_sum += staleness;
      staleness_max = std::max(staleness_max, staleness);
      reward_sum += *sample.reward;
      reward_square += *sample.reward * *sample.reward;
      length_sum += static_cast<double>(sample.tokens.size());
      length_max = std::max(length_max, static_cast<double>(sample.tokens.size()));
      truncated += sample.finish == Finish::Length;
      samples += 1;
      for (const RewardPart& part : sample.reward_parts) {
        parts[part.component].first += part.score;
        parts[part.component].second += 1;
      }
    }
  }
  batch_metrics_.clear();
  batch_metrics_["reward/mean"] = reward_sum / samples;
  batch_metrics_["reward/std"] =
      std::sqrt(std::max(0.0, reward_square / samples - std::pow(reward_sum / samples, 2)));
  for (const auto& [name, sum] : parts) batch_metrics_["reward/" + name] = sum.first / sum.second;
  batch_metrics_["reward/frac_groups_equal"] = model::frac_reward_zero_std(rewards);
  batch_metrics_["completion/length_mean"] = length_sum / samples;
  batch_metrics_["completion/length_max"] = length_max;
  batch_metrics_["completion/truncated"] = truncated / samples;
  batch_metrics_["staleness/mean"] = staleness_sum / samples;
  batch_metrics_["staleness/max"] = staleness_max;
  batch_metrics_["learner/learning_rate"] = batch.learning_rate;
  batch_metrics_["learner/samples"] = samples;
  return batch;
}

void GrpoLearner::on_done(runtime::Ticket ticket, runtime::EngineResult result, Outbox& out) {
  if (ticket == save_ticket_) {
    saved_step_ = saving_step_;
    return out.saved(saving_step_, result.ok() ? Result<void>() : result.error());
  }
  if (!result.ok()) throw std::runtime_error(result.error().text());
  if (ticket != step_ticket_) return;
  finish_step(std::any_cast<model::StepReport>(std::move(*result)), out);
}

void GrpoLearner::finish_step(model::StepReport report, Outbox& out) {
  Metrics metrics = std::move(batch_metrics_);
  metrics["learner/loss"] = report.loss;
  metrics["learner/grad_norm"] = report.grad_norm;
  metrics["learner/entropy"] = report.entropy;
  metrics["learner/kl"] = report.kl;
  metrics["learner/clip_fraction_low"] = report.policy.clip_fraction_low;
  metrics["learner/clip_fraction_high"] = report.policy.clip_fraction_high;
  metrics["learner/dual_clip_fraction"] = report.policy.dual_clip_fraction;
  metrics["learner/ppo_kl"] = report.policy.ppo_kl;
  metrics["learner/mean_ratio"] = report.policy.mean_ratio;
  metrics["learner/tokens"] = static_cast<double>(report.tokens);
  metrics["learner/skipped"] = report.skipped ? 1.0 : 0.0;
  metrics["logprob_gap/mean"] = report.logprob_gap;
  metrics["logprob_gap/max"] = report.logprob_gap_max;
  metrics["policy_drift/mean"] = report.policy_drift;
  metrics["time/learner_s"] =
      std::chrono::duration<double>(out.clock().now() - step_began_).count();
  if (last_step_done_ != TimePoint{})
    metrics["time/step_s"] =
        std::chrono::duration<double>(out.clock().now() - last_step_done_).count();
  last_step_done_ = out.clock().now();
  metrics["time/forward_s"] = report.forward_seconds;
  metrics["time/backward_s"] = report.backward_seconds;
  metrics["time/optimizer_s"] = report.optimizer_seconds;
  step_ = report.version.step;

  std::vector<runtime::EndedSample> ended;
  for (const Waiting& group : training_) {
    for (std::size_t i = 0; i < group.samples.size(); ++i)
      ended.push_back({group.samples[i].id, End::Trained, "", group.records[i]});
  }
  training_.clear();
  skipped_in_a_row_ = report.skipped ? skipped_in_a_row_ + 1 : 0;
  publish(std::move(report.weights), out);
  out.step_taken(report.version, std::move(ended), std::move(metrics));
  if (skipped_in_a_row_ >= kSkippedMax)
    throw std::runtime_error(
        "loss or gradient was not finite in " + std::to_string(kSkippedMax) +
        " steps in a row. Lower the learning rate, or look at the rewards of the last steps");
  if (refresh_every_ > 0 && step_ % refresh_every_ == 0) {
    const auto ticket = out.start();
    engine_->refresh_reference([done = out.completion(ticket)](Result<void> refreshed) {
      done(refreshed.ok() ? runtime::EngineResult(std::any()) : refreshed.error());
    });
  }
  const bool last = steps_ > 0 && step_ >= steps_;
  const bool due = last || (checkpoint_every_ > 0 && step_ % checkpoint_every_ == 0);
  if (due && !std::exchange(redo_follows_, false)) save(out);
  if (last || ended_) leave_over(out);
}

void GrpoLearner::save(Outbox& out) {
  if (saving_step_ == step_) return;
  saving_step_ = step_;
  folder_due_ = true;
  // The ticket is open until the checkpoint is written, so the stage does not end before.
  save_ticket_ = out.start();
  out.want_checkpoint(step_);
}

void GrpoLearner::on_save(std::uint32_t, const std::filesystem::path& folder, Outbox& out) {
  engine_->save(folder, [done = out.completion(save_ticket_)](Result<void> written) {
    done(written.ok() ? runtime::EngineResult(std::any()) : written.error());
  });
  folder_due_ = false;
  if (auto groups = std::exchange(deferred_, std::nullopt)) on_batch(step_ + 1, *groups, out);
}

void GrpoLearner::on_end(Outbox& out) {
  ended_ = true;
  if (training_.empty() && !deferred_) leave_over(out);
}

void GrpoLearner::leave_over(Outbox& out) {
  const bool last = steps_ > 0 && step_ >= steps_;
  // A whole batch that waits will still be taken.
  if (!last && waiting_.size() >= prompts_per_step_) return;
  for (auto& [id, group] : waiting_) {
    std::vector<runtime::EndedSample> ended;
    for (std::size_t i = 0; i < group.samples.size(); ++i)
      ended.push_back({group.samples[i].id, End::LeftOver,
                       "the run ended before a whole batch was there", group.records[i]});
    out.end_group(group.envelope, std::move(ended));
  }
  waiting_.clear();
  if (ended_ && step_ > saved_step_) save(out);
}

}  // namespace troupe::stages
