#pragma once
// The equation of a run (DESIGN 4.3): every prompt and every sample that was admitted has exactly
// one end, or is still in flight. Values; pure functions; any thread.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "schemas/base/end.hpp"

namespace troupe::ledger {

/// "left_over": as name_of, for keys in JSON and metrics.
std::string_view key_of(End end);
/// An end from its stored number; nothing when there is no such end.
std::optional<End> end_from(std::uint8_t number);

/// admitted = trained + delivered + filtered + unscorable + failed + left over + in flight.
struct Equation {
  std::uint64_t admitted = 0;
  std::array<std::uint64_t, kEnds> ends{};  // by End
  std::uint64_t in_flight = 0;

  std::uint64_t of(End end) const { return ends[static_cast<std::size_t>(end)]; }
  std::uint64_t& of(End end) { return ends[static_cast<std::size_t>(end)]; }
  std::uint64_t ended() const;
  bool holds() const { return admitted == ended() + in_flight; }
  /// "640 admitted = 512 trained + 120 filtered + 8 left over + 0 in flight"; ends that are zero
  /// are left out except trained; "≠" instead of "=" when it does not hold.
  std::string text() const;
  bool operator==(const Equation&) const = default;
};

/// A prompt's end derives from the ends of its samples: trained if any was, else delivered if any
/// was, else left over if any was, else filtered, unscorable, failed. It is in flight while any
/// of its samples is. Refilled attempts do not count for it: only the last attempt of a sibling.
struct Accounts {
  Equation prompts;
  Equation samples;
  bool holds() const { return prompts.holds() && samples.holds(); }
  bool operator==(const Accounts&) const = default;
};

}  // namespace troupe::ledger
