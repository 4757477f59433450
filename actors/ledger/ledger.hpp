#pragma once
// Ledger: the durable record of what became of every prompt and sample (DESIGN 4.3, 4.4). The
// coordinator of a run owns it and calls it from one thread; status readers open the file by
// themselves (status.hpp). State is held in memory; what changed is written to SQLite (WAL)
// in one transaction at most `commit_every` later, one checksummed row per prompt.
//
// Two kinds of failure: an event that cannot be (a second end of one sample, an unknown sample, a
// prompt admitted twice) gives ErrorCode::Internal and changes nothing: it is a bug of the caller
// and must fail the run. A commit that the disk refuses (DiskFull, Io) keeps everything in memory;
// a later commit writes it all.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "actors/ledger/accounts.hpp"
#include "schemas/base/clock.hpp"
#include "schemas/base/ids.hpp"
#include "schemas/base/result.hpp"

namespace troupe::ledger {

enum class Durability {
  Process,  // survives the death of the process
  Power,    // fsynced: survives the loss of power too; for checkpoints
};

struct LedgerOptions {
  std::filesystem::path path;         // ledger.sqlite; empty: in memory only (simulations)
  const Clock* clock = nullptr;       // when commits are due; without one only by commit_events
  Durability durable = Durability::Process;  // of every commit, at least
  Duration commit_every = std::chrono::milliseconds(100);
  std::uint32_t commit_events = 16384;  // commit after so many events, whatever the time
  /// Runs before each commit; its error is the commit's. The sample log flushes here, so that a
  /// sample that is finished in the ledger has its line.
  std::function<Result<void>(Durability)> before_commit;
  std::string vfs;  // name of a registered SQLite VFS; empty: the default one
};

struct Admission {
  PromptId prompt;
  std::uint64_t number = 0;      // its place in the order of admission; next_admission() or above
  Version version;               // of the newest published weights at that moment
  std::uint16_t group_size = 1;  // samples admitted with it: siblings 0 .. group_size - 1
};

/// What the learner took for one optimizer step. `step` counts from 1: weights with version.step
/// == step are its outcome. `pass` numbers the uses of one prompt: 0 for the first.
struct BatchUse {
  Version version;  // made by this step
  std::uint32_t pass = 0;
  std::span<const PromptId> prompts;
};

/// A prompt that has to be done again after a resume.
struct ReopenedPrompt {
  PromptId prompt;
  std::uint64_t number = 0;                // its former admission number
  std::uint16_t group_size = 1;
  std::vector<std::uint16_t> kept;         // siblings whose end stands (trained, delivered)
  std::vector<std::uint32_t> passes_done;  // uses by steps that the checkpoint contains
};

/// Where a dataset goes on after a resume: at `next` (in the dataset's own order), skipping
/// whatever `Ledger::is_resolved` knows; without a `next` right after `last`; without both at its
/// beginning.
struct DatasetCursor {
  std::uint32_t dataset = 0;
  std::optional<PromptId> next;      // first admitted prompt that is not resolved
  std::optional<PromptId> last;      // last admitted prompt
  std::vector<PromptId> resolved;    // admitted after `next` and resolved already
};

struct ReasonCount {
  End end = End::Failed;
  std::string reason;
  std::uint64_t samples = 0;
};

struct RepairReport {
  std::uint64_t reopened_prompts = 0;  // all that has to be done again
  std::uint64_t undone_samples = 0;    // of these: trained by steps after the checkpoint
  std::uint64_t forgotten_batches = 0;
  std::uint64_t corrupt_rows = 0;      // rows with a wrong checksum; their prompts are forgotten
  bool rebuilt_from_checkpoint = false;  // the file was older than the checkpoint, or gone
};

/// What committing has cost, and how far it was behind, since the ledger was opened.
struct CommitStats {
  std::uint64_t commits = 0;   // that wrote something
  std::uint64_t sequence = 0;  // number of the last event that is committed
  Duration behind_max{};       // from an event to the end of its commit; 0 without a clock
};

class Ledger {
 public:
  /// A ledger for a new run. Conflict when the file already has records.
  static Result<std::unique_ptr<Ledger>> create(LedgerOptions options);
  /// The ledger of a run that stopped or died, repaired from the checkpoint that the run goes on
  /// from (0: none). Prompts in flight, left over, or trained by a later step are reopened: they
  /// count as in flight and may be admitted once more; all other prompts stand. Of a reopened
  /// prompt the samples that were trained by then or delivered stand, and all others start over
  /// with attempt 0, ended ones too: a group is compared whole, so it is made again whole.
  /// Idempotent.
  /// `journaled`: prompts of steps that are in the journal after the checkpoint that the weights
  /// come from; `checkpoint_step` is then the last of these steps. They are in the hands of the
  /// learner, which trains them again: they are not reopened, and of what the life before had not
  /// recorded the ends follow.
  /// `summary`: what summary() gave when the checkpoint was made. If the file is older than that,
  /// or gone, it is made again from the summary: single records are then lost, the equation and
  /// the cursors are not. Corrupt: the file is damaged beyond single rows, or does not add up.
  static Result<std::unique_ptr<Ledger>> resume(LedgerOptions options,
                                                std::uint32_t checkpoint_step,
                                                const nlohmann::json* summary = nullptr,
                                                std::span<const PromptId> journaled = {});
  ~Ledger();

