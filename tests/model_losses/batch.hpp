#pragma once
// A ragged batch that owns its arrays, and random ones, for the tests of the losses.
#include <cmath>
#include <cstdint>
#include <vector>

#include "model/losses/policy_loss.hpp"
#include "schemas/base/rng.hpp"

namespace troupe::tests {

struct Batch {
  std::vector<std::size_t> offsets{0};
  std::vector<double> logprobs, old_logprobs, rollout, ref, advantages;
  std::vector<std::uint8_t> mask;

  model::PolicyLossInput input() const {
    model::PolicyLossInput in;
    in.offsets = offsets;
    in.logprobs = logprobs;
    in.old_logprobs = old_logprobs;
    in.rollout_logprobs = rollout;
    in.ref_logprobs = ref;
    in.mask = mask;
    in.advantages = advantages;
    return in;
  }
};

/// `sequences` of 1..6 tokens, about a fifth of them masked; log-ratios up to `spread`.
inline Batch random_batch(std::uint64_t seed, std::size_t sequences, double spread) {
  Rng rng(seed);
  Batch b;
  const auto noise = [&] { return (2 * rng.uniform() - 1) * spread; };
  for (std::size_t i = 0; i < sequences; ++i) {
    const std::size_t length = 1 + rng.below(6);
    for (std::size_t t = 0; t < length; ++t) {
      const double lp = -4 * rng.uniform() - 0.01;
      b.logprobs.push_back(lp);
      b.old_logprobs.push_back(lp + noise());
      b.rollout.push_back(b.old_logprobs.back() + noise() / 4);
      b.ref.push_back(lp + noise());
      b.mask.push_back(t == 0 || rng.uniform() > 0.2);
    }
    b.offsets.push_back(b.logprobs.size());
    b.advantages.push_back(noise() * 2);
  }
  return b;
}

}  // namespace troupe::tests
