#pragma once
// Retention of the sample log: closed segments are compressed, and the oldest are removed beyond
// what the run wants kept. Nothing else needs them: the equation and a resume come from the ledger
// and the checkpoints. Safe against death at any moment: a file is written aside, synced and
// renamed before what it replaces goes, and the next call ends what the last one began. One caller
// at a time, on any thread; blocks on the disk.
#include <cstdint>
#include <filesystem>
#include <optional>

#include "schemas/base/disk.hpp"
#include "schemas/base/result.hpp"

namespace troupe::ledger {

struct RetentionRules {
  std::optional<std::uint64_t> bytes;  // of compressed segments; nothing: all
  std::optional<std::uint64_t> steps;  // the newest so many; nothing: all
};

struct RetentionReport {
  std::uint32_t compressed = 0, removed = 0;        // segments
  std::uint64_t bytes_before = 0, bytes_after = 0;  // of those that were compressed
  std::uint64_t damaged_lines = 0;                  // that were left out
};

/// `first_open`: the segment that is being written, or will be next; it and later ones stay as
/// they are, whatever the rules.
Result<RetentionReport> retain_samples(Disk& disk, const std::filesystem::path& folder,
                                       const RetentionRules& rules, std::uint32_t first_open);

}  // namespace troupe::ledger
