#pragma once
// RunDirectory: everything one run wrote, under runs/<name>-<NNN>. Whoever runs or resumes holds
// its lock (of the file `lock`: the kernel drops it when the process dies, however it dies);
// readers need none. No absolute path is stored, so a directory can be moved. One owner, any one
// thread.
//
//   graph.toml plan.json     the file as given, and the checked plan
//   run.json run.copy.json   RunInfo, replaced atomically, with a checksum; the copy for when
//                            the first is damaged
//   ledger.sqlite            ledger.hpp            samples/        sample_log.hpp
//   journal/                 journal.hpp
//   checkpoints/             checkpoints.hpp       stages.json     StageCounts, now and then
//   metrics.jsonl events/ log.jsonl                actors/observe
//   data.json                which data it reads, and rows left out (actors/cli)
//   lock stop.request        who runs it, and what it was asked
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/base/disk.hpp"
#include "schemas/base/result.hpp"

namespace troupe::ledger {

inline constexpr std::uint32_t kRunFormat = 1;

enum class RunState { Running, Stopped, Finished, Failed };
/// "running", "stopped", "finished", "failed".
std::string_view name_of(RunState state);

struct RunInfo {
  std::uint32_t format = kRunFormat;
  std::string troupe_version;  // of the program that last ran it
  std::string name;
  std::uint64_t seed = 0;
  std::int64_t pid = 0;
  RunState state = RunState::Running;
  std::string reason;             // why it stopped or failed; empty while running
  std::uint32_t incarnation = 0;  // lives of this run before the present one
  std::string graph_hash;         // of the plan
  std::vector<std::string> repairs;  // what the last resume found damaged, in sentences
  std::string mended;                // not stored: how these could be read although damaged
  double created_seconds = 0;     // since 1970, for people
  double updated_seconds = 0;
};

/// What a new run is made from.
struct NewRun {
  std::string name;  // [A-Za-z0-9._-]+, not starting with a dot
  std::uint64_t seed = 0;
  std::string troupe_version;
  std::string graph_text;  // graph.toml, byte for byte
  std::string plan_json;
  std::string graph_hash;
  double wall_seconds = 0;
};

struct StopRequest {
  bool drain = false;  // finish what is in flight first
};

struct StageCounts {
  std::string name;
  std::string state;  // "busy", "idle", "blocked", "ended"
  std::uint64_t received = 0;
  std::uint64_t sent = 0;
  std::uint64_t ended = 0;  // samples that ended here
  std::string waits_for;    // edge or engine, for people; may be empty
};

class RunDirectory {
 public:
  /// Makes base/<name>-<NNN> with the number after the highest one there, locks it and writes
  /// graph.toml, plan.json, run.json. Safe against others doing the same at the same time.
  static Result<RunDirectory> create(Disk& disk, const std::filesystem::path& base,
                                     const NewRun& run);
  /// Locks an existing directory to go on with it: state Running, next incarnation, this pid. A
  /// stale stop request is removed. NotFound: no run there. Conflict: "another run (pid N) uses".
  /// Unsupported: made by a later format. `troupe_version`: of this program; empty: as it was.
  static Result<RunDirectory> open_to_resume(Disk& disk, const std::filesystem::path& path,
                                             double wall_seconds,
                                             std::string_view troupe_version = {});
  RunDirectory(RunDirectory&&) noexcept;
  RunDirectory& operator=(RunDirectory&&) noexcept;
  /// Releases the lock. Does not change run.json.
  ~RunDirectory();

  const std::filesystem::path& path() const { return path_; }
  const RunInfo& info() const { return info_; }

  /// Records how the run ended, or that it runs.
  Result<void> set_state(RunState state, std::string reason, double wall_seconds);
  /// Records what a resume found damaged and mended; without any, forgets what an earlier one did.
  Result<void> set_repairs(std::vector<std::string> repairs);
  /// Replaces stages.json.
  Result<void> write_stages(const std::vector<StageCounts>& stages);
  /// What somebody asked with request_stop; the host asks every half second or so.
  std::optional<StopRequest> stop_requested() const;

  std::filesystem::path graph_file() const { return path_ / "graph.toml"; }
  std::filesystem::path plan_file() const { return path_ / "plan.json"; }
  std::filesystem::path ledger_file() const { return path_ / "ledger.sqlite"; }
  std::filesystem::path samples_folder() const { return path_ / "samples"; }
  std::filesystem::path checkpoints_folder() const { return path_ / "checkpoints"; }
  std::filesystem::path journal_folder() const { return path_ / "journal"; }
  std::filesystem::path metrics_file() const { return path_ / "metrics.jsonl"; }
  std::filesystem::path events_folder() const { return path_ / "events"; }
  std::filesystem::path log_file() const { return path_ / "log.jsonl"; }

 private:
  RunDirectory(Disk& disk, std::filesystem::path path, std::unique_ptr<DiskLock> lock,
               RunInfo info);
  Disk* disk_;
  std::filesystem::path path_;
  std::unique_ptr<DiskLock> lock_;
  RunInfo info_;
};

/// Reads run.json without locking. NotFound when `path` is no run directory.
Result<RunInfo> read_run_info(Disk& disk, const std::filesystem::path& path);
/// Whether a living process holds the lock, and its pid if known.
LockHolder lock_state(Disk& disk, const std::filesystem::path& path);
/// Asks the process that runs there to stop. NotFound: nothing runs there (and what to do).
Result<void> request_stop(Disk& disk, const std::filesystem::path& path, StopRequest request);
/// `name` resolved as a person types it: a run directory, or base/`name`, or the newest
/// base/<name>-<NNN>.
Result<std::filesystem::path> find_run(Disk& disk, const std::filesystem::path& base,
                                       std::string_view name);

}  // namespace troupe::ledger
