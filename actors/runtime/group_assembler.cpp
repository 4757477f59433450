#include "actors/runtime/group_assembler.hpp"

#include "schemas/base/assert.hpp"

namespace troupe::runtime {

GroupAssembler::Pending& GroupAssembler::pending(const SampleId& id) {
  TROUPE_ASSERT(id.sibling < group_size_, "sibling outside its group: " + to_string(id));
  Pending& group = groups_[id.prompt];
  if (group.slots.empty()) {
    group.slots.resize(group_size_);
    group.open = group_size_;
  }
  return group;
}

std::optional<GroupAssembler::Assembled> GroupAssembler::arrive(Envelope sample) {
  const SampleId id = sample.sample;
  Pending& group = pending(id);
  Slot& slot = group.slots[id.sibling];
  TROUPE_ASSERT(!slot.sample && !slot.closed, "a sibling came twice: " + to_string(id));
  group.version = sample.version;
  slot.sample = std::move(sample);
  --group.open;
  return resolve(id.prompt, group);
}

std::optional<GroupAssembler::Assembled> GroupAssembler::close(const SampleId& sample) {
  Pending& group = pending(sample);
  Slot& slot = group.slots[sample.sibling];
  TROUPE_ASSERT(!slot.sample && !slot.closed, "a slot closed twice: " + to_string(sample));
  slot.closed = true;
  --group.open;
  return resolve(sample.prompt, group);
}

std::optional<GroupAssembler::Assembled> GroupAssembler::resolve(const GroupId& id,
                                                                 Pending& group) {
  if (group.open > 0) return std::nullopt;
  Assembled whole;
  whole.group = id;
  whole.version = group.version;
  for (Slot& slot : group.slots) {
    if (slot.sample)
      whole.samples.push_back(std::move(*slot.sample));
    else
      ++whole.missing;
  }
  whole.abandoned = whole.samples.size() < scored_min_;
  groups_.erase(id);
  return whole;
}

std::optional<std::pair<GroupId, std::uint32_t>> GroupAssembler::example() const {
  if (groups_.empty()) return std::nullopt;
  return std::pair(groups_.begin()->first, groups_.begin()->second.open);
}

}  // namespace troupe::runtime
