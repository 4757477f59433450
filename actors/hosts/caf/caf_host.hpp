#pragma once
// CafHost: runs a graph on threads, on the C++ Actor Framework. Every actor of the run becomes one
// CAF actor with an inbox of its own; a CAF message only says that there is something in it, so
// many events cost one. This file and its source are the only ones that know CAF. Engines may post
// from any thread until stop() returns; after that events are dropped, so that stages and their
// engines can be destroyed in peace.
#include <memory>

#include "actors/hosts/caf/real_clock.hpp"
#include "actors/runtime/event.hpp"

namespace troupe::hosts {

class CafHost final : public runtime::Host {
 public:
  /// `threads`: of the scheduler; engines have their own.
  explicit CafHost(unsigned threads);
  ~CafHost() override;

  /// Before the first event is posted. `actor` must live until stop() has returned.
  void adopt(runtime::Address address, runtime::Actor& actor);

  Clock& clock() override { return clock_; }
  void post(runtime::Address from, runtime::Address to, runtime::Event event) override;
  void post_after(Duration delay, runtime::Address to, runtime::Event event) override;
  bool is_handling(runtime::Address address) const override;

  /// Ends all actors, waiting for events that are being handled. Not from an actor.
  void stop();

 private:
  struct System;
  RealClock clock_;
  std::unique_ptr<System> system_;
};

}  // namespace troupe::hosts
