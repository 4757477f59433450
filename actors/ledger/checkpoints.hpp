#pragma once
// Checkpoints: atomic folders under checkpoints/. One is written aside as .step-000010.new, gets
// a manifest with size and CRC-32C of every file, is fsynced and renamed to step-000010: it exists
// whole or not at all. The newest valid one decides what is trained (DESIGN 4.4). One owner, who
// holds the lock of the run directory, for opening cleans up; others use checkpoint_steps(). Calls
// block on the disk (commit reads back all files once), so make them where blocking is allowed.
// Errors: DiskFull, Io; Corrupt only for a checkpoint asked for by step.
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "schemas/base/disk.hpp"
#include "schemas/base/result.hpp"

namespace troupe::ledger {

struct CheckpointOptions {
  std::uint32_t keep = 2;             // newest ones that stay; at least 1
  std::set<std::uint32_t> keep_steps; // stay whatever their age
  // The newest one that is at least so many steps older than the newest stays too: from it, weights
  // that are so many steps old can be made again.
  std::uint32_t reach_back = 0;
};

struct Checkpoint {
  std::uint32_t step = 0;
  std::filesystem::path folder;
  nlohmann::json meta;  // as given to commit
  std::uint64_t bytes = 0;
};

struct LatestCheckpoint {
  std::optional<Checkpoint> checkpoint;  // none: start from the beginning
  /// One sentence for each newer one that was passed over, with the damage found; to be shown.
  std::vector<std::string> rejected;
};

class Checkpoints {
 public:
  /// Makes `folder` if absent and removes what a crash left half written.
  static Result<Checkpoints> open(Disk& disk, std::filesystem::path folder,
                                  CheckpointOptions options = {});

  /// Path to write the checkpoint of `step` into; it does not exist yet (TrainingEngine::save
  /// makes it). A half-written one of the same step is removed.
  Result<std::filesystem::path> begin(std::uint32_t step);
  /// Makes what was written there the checkpoint of `step` and then removes old ones. `meta`
  /// (step, version, ledger summary, cursors, random state, graph hash) is stored with it. A
  /// checkpoint of the same step is replaced.
  Result<Checkpoint> commit(std::uint32_t step, const nlohmann::json& meta);
  /// Drops what begin() gave.
  Result<void> abandon(std::uint32_t step);

  /// Steps that have a folder, ascending; not checked.
  Result<std::vector<std::uint32_t>> steps() const;
  /// The newest one whose manifest and files are all as they were committed.
  Result<LatestCheckpoint> latest() const;
  /// Reads and checks one.
  Result<Checkpoint> load(std::uint32_t step) const;
  /// After a resume from `step`: later ones (damaged, or of a life that is not continued) go.
  Result<void> remove_after(std::uint32_t step);
  Result<void> remove(std::uint32_t step);

 private:
  Checkpoints(Disk& disk, std::filesystem::path folder, CheckpointOptions options);
  Result<void> retain();
  Disk* disk_;
  std::filesystem::path folder_;
  CheckpointOptions options_;
};

/// Steps that have a folder in checkpoints/, ascending; not checked, nothing is changed.
Result<std::vector<std::uint32_t>> checkpoint_steps(Disk& disk,
                                                    const std::filesystem::path& folder);
/// The folder of that step in checkpoints/, whether it exists or not.
std::filesystem::path checkpoint_folder(const std::filesystem::path& folder, std::uint32_t step);

}  // namespace troupe::ledger
