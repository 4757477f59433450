#pragma once
// Takeover: the first half of `troupe resume`: takes the run directory, finds the newest checkpoint
// that serves and how far the journal reaches, and says where the next life begins. Until go_on()
// nothing of the run is changed but its state, which give_back() restores. One owner, one thread;
// errors as those of the parts.
#include <filesystem>

#include "actors/cli/resume_point.hpp"
#include "actors/ledger/checkpoints.hpp"
#include "actors/ledger/journal.hpp"
#include "actors/ledger/run_directory.hpp"

namespace troupe::cli {

struct Takeover {
  ledger::RunDirectory directory;
  ledger::RunInfo before;
  ledger::Checkpoints checkpoints;
  ledger::Journal journal;
  ResumePoint point;

  /// The directory is as it was.
  void give_back(double wall_seconds) {
    (void)directory.set_state(before.state, before.reason, wall_seconds);
  }
  /// Removes what `point` leaves behind: damaged checkpoints, and whatever is of later steps.
  Result<void> go_on();
};

/// From here on nobody else runs there. When it fails the directory is as it was.
Result<Takeover> take_over(Disk& disk, const std::filesystem::path& path,
                           const graphs::Plan& plan, double wall_seconds);

}  // namespace troupe::cli
