#pragma once
// SampleKeeper: has closed segments of a run's sample log compressed and old ones removed, beside
// the run. One owner, one thread calls it; the work itself goes to the runner and touches nothing
// but files and what is shared here. What the disk refuses is told and tried again with the next
// segment: a log that stays large must not end a run.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "actors/ledger/sample_retention.hpp"

namespace troupe::cli {

class SampleKeeper {
 public:
  /// Runs the job soon, on any thread, one at a time.
  using Runner = std::function<void(std::function<void()>)>;

  SampleKeeper(Disk& disk, std::filesystem::path folder, ledger::RetentionRules rules);
  /// Without a runner jobs run in look().
  void run_on(Runner runner) { runner_ = std::move(runner); }

  /// Begins a job when segments were closed since the last one. Returns what the last job has to
  /// say: an error, or damage that it found.
  std::optional<std::string> look(std::uint32_t open_segment);

 private:
  struct Shared {
    std::mutex mutex;
    bool busy = false;
    std::optional<std::string> said;
  };
  Disk& disk_;
  std::filesystem::path folder_;
  ledger::RetentionRules rules_;
  Runner runner_;
  std::uint32_t done_to_ = 1;  // segments before it were looked after
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace troupe::cli
