#pragma once
// JudgeStage (verifier.judge): asks a model whether a response is right. The question goes over a
// call to a stage that generates texts; its answer is read by words. No answer in time, an error of
// the service and an answer without a verdict are failures of the verifier: asked again `retries`
// times, then the verdict is timeout or infra_error and the sample has no reward. The seed of every
// question derives from the sample, so a resumed run asks the same and is answered the same.
#include <memory>
#include <string>
#include <unordered_map>

#include "actors/runtime/stage.hpp"
#include "actors/stages/verifier/judgement.hpp"

namespace troupe::stages {

class JudgeStage final : public runtime::Stage {
 public:
  /// Options read: workers, retries, prompt, template, system, correct, incorrect, max_new_tokens,
  /// temperature, response_max. A prompt without {response} is an error.
  static Result<std::unique_ptr<runtime::Stage>> make(const runtime::StageContext& context);

  bool ready(runtime::InPort) const override { return jobs_.size() < workers_max_; }
  void on_message(runtime::InPort port, Envelope envelope, runtime::Outbox& out) override;
  void on_answer(runtime::CallId call, runtime::CallResult result, runtime::Outbox& out) override;

 private:
  struct Job {
    Envelope envelope;
    Sample sample;
    std::uint16_t attempts = 0;
    bool unclear = false;  // answered before, without a verdict
  };
  JudgeStage() = default;
  void ask(Job job, runtime::Outbox& out);
  void conclude(Job job, Verdict verdict, runtime::Outbox& out);

  std::string name_, prompt_;
  TextRequest request_;  // but for the question and the seed
  JudgementWords words_;
  bool needs_answer_ = false;
  std::uint64_t seed_ = 0;
  std::size_t workers_max_ = 1, response_max_ = 0;
  std::uint16_t retries_ = 0;
  std::unordered_map<runtime::CallId, Job> jobs_;
};

}  // namespace troupe::stages
