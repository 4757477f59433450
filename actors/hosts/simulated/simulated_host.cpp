#include "actors/hosts/simulated/simulated_host.hpp"

#include <algorithm>

#include "schemas/base/assert.hpp"

namespace troupe::hosts {

SimulatedHost::SimulatedHost(const Options& options) : options_(options), rng_(options.seed, 77) {}

void SimulatedHost::push(Item item) {
  item.number = next_number_++;
  heap_.push_back(std::move(item));
  std::push_heap(heap_.begin(), heap_.end(), Later{});
}

SimulatedHost::Item SimulatedHost::pop() {
  std::pop_heap(heap_.begin(), heap_.end(), Later{});
  Item item = std::move(heap_.back());
  heap_.pop_back();
  TROUPE_ASSERT(item.at >= clock_.now_, "virtual time ran backwards");
  clock_.now_ = item.at;
  ++handled_;
  return item;
}

void SimulatedHost::deliver(Item first) {
  const auto it = actors_.find(first.to);
  TROUPE_ASSERT(it != actors_.end(), "an event was sent to nobody");
  std::vector<runtime::Event> events;
  events.push_back(std::move(*first.event));
  // No longer than an event may take on its way: time that nobody spends must not pass.
  const TimePoint until = first.at + options_.latency_max;
  const auto next_is_for_it_too = [&] {
    return !heap_.empty() && heap_.front().event && heap_.front().to == first.to &&
           heap_.front().at <= until;
  };
  while (next_is_for_it_too() && rng_.below(2) == 0) events.push_back(std::move(*pop().event));
  it->second->handle(events);
}

void SimulatedHost::post(runtime::Address from, runtime::Address to, runtime::Event event) {
  const auto latency =
      Duration(rng_.below(static_cast<std::uint64_t>(options_.latency_max.count()) + 1));
  TimePoint& last = last_[{from, to}];
  last = std::max(last, clock_.now() + latency);
  push({last, 0, {}, to, std::make_shared<runtime::Event>(std::move(event))});
}

void SimulatedHost::post_after(Duration delay, runtime::Address to, runtime::Event event) {
  push({clock_.now() + delay, 0, {}, to, std::make_shared<runtime::Event>(std::move(event))});
}

void SimulatedHost::after(Duration delay, std::function<void()> action) {
  push({clock_.now() + delay, 0, std::move(action), 0, nullptr});
}

bool SimulatedHost::step() {
  if (heap_.empty()) return false;
  Item item = pop();
  if (item.event)
    deliver(std::move(item));
  else
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
