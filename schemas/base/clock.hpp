#pragma once
// Clock: the only source of time outside hosts. The real one reads CLOCK_MONOTONIC, the simulated
// one an event queue; code that takes a Clock& cannot tell which.
#include <chrono>

namespace troupe {

using Duration = std::chrono::nanoseconds;
/// Time since an arbitrary start; only differences mean something.
using TimePoint = std::chrono::nanoseconds;

class Clock {
 public:
  virtual ~Clock() = default;
  /// Never goes backwards. Any thread.
  virtual TimePoint now() const = 0;
  /// Seconds since 1970, for people to read in logs; never used for decisions.
  virtual double wall_seconds() const = 0;
};

}  // namespace troupe
