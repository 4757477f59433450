#pragma once
// Split: on which side of a held-out share a row is. A function of its key and the seed alone, so
// rows keep their side when others are added or the file is sorted anew, and equal questions are
// always on one side. Pure; any thread.
#include <cstdint>
#include <string_view>

#include "schemas/base/rng.hpp"

namespace troupe::stages {

/// The key without spaces around it, by FNV-1a.
inline std::uint64_t split_hash(std::string_view key) {
  const auto first = key.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos)
    key = {};
  else
    key = key.substr(first, key.find_last_not_of(" \t\r\n") - first + 1);
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return hash;
}

inline bool held_out(std::string_view key, double fraction, std::uint64_t seed) {
  const std::uint64_t drawn = derive_seed(seed, split_hash(key));
  return static_cast<double>(drawn >> 11) * 0x1.0p-53 < fraction;
}

}  // namespace troupe::stages
