#pragma once
// The inside of Ledger: what it holds in memory, and how that is loaded, repaired and committed.
// For this folder only.
#include <deque>
#include <map>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "actors/ledger/ledger.hpp"
#include "actors/ledger/prompt_record.hpp"
#include "actors/ledger/reasons.hpp"
#include "actors/ledger/seen_prompts.hpp"
#include "actors/ledger/store.hpp"

namespace troupe::ledger {

/// A prompt that is in flight, or whose end is not committed yet.
struct Entry {
  PromptRecord record;
  std::uint32_t in_flight = 0;  // samples
  bool dirty = false;           // differs from the store
  bool awaited = false;         // reopened and not admitted again yet
  std::vector<std::pair<std::uint32_t, std::uint32_t>> uses;  // pass, step

  bool used(std::uint32_t pass) const {
    for (const auto& [done, step] : uses)
      if (done == pass) return true;
    return false;
  }
};

struct Dataset {
  std::uint64_t admitted = 0;       // prompts, ever: the position of the next one
  std::optional<PromptId> last;
  std::deque<PromptId> unresolved;  // from the first unresolved one on, in order of admission
  // From the checkpoint, when the ledger had to be made again.
  std::optional<PromptId> base_next;
  std::vector<PromptId> base_resolved;
};

struct Ledger::State {
  explicit State(LedgerOptions given) : options(std::move(given)) {}

  LedgerOptions options;
  std::optional<Store> store;  // nothing: in memory only
  Totals totals;
  Accounts ended;       // ends only: everything committed or in `open` that has ended
  Accounts left_over;   // the part of `ended` that a resume undoes: prompts with a left-over sample
  std::unordered_map<PromptId, Entry> open;
  SeenPrompts seen;
  std::unordered_set<PromptId> journaled;  // at a resume: trained again from the journal
  std::map<std::uint32_t, Dataset> datasets;
  Reasons reasons;
  RepairReport repair;

  // Waiting for the next commit.
  std::vector<Entry*> dirty;  // nodes of `open`: their addresses are stable
  std::vector<std::uint64_t> removed_numbers;
  std::vector<BatchRecord> batches;
  std::optional<std::uint32_t> forget_batches_after;
  std::optional<std::string> new_base;  // the store is replaced by it
  std::uint64_t events_waiting = 0;     // not committed
  std::uint64_t events_since_try = 0;
  std::optional<Error> distrusted;      // the disk failed to sync: nothing is written any more
  TimePoint last_try{};
  std::optional<TimePoint> waiting_since;  // the first event that is not committed; with a clock
  CommitStats stats;
  std::function<void()> committed;

  Error bug(std::string message) const {
    return {ErrorCode::Internal, std::move(message),
            "This is a bug of troupe: report it with the run directory's log.jsonl"};
  }

  // Events (ledger_state.cpp).
  Result<Entry*> find_in_flight(const SampleId& sample);
  Result<void> admit_again(const Admission& admission);
  void end_sample(Entry& entry, std::uint16_t sibling, End end, std::uint32_t reason,
                  std::uint32_t step);
  void end_in_flight(Entry& entry, End end, std::uint32_t reason, std::uint32_t step);
  void prompt_ended(Entry& entry);
  void mark_dirty(Entry& entry);
  void drop_ended();
  Result<void> happened(Entry& entry);
  Result<void> event();
  Accounts accounts() const;
  nlohmann::json summary(const std::vector<DatasetCursor>& cursors) const;

  // The store (ledger_commit.cpp).
  Result<void> open_store();
  Result<void> commit(Durability durability);
  Result<void> commit_if_due();
  Result<void> load(std::uint32_t checkpoint_step, const nlohmann::json* checkpoint);
  Result<void> load_rows(std::uint32_t checkpoint_step);
  Result<void> apply_base(const std::string& text);
  void take_record(PromptRecord record, std::uint32_t checkpoint_step);
};

/// A prompt that a resume does not do again.
bool is_finished(const PromptRecord& record);

}  // namespace troupe::ledger
