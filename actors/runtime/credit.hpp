#pragma once
// Credit: how much a producer may still send on one edge. The consumer grants, the producer spends;
// both hosts and, later, the network use this one class. An item larger than the whole byte
// capacity may pass when the edge is empty, so that a single large message cannot block for ever.
// Owned by the producer's side; not thread-safe.
#include <cstdint>

#include "schemas/base/assert.hpp"

namespace troupe::runtime {

class Credit {
 public:
  Credit(std::uint64_t items_max, std::uint64_t bytes_max)
      : items_max_(items_max), bytes_max_(bytes_max) {
    TROUPE_ASSERT(items_max > 0 && bytes_max > 0, "an edge needs room for something");
  }

  bool allows(std::uint64_t bytes) const {
    if (items_used_ >= items_max_) return false;
    return items_used_ == 0 || bytes_used_ + bytes <= bytes_max_;
  }
  void spend(std::uint64_t bytes) {
    TROUPE_ASSERT(allows(bytes), "sent on an edge without credit");
    items_used_ += 1;
    bytes_used_ += bytes;
  }
  void grant(std::uint64_t items, std::uint64_t bytes) {
    TROUPE_ASSERT(items <= items_used_ && bytes <= bytes_used_, "granted more than was sent");
    items_used_ -= items;
    bytes_used_ -= bytes;
  }

  std::uint64_t items_used() const { return items_used_; }
  std::uint64_t bytes_used() const { return bytes_used_; }
  std::uint64_t items_max() const { return items_max_; }

 private:
  std::uint64_t items_max_, bytes_max_;
  std::uint64_t items_used_ = 0, bytes_used_ = 0;
};

}  // namespace troupe::runtime
