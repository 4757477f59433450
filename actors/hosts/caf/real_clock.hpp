#pragma once
// RealClock: the clock of this machine. Any thread; cannot fail.
#include "schemas/base/clock.hpp"

namespace troupe::hosts {

class RealClock final : public Clock {
 public:
  TimePoint now() const override { return std::chrono::steady_clock::now().time_since_epoch(); }
  double wall_seconds() const override {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
};

}  // namespace troupe::hosts
