#pragma once
// Join: the end of `( a & b )`. Holds one ticket per sample until every branch has brought it, then
// gives it on once, with the verdicts of all branches in the order of the branches. A sample that
// died in a branch arrives there as a tombstone; the join then gives on one tombstone, so it never
// waits for the dead. What it holds is bounded by what is in flight. Not thread-safe.
#include <optional>
#include <unordered_map>
#include <vector>

#include "schemas/base/result.hpp"
#include "schemas/envelope.hpp"

namespace troupe::runtime {

class Join {
 public:
  explicit Join(std::size_t branches) : branches_(branches) {}

  /// `branch` brings `envelope` (a sample or a tombstone). The joined envelope when it was the
  /// last one missing. An unreadable sample is an error.
  Result<std::optional<Envelope>> arrive(std::size_t branch, Envelope envelope);

  std::size_t waiting() const { return tickets_.size(); }
  /// Some ticket and the branches that it still misses; for the watchdog.
  std::optional<std::pair<SampleId, std::vector<std::size_t>>> example() const;

 private:
  std::size_t branches_;
  std::unordered_map<SampleId, std::vector<std::optional<Envelope>>> tickets_;
};

}  // namespace troupe::runtime
