#include "actors/runtime/group_gatherer.hpp"

#include <algorithm>

#include "schemas/base/assert.hpp"

namespace troupe::runtime {

std::vector<Envelope> GroupGatherer::arrive(Envelope envelope) {
  std::vector<Envelope> out;
  if (envelope.sample.attempt > 0 || envelope.whole_group) {
    out.push_back(std::move(envelope));
    return out;
  }
  const SampleId id = envelope.sample;
  TROUPE_ASSERT(id.sibling < group_size_, "sibling outside its group: " + to_string(id));
  auto& siblings = groups_[id.prompt];
  siblings.resize(group_size_);
  TROUPE_ASSERT(!siblings[id.sibling], "a sibling came twice: " + to_string(id));
  siblings[id.sibling] = std::move(envelope);
  if (!std::all_of(siblings.begin(), siblings.end(), [](const auto& s) { return s.has_value(); }))
    return out;
  for (const bool dead : {false, true}) {
    for (auto& sibling : siblings) {
      if ((sibling->type == MessageType::Tombstone) == dead) out.push_back(*sibling);
    }
  }
  groups_.erase(id.prompt);
  return out;
}

std::optional<std::pair<GroupId, std::uint32_t>> GroupGatherer::example() const {
  if (groups_.empty()) return std::nullopt;
  const auto& [id, siblings] = *groups_.begin();
  const auto missing = std::count(siblings.begin(), siblings.end(), std::nullopt);
  return std::pair(id, static_cast<std::uint32_t>(missing));
}

}  // namespace troupe::runtime
