#pragma once
// RestartPolicy: one for one, with an intensity limit and exponential backoff. A stage that failed
// more than `restarts_max` times within `window` is not restarted again. Plain; not thread-safe.
#include <deque>
#include <optional>

#include "schemas/base/clock.hpp"

namespace troupe::runtime {

class RestartPolicy {
 public:
  struct Rules {
    std::size_t restarts_max = 3;
    Duration window = std::chrono::minutes(5);
    Duration backoff = std::chrono::milliseconds(100);  // doubles with every restart in the window
  };
  explicit RestartPolicy(const Rules& rules) : rules_(rules) {}

  /// How long to wait before the restart; nullopt: give up.
  std::optional<Duration> failed(TimePoint now) {
    while (!failures_.empty() && now - failures_.front() > rules_.window) failures_.pop_front();
    failures_.push_back(now);
    if (failures_.size() > rules_.restarts_max) return std::nullopt;
    return rules_.backoff * (std::int64_t{1} << (failures_.size() - 1));
  }

 private:
  Rules rules_;
  std::deque<TimePoint> failures_;
};

}  // namespace troupe::runtime
