#pragma once
// LearningSummary: what the last lines of a run tell a person: rewards and accuracies before and
// after, collected from the metrics as they are written. Plain; one thread at a time.
#include <map>
#include <string>
#include <vector>

#include "actors/runtime/event.hpp"

namespace troupe::cli {

class LearningSummary {
 public:
  /// `stage` is empty for the learner's own step.
  void add(const std::string& stage, std::uint32_t step, const runtime::Metrics& metrics);
  /// Lines such as "eval: accuracy 26.0 % at step 0 -> 81.0 % at step 60 (+55.0 points)".
  std::vector<std::string> lines() const;

 private:
  struct Point {
    std::uint32_t step;
    double value;
    double questions;
  };
  std::map<std::string, std::vector<Point>> accuracy_;  // by evaluator
  std::vector<Point> reward_;
};

}  // namespace troupe::cli
