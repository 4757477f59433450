#pragma once
// The trivial stages of tests/pipeline/pipeline.toml beside the production ones: a maker of whole
// groups (8 samples of 64 tokens with log-probabilities, at once), a verifier that looks at the
// length of the text, and a counter at the end that takes whole groups and delivers them.
#include <atomic>

#include "actors/runtime/kinds.hpp"

namespace troupe::pipeline {

/// What the counter saw; read from any thread.
struct Counts {
  std::atomic<std::uint64_t> groups{0}, samples{0};
};

/// Production kinds, and these. `counts` must outlive every run.
void register_kinds(runtime::KindSet& kinds, Counts& counts);

/// One sample as the maker makes it.
Sample make_sample(const Prompt& prompt, std::uint16_t sibling, std::uint64_t seed, Version version,
                   std::size_t tokens);

}  // namespace troupe::pipeline
