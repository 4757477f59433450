#pragma once
// WeightedScorer: reward = sum of weight * score over verdicts, every component kept by name. A
// component that has no score (unscorable, timeout, infra_error) takes the reward away: the sample
// ends as unscorable or failed, never with a zero. Components named in `optional` may be missing.
// A component that samples of this task do not come by, because a route leads them elsewhere, is
// absent from the sum: neither a zero nor a failure.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "actors/runtime/stage.hpp"

namespace troupe::stages {

class WeightedScorer final : public runtime::Stage {
 public:
  /// Options read: weights, optional.
  explicit WeightedScorer(const runtime::StageContext& context);
  void on_message(runtime::InPort port, Envelope envelope, runtime::Outbox& out) override;

 private:
  /// Whether each component of `weights_` judges samples of this task.
  const std::vector<bool>& judged(const std::string& task);

  const graphs::Plan& plan_;
  std::uint32_t self_;
  std::vector<std::pair<std::string, double>> weights_;
  std::map<std::string, std::vector<bool>, std::less<>> judged_;  // by task, as they come
  std::set<std::string> optional_;
};

}  // namespace troupe::stages
