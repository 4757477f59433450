#pragma once
// ResumePoint: where a resumed life of a run begins. A value.
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

namespace troupe::cli {

struct ResumePoint {
  std::uint32_t step = 0;                       // 0: from the beginning
  std::optional<std::filesystem::path> folder;  // of the checkpoint; none at step 0
  nlohmann::json ledger;  // Ledger::summary() at that moment, should the ledger be lost; or null
};

}  // namespace troupe::cli
