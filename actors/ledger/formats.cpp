#include "actors/ledger/formats.hpp"

#include <fmt/format.h>

namespace troupe::ledger {

Error later_format(std::string_view what, std::uint64_t format, std::uint64_t known,
                   std::string_view written_by) {
  const std::string writer =
      written_by.empty() ? std::string() : fmt::format(", written by troupe {}", written_by);
  return {ErrorCode::Unsupported,
          fmt::format("{} has format {}{}; this troupe knows formats up to {}", what, format,
                      writer, known),
          fmt::format("Use troupe {} or a later one",
                      written_by.empty() ? "in the version that wrote it" : written_by)};
}

}  // namespace troupe::ledger
