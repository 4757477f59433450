#include "actors/ledger/accounts.hpp"

#include <fmt/format.h>

#include <numeric>

namespace troupe::ledger {

std::string_view key_of(End end) { return end == End::LeftOver ? "left_over" : name_of(end); }

std::optional<End> end_from(std::uint8_t number) {
  if (number >= kEnds) return std::nullopt;
  return static_cast<End>(number);
}

std::uint64_t Equation::ended() const {
  return std::accumulate(ends.begin(), ends.end(), std::uint64_t{0});
}

std::string Equation::text() const {
  std::string text = fmt::format("{} admitted {} ", admitted, holds() ? "=" : "≠");
  for (int i = 0; i < kEnds; ++i) {
    const End end = static_cast<End>(i);
    if (of(end) > 0 || end == End::Trained) text += fmt::format("{} {} + ", of(end), name_of(end));
  }
  return text + fmt::format("{} in flight", in_flight);
}

}  // namespace troupe::ledger
