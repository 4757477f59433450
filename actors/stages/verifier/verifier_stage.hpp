#pragma once
// VerifierStage: runs a Verifier on the workers. At most `workers` samples are judged at once, each
// for at most `timeout`; a timeout or a failure is tried again `retries` times and then becomes the
// verdict (outcome timeout or infra_error), which the scorer turns into "no reward". The sample
// goes on with the verdict added under the stage's name.
#include <deque>
#include <memory>
#include <unordered_map>

#include "actors/runtime/stage.hpp"
#include "actors/runtime/workers.hpp"
#include "actors/stages/verifier/verifier.hpp"

namespace troupe::stages {

class VerifierStage final : public runtime::Stage {
 public:
  /// Options read: workers, timeout, retries.
  VerifierStage(const runtime::StageContext& context, std::shared_ptr<const Verifier> verifier);

  bool ready(runtime::InPort) const override { return jobs_.size() < workers_max_; }
  void on_message(runtime::InPort port, Envelope envelope, runtime::Outbox& out) override;
  void on_done(runtime::Ticket ticket, runtime::EngineResult result, runtime::Outbox& out) override;
  void on_timer(runtime::TimerId timer, runtime::Outbox& out) override;
  void on_turn_end(runtime::Outbox& out) override;

 private:
  struct Job {
    Envelope envelope;
    std::shared_ptr<Sample> sample;  // also the workers', who only look at it
    std::uint16_t attempts = 0;
  };
  void begin(Job job, runtime::Outbox& out);
  void give_up(Job job, runtime::Outbox& out);
  void watch_oldest(runtime::Outbox& out);
  void conclude(Job job, Verdict verdict, runtime::Outbox& out);

  std::string name_;
  std::shared_ptr<const Verifier> verifier_;
  runtime::Workers& workers_;
  std::size_t workers_max_;
  Duration timeout_;
  std::uint16_t retries_;
  std::unordered_map<runtime::Ticket, Job> jobs_;
  std::vector<runtime::Workers::Work> starting_;  // given to the workers at the end of the turn
  // All jobs have the same timeout, so one timer, for the oldest one, is enough.
  std::deque<std::pair<TimePoint, runtime::Ticket>> deadlines_;
  bool timer_set_ = false;
};

}  // namespace troupe::stages
