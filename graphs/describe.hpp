#pragma once
// How values, options and sums of a plan are said, wherever they are shown: `plan`, `kinds`, the
// reference page, the schema, differences. Internal to this folder. Pure functions.
#include <cstdint>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "graphs/contract.hpp"
#include "graphs/plan.hpp"
#include "graphs/value.hpp"

namespace troupe::graphs {

/// "integer", "count of steps", "list of verifier stage".
std::string type_text(const OptionSpec& spec);
/// "1 to 1024", "a | b": what the type does not say.
std::string limits_text(const OptionSpec& spec);
/// As JSON; durations, sizes and counts as a graph writes them.
nlohmann::ordered_json value_json(const Value& value);
/// All queues full.
std::uint64_t queue_bytes(const Plan& plan);

}  // namespace troupe::graphs
