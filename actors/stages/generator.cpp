#include "actors/stages/generator.hpp"

namespace troupe::stages {

using runtime::Outbox;

Result<std::unique_ptr<runtime::Stage>> Generator::make(const runtime::StageContext& context) {
  std::unique_ptr<Generator> stage(new Generator(*context.engines));
  stage->model_name_ = context.option("model").as_string();
  stage->name_ = context.stage->name;
  stage->seed_ = context.seed();
  stage->exact_ = context.plan->run.exact;
  stage->group_size_ = static_cast<std::uint32_t>(context.option("group_size").as_int());
  stage->sampling_.temperature = context.option("temperature").as_real();
  stage->sampling_.top_p = context.option("top_p").as_real();
  stage->sampling_.top_k = static_cast<std::int32_t>(context.option("top_k").as_int());
  stage->sampling_.max_new_tokens =
      static_cast<std::int32_t>(context.option("max_new_tokens").as_int());
  stage->prompting_.stop_strings = context.option("stop").as_strings();
  const auto sequences = static_cast<std::uint32_t>(context.option("max_sequences").as_int());
  // One prompt more than fits, so that a finished group's place is taken between two tokens.
  stage->prompts_max_ = sequences / stage->group_size_ + 1;
  for (const graphs::EdgePlan& edge : context.plan->edges)
    stage->has_weights_edge_ |=
        edge.to.stage == context.stage->index && edge.delivery == graphs::Delivery::Latest;
  TROUPE_ASSIGN(stage->prompting_.tokenizer, context.engines->tokenizer(stage->model_name_));
  model::GenerationConfig config;
  config.max_sequences = sequences;
  TROUPE_ASSIGN(stage->engine_, context.engines->generation(stage->model_name_, config));
  return std::unique_ptr<runtime::Stage>(std::move(stage));
}

void Generator::on_start(Outbox& out) {
  began_ = out.clock().now();
  if (has_weights_edge_) return;  // the learner announces them
  engine_->set_weights(engines_.weights(model_name_, Version{}));
  has_weights_ = true;
}

void Generator::report(std::uint32_t step, Outbox& out) {
  const model::GenerationStats now = engine_->stats();
  const double busy = now.busy_seconds - reported_.busy_seconds;
  const auto tokens = static_cast<double>(now.generated_tokens - reported_.generated_tokens);
  const auto decodes = static_cast<double>(now.decode_steps - reported_.decode_steps);
  reported_ = now;
  if (tokens == 0 || busy <= 0) return;
  out.measure(step, {{name_ + "/busy_s", busy},
                     {name_ + "/tokens", tokens},
                     {name_ + "/tokens_per_s", tokens / busy},
                     {name_ + "/sequences_mean", decodes > 0 ? tokens / decodes : 0.0}});
}

void Generator::on_latest(runtime::InPort, Envelope envelope, Outbox& out) {
  report(envelope.version.step, out);
  if (exact_) return;  // taken from the shelf when a group of that version comes
  auto announcement = decode_weights(envelope.payload);
  if (!announcement.ok()) throw std::runtime_error(announcement.error().message);
  auto weights = engines_.weights(announcement->model, announcement->version);
  if (!weights)
    throw std::runtime_error("weights version " + to_string(announcement->version) +
                             " were announced and are not held");
  engine_->set_weights(std::move(weights));
  has_weights_ = true;
}

void Generator::on_message(runtime::InPort, Envelope envelope, Outbox& out) {
  auto prompt = decode_prompt(envelope.payload);
  if (!prompt.ok()) throw std::runtime_error(prompt.error().message);
  std::vector<SampleId> samples;
  for (std::uint32_t i = 0; i < group_size_; ++i)
    samples.push_back({prompt->id, static_cast<std::uint16_t>(i), 0});
  begin({std::move(envelope), std::move(*prompt), std::move(samples), false}, out);
}

void Generator::on_refill(const Envelope& input, const SampleId& sample, Outbox& out) {
  auto prompt = decode_prompt(input.payload);
  if (!prompt.ok()) throw std::runtime_error(prompt.error().message);
  Envelope envelope = input;
  envelope.type = MessageType::Sample;
  envelope.sample = sample;
  begin({std::move(envelope), std::move(*prompt), {sample}, true}, out);
}

void Generator::begin(Held work, Outbox& out) {
  held_.push_back(std::move(work));
  begin_held(out);
}

void Generator::begin_held(Outbox& out) {
  while (!held_.empty()) {
    const Version version = held_.front().input.version;
    if (exact_ && has_weights_edge_ && step_in_use_ != version.step) {
      if (!jobs_.empty()) return;
      auto weights = engines_.weights(model_name_, version);
      if (!weights || weights->version().step != version.step)
        throw std::runtime_error("weights version " + to_string(version) +
                                 " are needed for a group and are not held");
      engine_->set_weights(std::move(weights));
      step_in_use_ = version.step;
    }
    Held work = std::move(held_.front());
    held_.pop_front();
    submit(std::move(work.input), std::move(work.prompt), std::move(work.samples), work.refill,
           out);
  }
}

void Generator::submit(Envelope input, Prompt prompt, std::vector<SampleId> samples, bool refill,
                       Outbox& out) {
  auto request = prompting_.request(prompt);
  if (!request.ok()) {
    for (const SampleId& sample : samples) {
      Envelope dead = input;
      dead.type = MessageType::Sample;
      dead.sample = sample;
      out.end(dead, End::Failed, request.error().message, nullptr);
    }
    if (!refill) out.settle(input);
    return;
  }
  for (const SampleId& sample : samples) request->seeds.push_back(sample_seed(seed_, sample));
  request->sampling = sampling_;
  const auto ticket = out.start(static_cast<std::uint32_t>(samples.size()));
  Job job{std::move(input), std::move(prompt), request->prompt, std::move(samples), 0, refill};
  job.left = job.samples.size();
  jobs_.emplace(ticket, std::move(job));
  engine_->submit(std::move(*request),
                  [done = out.completion(ticket)](Result<model::GeneratedSample> made) {
                    if (made.ok())
                      done(std::any(std::move(*made)));
                    else
                      done(made.error());
                  });
}

void Generator::on_done(runtime::Ticket ticket, runtime::EngineResult result, Outbox& out) {
  if (texts_.done(ticket, result, prompting_, out)) return;
  const auto it = jobs_.find(ticket);
  if (it == jobs_.end()) return;
  Job& job = it->second;
  if (result.ok()) {
    emit(job, std::any_cast<model::GeneratedSample>(std::move(*result)), out);
    --job.left;
  } else {
    // A request fails as a whole: every sample of it that has not come is lost.
    for (const SampleId& sample : job.samples) {
      if (sample.sibling == 0xffff) continue;
      Envelope dead = job.input;
      dead.type = MessageType::Sample;
      dead.sample = sample;
      out.end(dead, End::Failed, result.error().message, nullptr);
    }
    out.abandon(ticket);
    job.left = 0;
  }
  if (job.left > 0) return;
  if (!job.refill) out.settle(job.input);
  jobs_.erase(it);
  begin_held(out);
}

void Generator::emit(Job& job, model::GeneratedSample made, Outbox& out) {
  if (!std::exchange(first_sample_seen_, true)) {
    const double seconds = std::chrono::duration<double>(out.clock().now() - began_).count();
    out.measure(job.input.version.step, {{name_ + "/first_sample_s", seconds}});
  }
  Sample sample;
  sample.id = job.samples.at(made.index);
  job.samples[made.index].sibling = 0xffff;  // has come
  sample.prompt = job.prompt;
  sample.prompt_tokens = job.tokens;
  sample.text = prompting_.finish(job.prompt, made);
  sample.tokens = std::move(made.tokens);
  sample.logprobs = std::move(made.logprobs);
  for (const auto& span : made.versions) sample.versions.push_back({span.first, span.version});
  sample.finish = finish_of(made.finish);
  out.send(0, envelope_of(sample, job.input.version));
}

}  // namespace troupe::stages
