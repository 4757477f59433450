#pragma once
// WeightedScorer: reward = sum of weight * score over verdicts, every component kept by name. A
// component that has no score (unscorable, timeout, infra_error) takes the reward away: the sample
// ends as unscorable or failed, never with a zero. Components named in `optional` may be missing.
#include <map>
#include <set>

#include "actors/runtime/stage.hpp"

namespace troupe::stages {

class WeightedScorer final : public runtime::Stage {
 public:
  /// Options read: weights, optional.
  explicit WeightedScorer(const runtime::StageContext& context);
  void on_message(runtime::InPort port, Envelope envelope, runtime::Outbox& out) override;

 private:
  std::vector<std::pair<std::string, double>> weights_;
  std::set<std::string> optional_;
};

}  // namespace troupe::stages
