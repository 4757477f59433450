#include "actors/hosts/simulated/simulated_host.hpp"

#include <algorithm>

#include "schemas/base/assert.hpp"

namespace troupe::hosts {

SimulatedHost::SimulatedHost(const Options& options) : options_(options), rng_(options.seed, 77) {}

void SimulatedHost::push(TimePoint at, std::function<void()> action) {
  heap_.push_back(Item{at, next_number_++, std::move(action)});
  std::push_heap(heap_.begin(), heap_.end(), Later{});
}

void SimulatedHost::deliver(runtime::Address to, runtime::Event& event) {
  const auto it = actors_.find(to);
  TROUPE_ASSERT(it != actors_.end(), "an event was sent to nobody");
  it->second->handle(std::move(event));
}

void SimulatedHost::post(runtime::Address from, runtime::Address to, runtime::Event event) {
  const auto latency =
      Duration(rng_.below(static_cast<std::uint64_t>(options_.latency_max.count()) + 1));
  TimePoint& last = last_[{from, to}];
  last = std::max(last, clock_.now() + latency);
  push(last, [this, to, held = std::make_shared<runtime::Event>(std::move(event))] {
    deliver(to, *held);
  });
}

void SimulatedHost::post_after(Duration delay, runtime::Address to, runtime::Event event) {
  push(clock_.now() + delay, [this, to, held = std::make_shared<runtime::Event>(std::move(event))] {
    deliver(to, *held);
  });
}

void SimulatedHost::after(Duration delay, std::function<void()> action) {
  push(clock_.now() + delay, std::move(action));
}

bool SimulatedHost::step() {
  if (heap_.empty()) return false;
  std::pop_heap(heap_.begin(), heap_.end(), Later{});
  Item item = std::move(heap_.back());
  heap_.pop_back();
  TROUPE_ASSERT(item.at >= clock_.now_, "virtual time ran backwards");
  clock_.now_ = item.at;
  ++handled_;
  item.action();
  return true;
}

bool SimulatedHost::run_until(const std::function<bool()>& done, std::uint64_t events_max) {
  for (std::uint64_t i = 0; i < events_max && !done(); ++i) {
    if (!step()) break;
  }
  return done();
}

}  // namespace troupe::hosts
