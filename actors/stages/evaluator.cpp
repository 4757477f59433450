#include "actors/stages/evaluator.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::stages {

using runtime::Outbox;

Result<std::unique_ptr<runtime::Stage>> Evaluator::make(const runtime::StageContext& context,
                                                        std::shared_ptr<const Dataset> questions,
                                                        std::vector<Judge> judges) {
  std::unique_ptr<Evaluator> stage(new Evaluator(*context.engines));
  stage->name_ = context.stage->name;
  stage->model_name_ = context.option("model").as_string();
  stage->questions_ = std::move(questions);
  stage->judges_ = std::move(judges);
  const auto limit = static_cast<std::uint64_t>(context.option("limit").as_int());
  stage->rows_ = stage->questions_->size();
  if (limit > 0) stage->rows_ = std::min(stage->rows_, limit);
  stage->steps_ = context.plan->run.steps;
  stage->every_ = static_cast<std::uint64_t>(context.option("every").as_int());
  stage->before_ = context.option("before").as_bool();
  stage->after_ = context.option("after").as_bool();
  for (const graphs::EdgePlan& edge : context.plan->edges)
    stage->has_weights_edge_ |= edge.to.stage == context.stage->index;
  stage->seed_ = derive_seed(context.seed(), context.stage->index);
  stage->sampling_.temperature = context.option("temperature").as_real();
  stage->sampling_.max_new_tokens =
      static_cast<std::int32_t>(context.option("max_new_tokens").as_int());
  TROUPE_ASSIGN(stage->prompting_.tokenizer, context.engines->tokenizer(stage->model_name_));
  model::GenerationConfig config;
  config.max_sequences = static_cast<std::uint32_t>(context.option("max_sequences").as_int());
  TROUPE_ASSIGN(stage->engine_, context.engines->generation(stage->model_name_, config));
  return std::unique_ptr<runtime::Stage>(std::move(stage));
}

void Evaluator::on_latest(runtime::InPort, Envelope envelope, Outbox& out) {
  auto weights = engines_.weights(model_name_, envelope.version);
  if (!weights) return;  // superseded already; a newer announcement is on its way
  const std::uint32_t step = weights->version().step;
  newest_ = weights;
  // A resumed run goes on in the middle: it has been evaluated before.
  const bool first = !std::exchange(first_seen_, true) && before_ && step == 0;
  const bool due = first || (every_ > 0 && step > 0 && step % every_ == 0);
  if (!due || draining_ || evaluated_ == step) return;
  evaluated_ = step;
  due_.push_back(std::move(weights));
  begin_next(out);
}

void Evaluator::on_start(Outbox& out) {
  if (has_weights_edge_) return;
  due_.push_back(engines_.weights(model_name_, Version{}));
  begin_next(out);
}

void Evaluator::on_drain(Outbox&) { draining_ = true; }

void Evaluator::on_end(Outbox& out) {
  // The drain that ends a run whose steps are done is not a stop by a person: the last version is
  // evaluated then, and not when the run was cut short.
  const bool complete = steps_ == 0 || (newest_ && newest_->version().step >= steps_);
  if (after_ && complete && newest_ && evaluated_ != newest_->version().step) {
    evaluated_ = newest_->version().step;
    due_.push_back(newest_);
  }
  begin_next(out);
}

void Evaluator::begin_next(Outbox& out) {
  if (current_ || due_.empty()) return;
  current_ = std::move(due_.front());
  due_.pop_front();
  sums_.assign(judges_.size(), {});
  finished_ = tokens_ = answered_ = failed_ = 0;
  began_ = out.clock().now();
  engine_->set_weights(current_);
  for (std::uint64_t row = 0; row < rows_; ++row) {
    const auto ticket = out.start();
    rows_open_.emplace(ticket, row);
    const auto prompt = questions_->prompt(row, 0);
    const auto done = out.completion(ticket);
    if (!prompt.ok()) {
      done(prompt.error());
      continue;
    }
    auto request = prompting_.request(*prompt);
    if (!request.ok()) {
      done(request.error());
      continue;
    }
    request->seeds = {derive_seed(seed_, row)};
    request->sampling = sampling_;
    engine_->submit(std::move(*request), [done](Result<model::GeneratedSample> made) {
      if (made.ok())
        done(std::any(std::move(*made)));
      else
        done(made.error());
    });
  }
}

void Evaluator::on_done(runtime::Ticket ticket, runtime::EngineResult result, Outbox& out) {
  const auto it = rows_open_.find(ticket);
  if (it == rows_open_.end()) return;
  const auto prompt = questions_->prompt(it->second, 0);
  rows_open_.erase(it);
  if (result.ok() && prompt.ok())
    judge(*prompt, std::any_cast<model::GeneratedSample>(std::move(*result)));
  else
    ++failed_;
  if (rows_open_.empty()) conclude(out);
}

void Evaluator::judge(const Prompt& prompt, model::GeneratedSample made) {
  Sample sample;
  sample.id.prompt = prompt.id;
  sample.prompt = prompt;
  sample.text = prompting_.finish(prompt, made);
  sample.tokens = std::move(made.tokens);
  sample.finish = finish_of(made.finish);
  ++answered_;
  tokens_ += sample.tokens.size();
  finished_ += sample.finish == Finish::Stop;
  for (std::size_t i = 0; i < judges_.size(); ++i) {
    // A verifier that throws has failed on this question: it is left out, not counted as wrong.
    try {
      const Verdict verdict = judges_[i].verifier->judge(SampleView(sample));
      if (verdict.outcome != Outcome::Scored || !std::isfinite(verdict.score)) continue;
      sums_[i].score += verdict.score;
      ++sums_[i].scored;
    } catch (const std::exception&) {
      continue;
    }
  }
}

void Evaluator::conclude(Outbox& out) {
  runtime::Metrics metrics;
  for (std::size_t i = 0; i < judges_.size(); ++i) {
    if (sums_[i].scored == 0) continue;
    const double mean = sums_[i].score / static_cast<double>(sums_[i].scored);
    metrics[name_ + "/" + judges_[i].name] = mean;
    if (i == 0) metrics[name_ + "/accuracy"] = mean;
    if (i == 0) metrics[name_ + "/questions"] = static_cast<double>(sums_[i].scored);
  }
  if (answered_ > 0) {
    metrics[name_ + "/finished"] = static_cast<double>(finished_) / static_cast<double>(answered_);
    metrics[name_ + "/length_mean"] = static_cast<double>(tokens_) / static_cast<double>(answered_);
  }
  metrics[name_ + "/failed"] = static_cast<double>(failed_);
  metrics[name_ + "/seconds"] = std::chrono::duration<double>(out.clock().now() - began_).count();
  out.measure(current_->version().step, std::move(metrics));
  current_ = nullptr;
  begin_next(out);
}

}  // namespace troupe::stages
