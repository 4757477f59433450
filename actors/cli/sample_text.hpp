#pragma once
// Samples as text for people: what a model wrote may hold anything, so control characters are shown
// and never sent to the terminal. Pure functions.
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "actors/ledger/sample_life.hpp"

namespace troupe::cli {

/// Control characters but line ends as \x1b, bytes that are no UTF-8 as they are in JSON.
std::string shown(std::string_view text);

/// One sample of a list, several lines. `full`: texts are not cut.
std::string sample_text(const nlohmann::json& line, bool full);

/// Everything that happened to one sample, in order.
std::string life_text(const ledger::SampleLife& life);
/// The same as data: {"id", "ledger", "lines", "siblings", "uses"}.
nlohmann::json life_json(const ledger::SampleLife& life);

}  // namespace troupe::cli
