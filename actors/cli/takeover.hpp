#pragma once
// Takeover: the first half of `troupe resume`: takes the run directory, finds the newest checkpoint
// that is whole, and says where the next life begins. Until go_on() nothing of the run is changed
// but its state, which give_back() restores. One owner, one thread; errors as those of the parts.
#include <filesystem>
#include <string>
#include <vector>

#include "actors/cli/resume_point.hpp"
#include "actors/ledger/checkpoints.hpp"
#include "actors/ledger/run_directory.hpp"

namespace troupe::cli {

struct Takeover {
  ledger::RunDirectory directory;
  ledger::RunInfo before;
  ledger::Checkpoints checkpoints;
  ResumePoint point;
  /// One sentence for each damaged checkpoint that was passed over; to be shown.
  std::vector<std::string> rejected;

  /// The directory is as it was.
  void give_back(double wall_seconds) {
    (void)directory.set_state(before.state, before.reason, wall_seconds);
  }
  /// Removes what `point` leaves behind: checkpoints of steps that are done again.
  Result<void> go_on() { return checkpoints.remove_after(point.step); }
};

/// From here on nobody else runs there. When it fails the directory is as it was.
Result<Takeover> take_over(Disk& disk, const std::filesystem::path& path, double wall_seconds);

}  // namespace troupe::cli
