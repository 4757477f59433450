#pragma once
// FaultyRun: a whole run, life after life, on one simulated file system: the production stages and
// coordinator in virtual time, with simulated engines, and behind them the recorder, the ledger,
// the checkpoints and the resume of the real program. What it must remember stands in Books, and
// every resume is held against them. One thread; everything follows from the seed.
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "actors/cli/resume_point.hpp"
#include "actors/hosts/simulated/simulated_host.hpp"
#include "actors/ledger/ledger.hpp"
#include "actors/ledger/run_directory.hpp"
#include "actors/runtime/coordinator.hpp"
#include "graphs/load.hpp"
#include "tests/faults/books.hpp"
#include "tests/faults/faulty_disk.hpp"
#include "tests/faults/faulty_vfs.hpp"

namespace troupe::test {

struct FaultyRunShape {
  std::uint32_t prompts_per_step = 2, group_size = 2, staleness = 0, steps = 4;
  std::uint32_t checkpoint_every = 1, keep_checkpoints = 2;
  bool filter = false;
  bool power = false;  // durable = "power"
  double generation_failure = 0;
};
/// A shape drawn from a seed.
FaultyRunShape shape_of(std::uint64_t seed);

/// How a life of a run ended.
struct LifeEnd {
  std::optional<Error> error;  // that a person would see
  std::optional<runtime::RunOutcome> outcome;
  bool finished() const {
    return !error && outcome && outcome->state == runtime::RunOutcome::State::Finished;
  }
};

class FaultyRun {
 public:
  FaultyRun(const FaultyRunShape& shape, std::uint64_t seed);

  SimulatedFiles& files() { return files_; }
  FaultyDisk& disk() { return disk_; }
  Books& books() { return books_; }
  const std::string& vfs() const { return vfs_.name(); }
  const graphs::Plan& plan() const { return *loaded_.plan; }
  const std::filesystem::path& path() const { return path_; }
  bool made() const { return !path_.empty(); }

  /// Lives: begins the run, or resumes it, until it ends, errs, or the disk dies.
  LifeEnd live();
  /// After a death: the machine comes back as `loss` says, and the books forget what was lost.
  void reboot(Loss loss);
  /// After an error: the disk is well again. `forgot`: it failed to sync, so what was acknowledged
  /// as written, but not as synced, may be gone.
  void recover(bool forgot);
  /// The newest checkpoint that a resume must find; to be lowered after damage.
  std::uint32_t checkpoint_expected() const { return checkpoint_; }
  void expect_checkpoint(std::uint32_t step) { checkpoint_ = step; }
  /// Likewise the last step that the journal must have.
  std::uint32_t journal_expected() const { return journaled_; }
  void expect_journal(std::uint32_t step) { journaled_ = step; }

  // What the last resume said.
  std::vector<std::string> repairs;
  std::optional<std::uint32_t> resumed_step;  // of the checkpoint
  std::uint32_t redo_until = 0, steps_redone = 0;
  /// Not after damage to the ledger: then only that nothing is trained twice, and the equation.
  bool check_against_books = true;
  bool check_metrics = true;
  /// The last life ended as a run should.
  bool finished() const { return finished_; }
  /// Every sample whose end was acknowledged has its line; to be asked between lives.
  void check_sample_log();
  /// The run has finished: the equation, the steps, the uses.
  void check_finished();

 private:
  Result<runtime::RunOutcome> live_inside();
  void forget_unsynced();
  void read_survived(bool promises_lost);
  void check_resumed(const ledger::Ledger& ledger, const cli::ResumePoint& point);

  FaultyRunShape shape_;
  std::uint64_t seed_;
  SimulatedFiles files_;
  FaultyDisk disk_;
  FaultyVfs vfs_;
  graphs::LoadResult loaded_;
  std::filesystem::path path_;
  Books books_;
  // What the next resume may not have forgotten.
  std::uint64_t life_ = 0, acknowledged_ = 0, synced_ = 0;
  std::uint32_t checkpoint_ = 0, journaled_ = 0;
  // Numbers of facts that the ledger kept through a loss of power by luck: they were acknowledged
  // as written and not as synced, and their lines in the sample log may be gone.
  std::set<std::uint64_t> unpromised_;
  bool finished_ = false;
};

}  // namespace troupe::test
