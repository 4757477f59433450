#pragma once
// Verifier: judges one sample. A pure function: no state between samples, no clock, no disk; called
// on several threads at once. What it throws is a failure of the verifier (infra_error), retried
// and never taken for a wrong answer. VerifierStage (verifier_stage.hpp) runs it, with timeout and
// retries.
#include <string>
#include <string_view>

#include "schemas/messages.hpp"

namespace troupe::stages {

/// What a verifier may look at.
class SampleView {
 public:
  explicit SampleView(const Sample& sample) : sample_(sample) {}
  /// The completion, without special tokens.
  std::string_view text() const { return sample_.text; }
  std::string_view question() const { return sample_.prompt.question; }
  /// The gold answer; empty: the dataset has none.
  std::string_view answer() const { return sample_.prompt.answer; }
  std::string_view task() const { return sample_.prompt.task; }
  /// The model ended the completion itself, within the limit.
  bool finished() const { return sample_.finish == Finish::Stop; }
  std::size_t tokens() const { return sample_.tokens.size(); }

 private:
  const Sample& sample_;
};

class Verifier {
 public:
  virtual ~Verifier() = default;
  virtual Verdict judge(const SampleView& sample) const = 0;
};

/// The sample has this score; 0 for a wrong or missing answer.
inline Verdict scored(double score, std::string detail = {}) {
  return Verdict{"", Outcome::Scored, score, std::move(detail), 1};
}
/// No score exists, because the gold answer cannot be used.
inline Verdict unscorable(std::string detail) {
  return Verdict{"", Outcome::Unscorable, 0.0, std::move(detail), 1};
}
/// The verifier itself failed: tried again, then counted, never a zero.
inline Verdict infra_error(std::string detail) {
  return Verdict{"", Outcome::InfraError, 0.0, std::move(detail), 1};
}

}  // namespace troupe::stages
