#pragma once
// SourceMix: whose turn it is where several sources of prompts meet, in the proportion of their
// weights. The n-th prompt of a source (from 0, in the source's own order) has the key
// (n + 1/2) / weight, and keys are taken in ascending order, equal ones by source. So the order is
// a function of places and weights alone: not of what arrived first, and not of where a resumed run
// begins, because sources count their places from the beginning of the run. Whoever asks waits for
// the source that is named. Owned by an inlet; plain; not thread-safe.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "schemas/base/assert.hpp"

namespace troupe::runtime {

class SourceMix {
 public:
  /// One weight for each source, above 0.
  explicit SourceMix(const std::vector<double>& weights) {
    for (const double weight : weights) {
      TROUPE_ASSERT(weight > 0, "a source without weight would never have its turn");
      sources_.push_back({weight});
    }
  }

  /// The next prompt of the source has at least this place (a resumed source leaves some out).
  void at_least(std::size_t source, std::uint64_t place) {
    sources_[source].next = std::max(sources_[source].next, place);
  }
  void took(std::size_t source) { ++sources_[source].next; }
  /// The others share what would have been its turns.
  void ended(std::size_t source) { sources_[source].ended = true; }

  /// Nothing: all have ended.
  std::optional<std::size_t> turn() const {
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      if (!sources_[i].ended && (!best || key(i) < key(*best))) best = i;
    }
    return best;
  }

 private:
  struct Source {
    double weight;
    std::uint64_t next = 0;
    bool ended = false;
  };
  double key(std::size_t source) const {
    return (static_cast<double>(sources_[source].next) + 0.5) / sources_[source].weight;
  }
  std::vector<Source> sources_;
};

}  // namespace troupe::runtime
