#pragma once
// GroupGatherer: keeps groups together on an edge with `group = true`. Holds the samples of a group
// back until every sibling has come or has died on its way, then gives all of them one after
// another, by sibling, the dead (tombstones) last. A sample that is generated anew comes later, by
// itself. What it holds is bounded by the groups in flight. Not thread-safe.
#include <optional>
#include <unordered_map>
#include <vector>

#include "schemas/envelope.hpp"

namespace troupe::runtime {

class GroupGatherer {
 public:
  explicit GroupGatherer(std::uint32_t group_size) : group_size_(group_size) {}

  /// A sample or its tombstone arrived. What may go on now.
  std::vector<Envelope> arrive(Envelope envelope);

  std::size_t waiting() const { return groups_.size(); }
  /// Some unfinished group and how many siblings it misses; for the watchdog.
  std::optional<std::pair<GroupId, std::uint32_t>> example() const;

 private:
  std::uint32_t group_size_;
  std::unordered_map<GroupId, std::vector<std::optional<Envelope>>> groups_;
};

}  // namespace troupe::runtime
