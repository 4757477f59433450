#include "actors/stages/verifier/verifier_stage.hpp"

#include <algorithm>

namespace troupe::stages {

using runtime::EngineResult;
using runtime::Outbox;
using runtime::Ticket;

VerifierStage::VerifierStage(const runtime::StageContext& context,
                             std::shared_ptr<const Verifier> verifier)
    : name_(context.stage->name),
      verifier_(std::move(verifier)),
      workers_(*context.workers),
      workers_max_(static_cast<std::size_t>(context.option("workers").as_int())),
      timeout_(context.option("timeout").as_duration()),
      retries_(static_cast<std::uint16_t>(context.option("retries").as_int())) {}

void VerifierStage::on_message(runtime::InPort, Envelope envelope, Outbox& out) {
  auto sample = decode_sample(envelope.payload);
  if (!sample.ok()) return out.end(envelope, End::Failed, sample.error().message, envelope.payload);
  begin({std::move(envelope), std::make_shared<Sample>(std::move(*sample)), 0}, out);
}

void VerifierStage::begin(Job job, Outbox& out) {
  ++job.attempts;
  const Ticket ticket = out.start();
  std::shared_ptr<const Sample> shown = job.sample;
  starting_.push_back({[verifier = verifier_, sample = std::move(shown)]() -> EngineResult {
                         return std::any(verifier->judge(SampleView(*sample)));
                       },
                       out.completion(ticket)});
  deadlines_.emplace_back(out.clock().now() + timeout_, ticket);
  jobs_.emplace(ticket, std::move(job));
}

void VerifierStage::on_turn_end(Outbox& out) {
  if (!starting_.empty()) workers_.begin(starting_);
  watch_oldest(out);
}

void VerifierStage::watch_oldest(Outbox& out) {
  while (!deadlines_.empty() && !jobs_.contains(deadlines_.front().second)) deadlines_.pop_front();
  if (deadlines_.empty() || std::exchange(timer_set_, true)) return;
  out.set_timer(0, std::max(deadlines_.front().first - out.clock().now(), Duration(0)));
}

void VerifierStage::on_done(Ticket ticket, EngineResult result, Outbox& out) {
  const auto it = jobs_.find(ticket);
  if (it == jobs_.end()) return;
  Job job = std::move(it->second);
  jobs_.erase(it);
  Verdict verdict = result.ok() ? std::any_cast<Verdict>(std::move(*result))
                                : infra_error(result.error().message);
  const bool failed = verdict.outcome == Outcome::InfraError || verdict.outcome == Outcome::Timeout;
  if (failed && job.attempts <= retries_) return begin(std::move(job), out);
  conclude(std::move(job), std::move(verdict), out);
}

void VerifierStage::on_timer(runtime::TimerId, Outbox& out) {
  timer_set_ = false;
  const TimePoint now = out.clock().now();
  while (!deadlines_.empty() && deadlines_.front().first <= now) {
    const auto it = jobs_.find(deadlines_.front().second);
    deadlines_.pop_front();
    if (it == jobs_.end()) continue;  // answered in time
    Job job = std::move(it->second);
    out.abandon(it->first);
    jobs_.erase(it);
    give_up(std::move(job), out);
  }
}

void VerifierStage::give_up(Job job, Outbox& out) {
  if (job.attempts <= retries_) return begin(std::move(job), out);
  const double seconds = std::chrono::duration<double>(timeout_).count();
  Verdict verdict;
  verdict.outcome = Outcome::Timeout;
  verdict.detail = "no verdict within " + std::to_string(seconds) + " s";
  conclude(std::move(job), std::move(verdict), out);
}

void VerifierStage::conclude(Job job, Verdict verdict, Outbox& out) {
  verdict.component = name_;
  verdict.attempts = job.attempts;
  // A worker that was given up on may still be looking at it; one that answered has let it go.
  Sample sample = job.sample.use_count() == 1 ? std::move(*job.sample) : *job.sample;
  sample.verdicts.push_back(std::move(verdict));
  Envelope envelope = std::move(job.envelope);
  envelope.payload = encode(sample);
  out.send(0, std::move(envelope));
}

}  // namespace troupe::stages
