#pragma once
// The formats of a run directory's files, and what is said when one is newer than this program.
// Every file kind states its format; docs/runs.md has the table. Pure functions.
#include <cstdint>
#include <string>
#include <string_view>

#include "schemas/base/result.hpp"

namespace troupe::ledger {

inline constexpr std::uint32_t kSampleLogFormat = 1;   // samples/format.json
inline constexpr std::uint32_t kInvocationFormat = 1;  // invocation.json

/// Unsupported. `written_by`: the version of the program that wrote it; empty: not known.
Error later_format(std::string_view what, std::uint64_t format, std::uint64_t known,
                   std::string_view written_by);

}  // namespace troupe::ledger
