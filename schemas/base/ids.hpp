#pragma once
// Identities. They derive from what a thing is (dataset, epoch, row, sibling, attempt), never from
// chance or time, so that a resumed run names the same things by the same ids. Values.
#include <compare>
#include <cstdint>
#include <functional>
#include <string>

#include "schemas/base/rng.hpp"

namespace troupe {

/// One task drawn from a dataset stage in one pass over it. A prompt is admitted at most once, so
/// this also names its group.
struct PromptId {
  std::uint32_t dataset = 0;  // index of the dataset stage in the plan
  std::uint32_t epoch = 0;    // pass over that dataset
  std::uint64_t row = 0;      // row of the dataset (its file order, before shuffling)
  auto operator<=>(const PromptId&) const = default;
};
using GroupId = PromptId;

/// One completion of a prompt: which sibling, and which attempt at it (a refill is the next one).
struct SampleId {
  PromptId prompt;
  std::uint16_t sibling = 0;
  std::uint16_t attempt = 0;
  auto operator<=>(const SampleId&) const = default;
};

/// Name of a set of weights: optimizer steps behind it, and which life of the run made it. A
/// version that was rolled back never returns under the same name.
struct Version {
  std::uint32_t incarnation = 0;
  std::uint32_t step = 0;
  auto operator<=>(const Version&) const = default;
};

/// "0.0.17" (dataset.epoch.row), "0.0.17/3" or "0.0.17/3+1" (sibling, attempt), "12" or "12'1".
std::string to_string(const PromptId& id);
std::string to_string(const SampleId& id);
std::string to_string(const Version& version);

/// The random seed of a sample under the run's seed.
constexpr std::uint64_t sample_seed(std::uint64_t run_seed, const SampleId& id) {
  std::uint64_t seed = derive_seed(run_seed, id.prompt.dataset);
  seed = derive_seed(seed, id.prompt.epoch);
  seed = derive_seed(seed, id.prompt.row);
  return derive_seed(seed, (std::uint64_t{id.sibling} << 16) | id.attempt);
}

}  // namespace troupe

template <>
struct std::hash<troupe::PromptId> {
  std::size_t operator()(const troupe::PromptId& id) const noexcept {
    return troupe::derive_seed(troupe::derive_seed(id.dataset, id.epoch), id.row);
  }
};
template <>
struct std::hash<troupe::SampleId> {
  std::size_t operator()(const troupe::SampleId& id) const noexcept {
    return troupe::sample_seed(0, id);
  }
};