  /// Admits a prompt and its `group_size` samples (attempt 0). Reopened prompts must keep their
  /// group size; they may come under their former number or a fresh one. Siblings that were kept
  /// stay ended: see reopened().
  Result<void> admit(const Admission& admission);
  /// Ends `sample` and admits the next attempt at the same sibling, in one event.
  Result<SampleId> refill(const SampleId& sample, End end, std::string_view reason);
  /// The end of a sample. `step`: for Trained, the step that consumed it (above 0). Reasons are
  /// short sentences from a bounded set ("all rewards equal"); beyond 200 bytes they are cut,
  /// beyond 4,096 different ones they are counted together.
  Result<void> end(const SampleId& sample, End end, std::string_view reason,
                   std::uint32_t step = 0);
  /// Ends all samples of a prompt that are in flight alike, in one event: a commit has all or none
  /// of them. Returns how many; none in flight is a bug.
  Result<std::uint32_t> end_group(const GroupId& group, End end, std::string_view reason,
                                  std::uint32_t step = 0);
  /// The batch of a step. Every prompt must be in flight, and each (prompt, pass) is used at most
  /// once.
  Result<void> use(const BatchUse& use);
  /// Ends everything in flight as LeftOver: the run ends. Returns how many samples.
  Result<std::uint64_t> end_left_over(std::string_view reason);

  /// Writes all events so far. Cheap when there are none.
  Result<void> commit(Durability durability = Durability::Process);
  /// Packs what is committed and ended for good by the checkpoint of `step` (store.hpp), so that a
  /// long run's file grows by some ten bytes a prompt. Every question is answered as before. Call
  /// it after a checkpoint. Returns how many prompts; a refusal of the disk changes nothing.
  Result<std::uint64_t> pack(std::uint32_t step);
  /// Commits if one is due. Every event does this too; call it from a timer when it is quiet.
  Result<void> commit_if_due();

  Accounts accounts() const;
  std::vector<ReasonCount> reasons() const;  // most frequent first
  std::uint64_t next_admission() const;
  /// Admitted, and nothing of it is in flight or left over: a resume does not do it again.
  bool is_resolved(const PromptId& prompt) const;
  bool is_admitted(const PromptId& prompt) const;
  /// Samples of a prompt that can end now; none of a prompt that waits to be admitted again.
  std::vector<SampleId> in_flight(const PromptId& prompt) const;
  /// Whether a prompt in flight was used in that pass already.
  bool is_used(const PromptId& prompt, std::uint32_t pass) const;
  std::vector<DatasetCursor> cursors() const;
  /// Reopened and not yet admitted again, in the order of their former numbers.
  std::vector<ReopenedPrompt> reopened() const;
  const RepairReport& repair_report() const;
  /// Number of the last event; it only grows, also across resumes.
  std::uint64_t sequence() const;
  const CommitStats& commit_stats() const;
  /// `told` is called after every commit from now on: what accounts() says then is committed.
  void on_commit(std::function<void()> told);
  /// Equation, cursors, next admission and sequence, for the manifest of a checkpoint.
  nlohmann::json summary() const;

 private:
  struct State;
  explicit Ledger(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace troupe::ledger
