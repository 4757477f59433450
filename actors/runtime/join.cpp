#include "actors/runtime/join.hpp"

#include "schemas/messages.hpp"

namespace troupe::runtime {
namespace {

/// One sample with what every branch added. Branches see copies of one sample, so whatever is
/// beyond the verdicts that the entrance already had was added by the branch.
Result<Envelope> merge(std::vector<std::optional<Envelope>>& parts) {
  for (const auto& part : parts) {
    if (part->type == MessageType::Tombstone) return *part;
  }
  Envelope merged = *parts.front();
  TROUPE_ASSIGN(Sample sample, decode_sample(merged.payload));
  bool changed = false;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    TROUPE_ASSIGN(Sample other, decode_sample(parts[i]->payload));
    for (Verdict& verdict : other.verdicts) {
      bool known = false;
      for (const Verdict& mine : sample.verdicts) known |= mine.component == verdict.component;
      if (known) continue;
      sample.verdicts.push_back(std::move(verdict));
      changed = true;
    }
  }
  if (changed) merged.payload = encode(sample);
  return merged;
}

}  // namespace

Result<std::optional<Envelope>> Join::arrive(std::size_t branch, Envelope envelope) {
  TROUPE_ASSERT(branch < branches_, "a join has no such branch");
  const SampleId id = envelope.sample;
  auto& parts = tickets_[id];
  parts.resize(branches_);
  TROUPE_ASSERT(!parts[branch], "a branch brought " + to_string(id) + " twice");
  parts[branch] = std::move(envelope);
  for (const auto& part : parts) {
    if (!part) return std::optional<Envelope>();
  }
  auto merged = merge(parts);
  tickets_.erase(id);
  if (!merged.ok()) return merged.error();
  return std::optional<Envelope>(std::move(*merged));
}

std::optional<std::pair<SampleId, std::vector<std::size_t>>> Join::example() const {
  if (tickets_.empty()) return std::nullopt;
  const auto& [id, parts] = *tickets_.begin();
  std::vector<std::size_t> missing;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i]) missing.push_back(i);
  }
  return std::pair(id, missing);
}

}  // namespace troupe::runtime
