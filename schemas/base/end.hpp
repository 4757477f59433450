#pragma once
// End: what became of a sample. Every admitted sample has exactly one, or is in flight:
//   admitted = trained + delivered + filtered + unscorable + failed + left over + in flight
#include <cstdint>

namespace troupe {

enum class End : std::uint8_t {
  Trained,     // consumed by an optimizer step
  Delivered,   // reached a sink
  Filtered,    // a filter chose to drop it
  Unscorable,  // its gold cannot be used: no reward exists
  Failed,      // a verifier or engine failed, after retries
  LeftOver,    // the run ended first
};
inline constexpr int kEnds = 6;

/// "trained", "delivered", "filtered", "unscorable", "failed", "left over".
const char* name_of(End end);

}  // namespace troupe
