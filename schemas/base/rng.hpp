#pragma once
// Rng: repeatable randomness. A stream is a pure function of (seed, stream, position), so two
// consumers never disturb each other and a position can be saved and restored exactly. The
// generator is SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators,
// OOPSLA 2014) in counter form. Values; one owner; not thread-safe.
#include <cstdint>

#include "schemas/base/assert.hpp"

namespace troupe {

/// The finaliser of SplitMix64: a bijection of 64 bits with full avalanche.
constexpr std::uint64_t mix64(std::uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9ull;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebull;
  x ^= x >> 31;
  return x;
}

/// Folds `value` into `seed`; order matters. Derives the seed of a sample from its identity.
constexpr std::uint64_t derive_seed(std::uint64_t seed, std::uint64_t value) {
  return mix64(seed * 0x9e3779b97f4a7c15ull + mix64(value + 0x9e3779b97f4a7c15ull));
}

class Rng {
 public:
  explicit Rng(std::uint64_t seed, std::uint64_t stream = 0) : key_(derive_seed(seed, stream)) {}

  std::uint64_t next() { return mix64(key_ + 0x9e3779b97f4a7c15ull * ++position_); }
  /// Uniform in [0, 1), 53 bits.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  /// Uniform in [0, bound), without modulo bias. bound > 0.
  std::uint64_t below(std::uint64_t bound) {
    TROUPE_ASSERT(bound > 0, "Rng::below needs a positive bound");
    const std::uint64_t reject = (0 - bound) % bound;
    for (;;) {
      const std::uint64_t x = next();
      if (x >= reject) return x % bound;
    }
  }
  std::uint64_t position() const { return position_; }
  void seek(std::uint64_t position) { position_ = position; }

 private:
  std::uint64_t key_;
  std::uint64_t position_ = 0;
};

}  // namespace troupe
