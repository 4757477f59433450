#pragma once
// GroupFilter: drops groups that teach nothing (all rewards equal) or whose mean reward is outside
// [mean_min, mean_max]. A dropped group frees its place at the gate, so another prompt is admitted:
// dynamic sampling (DAPO 2503.14476, section 3.2).
#include <optional>

#include "actors/runtime/stage.hpp"

namespace troupe::stages {

class GroupFilter final : public runtime::Stage {
 public:
  /// Options read: drop_equal, mean_min, mean_max.
  explicit GroupFilter(const runtime::StageContext& context);
  void on_message(runtime::InPort port, Envelope envelope, runtime::Outbox& out) override;

 private:
  bool drop_equal_;
  std::optional<double> mean_min_, mean_max_;
};

}  // namespace troupe::stages
