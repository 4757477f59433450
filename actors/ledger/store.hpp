#pragma once
// Store: the tables of ledger.sqlite. For this folder: the ledger writes through it, status reads
// through it. One thread. Every row carries a CRC-32C of its fields; damaged ones are counted and
// left out. Errors as in sqlite.hpp; Unsupported for a later format.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "actors/ledger/prompt_record.hpp"
#include "actors/ledger/sqlite.hpp"

namespace troupe::ledger {

/// 2: ended prompts may lie packed in blocks.
inline constexpr std::uint32_t kLedgerFormat = 2;
/// What to do about a file that is damaged beyond single records.
inline constexpr const char* kMakeAgain =
    "Restore the file from a copy, or delete it and the -wal and -shm beside it: `troupe resume` then "
    "makes it again from the newest checkpoint";

/// Records of prompts whose checksum is wrong.
struct DamagedPrompts {
  std::vector<std::uint64_t> rows;  // by admission number
  std::uint64_t packed = 0;         // in damaged blocks
  std::uint64_t count() const { return rows.size() + packed; }
};

/// Running totals, written with every commit; independent of the records that they count.
struct Totals {
  std::uint64_t sequence = 0;
  std::uint64_t admitted_prompts = 0;
  std::uint64_t admitted_samples = 0;
  std::uint64_t next_admission = 0;
  bool operator==(const Totals&) const = default;
};

struct BatchRecord {
  Version version;
  std::uint32_t pass = 0;
  std::vector<PromptId> prompts;
  bool operator==(const BatchRecord&) const = default;
};

/// What one transaction changes.
struct Changes {
  std::vector<std::uint64_t> removed_numbers;  // rows of prompts that were admitted again
  std::vector<const PromptRecord*> prompts;
  std::vector<BatchRecord> batches;
  std::optional<std::uint32_t> forget_batches_after;
  std::vector<std::pair<std::uint32_t, std::string>> reasons;
  /// Makes the file describe nothing but what else is in this transaction.
  bool replace_everything = false;
  std::optional<std::string> base;  // Base of the ledger, as JSON; empty: none
  Totals totals;
};

class Store {
 public:
  static Result<Store> open_to_write(const std::filesystem::path& path, const std::string& vfs);
  /// Works beside a writer, on a file that a crash left, and on a read-only medium.
  static Result<Store> open_to_read(const std::filesystem::path& path,
                                    const std::string& vfs = {});

  /// Nothing when no commit has happened yet; Corrupt when its checksum is wrong.
  Result<std::optional<Totals>> totals();
  /// Visits the whole records in order; returns the others.
  Result<DamagedPrompts> each_prompt(const std::function<void(PromptRecord)>& visit);
  /// As each_prompt; returns how many others there are.
  Result<std::uint64_t> each_batch(const std::function<void(BatchRecord)>& visit);
  Result<std::vector<std::pair<std::uint32_t, std::string>>> reasons();
  Result<std::optional<std::string>> base();
  /// What the readers return belongs to one moment until end_reading().
  Result<void> begin_reading() { return database_.execute("BEGIN"); }
  Result<void> end_reading() { return database_.execute("COMMIT"); }

  /// Moves the rows of prompts that ended for good by `step` into compressed blocks of
  /// `block_rows`, some 10 bytes a prompt instead of 200; nothing of them is lost, and what is less
  /// than a block stays as it is. At most `blocks_max` blocks, each in a transaction of its own, so
  /// that nobody waits long. Returns how many rows were moved.
  Result<std::uint64_t> pack(std::uint32_t step, std::uint32_t block_rows,
                             std::uint32_t blocks_max);
  /// Makes rows again of the blocks in which a resume from the checkpoint of `step` changes
  /// anything. Returns how many rows.
  Result<std::uint64_t> unpack_changed(std::uint32_t step);

  /// All of it or nothing. `sync`: on stable storage when it returns. After an error other than
  /// DiskFull do not go on writing: what the disk failed to sync before may be gone.
  Result<void> write(const Changes& changes, bool sync);

 private:
  Result<void> write_rows(const Changes& changes);
  Result<void> put_row(const PromptRecord& record);
  /// The whole blocks in order, with the number that names each; damaged ones are counted.
  Result<std::uint64_t> each_block(
      const std::function<Result<void>(std::uint64_t, std::vector<PromptRecord>)>& visit);
  Result<std::optional<PromptRecord>> record_of(const Statement& row);
  Result<std::uint64_t> pack_block(std::uint32_t step, std::uint32_t block_rows,
                                   std::uint64_t& after);
  Result<void> in_transaction(const std::function<Result<void>()>& body);
  Result<void> prepare_writes();
  std::filesystem::path path_;
  Result<void> rewrite_log();
  Result<void> check_tables();
  Result<void> copy_log_back(const char* how);
  /// Whether closing copies the log back: never after a failure, for the log may have changed under
  /// SQLite's feet, which copies it without a look.
  void trust_log(bool trusted);
  Database database_;
  std::optional<Error> failed_;  // to sync the log; nothing is written after it
  std::unique_ptr<int> log_pages_;  // of the WAL, after the last commit; SQLite holds its address
  Statement put_prompt_, remove_prompt_, put_batch_, put_reason_, put_totals_;
};

}  // namespace troupe::ledger
