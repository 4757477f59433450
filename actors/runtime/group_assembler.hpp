#pragma once
// GroupAssembler: turns the samples of an edge into whole groups. Every sibling slot ends in one of
// two ways: its sample arrives, or the coordinator closes it (the sample died and will not be
// refilled). A group whose slots are all resolved is given on; with fewer than `scored_min` samples
// there is nothing to compare, and the group is given on as `abandoned`. Not thread-safe.
#include <optional>
#include <unordered_map>
#include <vector>

#include "schemas/envelope.hpp"

namespace troupe::runtime {

class GroupAssembler {
 public:
  struct Assembled {
    GroupId group;
    Version version;
    std::vector<Envelope> samples;  // by sibling
    std::uint16_t missing = 0;
    bool abandoned = false;  // too few samples to compare
  };

  GroupAssembler(std::uint32_t group_size, std::uint32_t scored_min)
      : group_size_(group_size), scored_min_(scored_min) {}

  /// A sample arrived. The group, when this resolved its last slot.
  std::optional<Assembled> arrive(Envelope sample);
  /// The sibling will not come.
  std::optional<Assembled> close(const SampleId& sample);

  std::size_t waiting() const { return groups_.size(); }
  /// Some unfinished group and how many slots it misses; for the watchdog.
  std::optional<std::pair<GroupId, std::uint32_t>> example() const;

 private:
  struct Slot {
    bool closed = false;
    std::optional<Envelope> sample;
  };
  struct Pending {
    std::vector<Slot> slots;
    std::uint32_t open = 0;
    Version version;
  };
  Pending& pending(const SampleId& id);
  std::optional<Assembled> resolve(const GroupId& id, Pending& group);

  std::uint32_t group_size_, scored_min_;
  std::unordered_map<GroupId, Pending> groups_;
};

}  // namespace troupe::runtime
