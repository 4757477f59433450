#pragma once
// SimulatedHost: runs a graph single-threaded in virtual time. One queue of events, ordered by
// time; every event takes a random time on its way, but events of one sender to one receiver keep
// their order, as every host promises. Events that reach an actor one after another are sometimes
// handled at once, as by a host that was busy. The same seed gives the same run. Whoever needs
// virtual time (a simulated engine) uses `after`. Not thread-safe: there is one thread.
#include <functional>
#include <map>
#include <queue>
#include <unordered_map>
#include <vector>

#include "actors/runtime/event.hpp"
#include "schemas/base/rng.hpp"

namespace troupe::hosts {

class SimulatedHost final : public runtime::Host {
 public:
  struct Options {
    std::uint64_t seed = 1;
    Duration latency_max = std::chrono::microseconds(200);  // of an event, uniform from 0
  };
  explicit SimulatedHost(const Options& options);

  void adopt(runtime::Address address, runtime::Actor& actor) { actors_[address] = &actor; }

  Clock& clock() override { return clock_; }
  void post(runtime::Address from, runtime::Address to, runtime::Event event) override;
  void post_after(Duration delay, runtime::Address to, runtime::Event event) override;
  /// Runs `action` after a virtual time.
  void after(Duration delay, std::function<void()> action);

  /// Handles the next event, or the next few of one actor; false: nothing is left.
  bool step();
  /// Steps until `done()`, nothing is left, or `events_max` were handled. Returns whether done().
  bool run_until(const std::function<bool()>& done, std::uint64_t events_max);
  std::uint64_t handled() const { return handled_; }
  Rng& rng() { return rng_; }

 private:
  class VirtualClock final : public Clock {
   public:
    TimePoint now() const override { return now_; }
    double wall_seconds() const override { return std::chrono::duration<double>(now_).count(); }
    TimePoint now_{};
  };
  struct Item {
    TimePoint at;
    std::uint64_t number;  // ties go to the one that was posted first
    std::function<void()> action;
    // Without an action: an event for an actor.
    runtime::Address to = 0;
    std::shared_ptr<runtime::Event> event;
  };
  struct Later {
    bool operator()(const Item& a, const Item& b) const {
      return a.at != b.at ? a.at > b.at : a.number > b.number;
    }
  };
  void push(Item item);
  Item pop();
  void deliver(Item first);

  Options options_;
  Rng rng_;
  VirtualClock clock_;
  std::vector<Item> heap_;
  std::uint64_t next_number_ = 0, handled_ = 0;
  std::unordered_map<runtime::Address, runtime::Actor*> actors_;
  std::map<std::pair<runtime::Address, runtime::Address>, TimePoint> last_;  // keeps pair order
};

}  // namespace troupe::hosts
