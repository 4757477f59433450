#pragma once
// EdgeQueue: the receiving end of one edge. Keeps order, drops what it has seen (an envelope is
// named by its producer's epoch and sequence number), and asserts the bound that credit keeps.
// Owned by the consuming stage's runner; not thread-safe.
#include <deque>
#include <optional>

#include "schemas/base/assert.hpp"
#include "schemas/envelope.hpp"

namespace troupe::runtime {

class EdgeQueue {
 public:
  explicit EdgeQueue(std::uint64_t items_max) : items_max_(items_max) {}

  /// False: a duplicate, dropped.
  bool push(Envelope envelope) {
    const Seen seen{envelope.producer_epoch, envelope.sequence};
    if (seen.epoch < last_.epoch || (seen.epoch == last_.epoch && seen.sequence <= last_.sequence))
      return false;
    last_ = seen;
    TROUPE_ASSERT(items_.size() < items_max_, "an edge holds more than its capacity");
    items_.push_back(std::move(envelope));
    return true;
  }
  std::optional<Envelope> pop() {
    if (items_.empty()) return std::nullopt;
    Envelope envelope = std::move(items_.front());
    items_.pop_front();
    return envelope;
  }
  const Envelope* front() const { return items_.empty() ? nullptr : &items_.front(); }
  bool empty() const { return items_.empty(); }
  std::size_t size() const { return items_.size(); }

 private:
  struct Seen {
    std::uint32_t epoch = 0;
    std::uint64_t sequence = 0;
  };
  std::uint64_t items_max_;
  std::deque<Envelope> items_;
  Seen last_;
};

}  // namespace troupe::runtime
