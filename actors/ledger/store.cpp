#include "actors/ledger/store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "actors/ledger/formats.hpp"
#include "actors/ledger/little_endian.hpp"
#include "actors/ledger/run_directory.hpp"
#include "schemas/base/crc32c.hpp"

namespace troupe::ledger {
namespace {

constexpr const char* kTables = R"sql(
CREATE TABLE IF NOT EXISTS totals(
  id INTEGER PRIMARY KEY, format INTEGER, sequence INTEGER, admitted_prompts INTEGER,
  admitted_samples INTEGER, next_admission INTEGER, crc INTEGER);
CREATE TABLE IF NOT EXISTS prompt(
  number INTEGER PRIMARY KEY, dataset INTEGER, epoch INTEGER, row INTEGER, position INTEGER,
  incarnation INTEGER, step INTEGER, group_size INTEGER, end INTEGER, samples BLOB, crc INTEGER);
CREATE TABLE IF NOT EXISTS batch(
  id INTEGER PRIMARY KEY, step INTEGER, incarnation INTEGER, pass INTEGER, prompts BLOB,
  crc INTEGER);
CREATE TABLE IF NOT EXISTS reason(id INTEGER PRIMARY KEY, text TEXT, crc INTEGER);
CREATE TABLE IF NOT EXISTS block(
  first INTEGER PRIMARY KEY, count INTEGER, prompts BLOB, crc INTEGER);
CREATE TABLE IF NOT EXISTS base(id INTEGER PRIMARY KEY, summary TEXT, crc INTEGER);
)sql";

constexpr std::size_t kPromptIdBytes = 16;
// 4 MB of WAL: copying it back syncs, so it should be rare, but whoever commits waits for it, so it
// should be short.
constexpr int kLogPages = 1000;

std::string encode_prompts(std::span<const PromptId> prompts) {
  std::string out;
  out.reserve(prompts.size() * kPromptIdBytes);
  for (const PromptId& prompt : prompts) {
    put(out, prompt.dataset);
    put(out, prompt.epoch);
    put(out, prompt.row);
  }
  return out;
}

std::uint32_t checksum(const Totals& totals) {
  std::string fields;
  put(fields, totals.sequence);
  put(fields, totals.admitted_prompts);
  put(fields, totals.admitted_samples);
  put(fields, totals.next_admission);
  return crc32c(std::string_view(fields));
}

std::uint32_t checksum(const BatchRecord& batch, std::string_view prompts) {
  std::string fields;
  put(fields, batch.version.incarnation);
  put(fields, batch.version.step);
  put(fields, batch.pass);
  return crc32c(prompts, crc32c(std::string_view(fields)));
}

/// Which program wrote the run that the ledger belongs to; empty: not known.
std::string writer_beside(const std::filesystem::path& ledger) {
  const auto info = read_run_info(real_disk(), ledger.parent_path());
  return info.ok() ? info->troupe_version : "";
}

std::uint32_t checksum(std::uint32_t reason, std::string_view text) {
  std::string fields;
  put(fields, reason);
  return crc32c(text, crc32c(std::string_view(fields)));
}

int note_log_pages(void* pages, sqlite3*, const char*, int count) {
  *static_cast<int*>(pages) = count;
  return SQLITE_OK;
}

std::uint32_t as_u32(std::uint64_t value) { return static_cast<std::uint32_t>(value); }

}  // namespace

Result<Store> Store::open_to_write(const std::filesystem::path& path, const std::string& vfs) {
  Store store;
  store.path_ = path;
  TROUPE_ASSIGN(store.database_, Database::open(path, Database::Access::Create, vfs));
  store.trust_log(false);
  TROUPE_TRY(store.database_.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"));
  // Before anything of a later program is touched.
  if (const auto stated = store.totals();
      !stated.ok() && stated.error().code == ErrorCode::Unsupported)
    return stated.error();
  // The log is copied back here and not by SQLite, which would keep a failed sync to itself: after
  // one, Linux may have dropped what the log says, and a later sync reports nothing.
  store.log_pages_ = std::make_unique<int>(0);
  sqlite3_wal_hook(store.database_.handle(), note_log_pages, store.log_pages_.get());
  TROUPE_TRY(store.rewrite_log());
  TROUPE_TRY(store.copy_log_back("PRAGMA wal_checkpoint(TRUNCATE)"));
  TROUPE_TRY(store.database_.execute(kTables));
  if (!store.database_.prepare("SELECT crc FROM reason").ok())  // made before reasons had one
    TROUPE_TRY(store.database_.execute("ALTER TABLE reason ADD COLUMN crc INTEGER"));
  TROUPE_TRY(store.check_tables());
  TROUPE_TRY(store.prepare_writes());
  store.trust_log(true);
  return store;
}

Result<Store> Store::open_to_read(const std::filesystem::path& path, const std::string& vfs) {
  Store store;
  store.path_ = path;
  TROUPE_ASSIGN(store.database_, Database::open(path, Database::Access::ReadOnly, vfs));
  auto first = store.totals();
  if (first.ok() || first.error().code != ErrorCode::Io) return store;
  // A medium that cannot be written has no place for the -shm file of a WAL. Without a -wal
  // beside it, the file alone is everything.
  std::filesystem::path log = path;
  log += "-wal";
  std::error_code code;
  const auto log_bytes = std::filesystem::file_size(log, code);
  if (!code && log_bytes > 0) return first.error();
  TROUPE_ASSIGN(store.database_, Database::open(path, Database::Access::Immutable, vfs));
  return store;
}

Result<void> Store::copy_log_back(const char* how) {
  TROUPE_ASSIGN(Statement copy, database_.prepare(how));
  *log_pages_ = 0;
  auto copied = copy.run();
  if (!copied.ok()) trust_log(false);
  return copied;
}

void Store::trust_log(bool trusted) {
  const int keep = trusted ? 0 : 1;
  sqlite3_db_config(database_.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep, nullptr);
}

// A changed letter in what SQLite keeps of a CREATE TABLE gives every row another meaning. Whoever
// changes kTables changes kLedgerFormat and lets the older texts pass here.
Result<void> Store::check_tables() {
  TROUPE_ASSIGN(Database fresh, Database::open(":memory:", Database::Access::Create, ""));
  TROUPE_TRY(fresh.execute(kTables));
  constexpr const char* kTexts = "SELECT name, sql FROM sqlite_master ORDER BY name";
  TROUPE_ASSIGN(Statement right, fresh.prepare(kTexts));
  TROUPE_ASSIGN(Statement stored, database_.prepare(kTexts));
  std::map<std::string, std::string, std::less<>> texts;
  for (;;) {
    TROUPE_ASSIGN(const bool row, stored.step());
    if (!row) break;
    texts.emplace(stored.text(0), stored.text(1));
  }
  for (;;) {
    TROUPE_ASSIGN(const bool row, right.step());
    if (!row) return {};
    const auto found = texts.find(right.text(0));
    if (found == texts.end() || found->second != right.text(1))
      return Error{ErrorCode::Corrupt,
                   fmt::format("'{}' is damaged: its table '{}' is not as troupe makes it",
                               sqlite3_db_filename(database_.handle(), "main"), right.text(0)),
                   kMakeAgain};
  }
}

// An earlier life may have failed to sync the log: what it wrote can still be read, but the system
// does not hold it for unwritten, so no sync would make it last. Copying such a log back and losing
// power would leave a new database under an old log. The same bytes are written once more.
Result<void> Store::rewrite_log() {
  TROUPE_ASSIGN(Statement touch, database_.prepare("SELECT 1 FROM sqlite_master"));
  TROUPE_TRY(touch.run());  // opens the log
  sqlite3_file* log = nullptr;
  sqlite3_file_control(database_.handle(), "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
  if (!log || !log->pMethods) return {};
  const auto failed = [&](int status) -> Result<void> {
    Error error{(status & 0xff) == SQLITE_FULL ? ErrorCode::DiskFull : ErrorCode::Io,
                fmt::format("cannot write '{}-wal' once more: {}",
                            sqlite3_db_filename(database_.handle(), "main"),
                            sqlite3_errstr(status)),
                "Check the disk and its free space, and repeat"};
    return error;
  };
  sqlite3_int64 size = 0;
  if (const int status = log->pMethods->xFileSize(log, &size)) return failed(status);
  std::string piece;
  constexpr sqlite3_int64 kPiece = 1 << 16;  // SQLite's own calls take less than 128 KiB
  for (sqlite3_int64 at = 0; at < size; at += kPiece) {
    const int length = static_cast<int>(std::min(kPiece, size - at));
    piece.resize(static_cast<std::size_t>(length));
    if (const int status = log->pMethods->xRead(log, piece.data(), length, at))
      return failed(status);
    if (const int status = log->pMethods->xWrite(log, piece.data(), length, at))
      return failed(status);
  }
  if (size == 0) return {};
  const int status = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
  return status == SQLITE_OK ? Result<void>() : failed(status);
}

Result<void> Store::prepare_writes() {
  TROUPE_ASSIGN(put_prompt_, database_.prepare("INSERT OR REPLACE INTO prompt VALUES "
                                               "(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)"));
  TROUPE_ASSIGN(remove_prompt_, database_.prepare("DELETE FROM prompt WHERE number = ?1"));
  TROUPE_ASSIGN(put_batch_, database_.prepare("INSERT INTO batch VALUES (NULL,?1,?2,?3,?4,?5)"));
  TROUPE_ASSIGN(put_reason_, database_.prepare("INSERT OR REPLACE INTO reason VALUES (?1,?2,?3)"));
  TROUPE_ASSIGN(put_totals_, database_.prepare("INSERT OR REPLACE INTO totals VALUES "
                                               "(0,?1,?2,?3,?4,?5,?6)"));
  return {};
}

Result<std::optional<Totals>> Store::totals() {
  TROUPE_ASSIGN(Statement exists, database_.prepare("SELECT 1 FROM sqlite_master WHERE "
                                                    "type = 'table' AND name = 'totals'"));
  TROUPE_ASSIGN(const bool made, exists.step());
  if (!made) return std::optional<Totals>();
  exists.reset();
  TROUPE_ASSIGN(Statement select,
                database_.prepare("SELECT format, sequence, admitted_prompts, admitted_samples, "
                                  "next_admission, crc FROM totals WHERE id = 0"));
  TROUPE_ASSIGN(const bool row, select.step());
  if (!row) return std::optional<Totals>();
  if (select.integer(0) > kLedgerFormat)
    return later_format("the ledger", select.integer(0), kLedgerFormat, writer_beside(path_));
  Totals totals{select.integer(1), select.integer(2), select.integer(3), select.integer(4)};
  if (select.integer(5) != checksum(totals))
    return Error{ErrorCode::Corrupt,
                 fmt::format("the totals in '{}' have a wrong checksum",
                             sqlite3_db_filename(database_.handle(), "main")),
                 kMakeAgain};
  return std::optional<Totals>(totals);
}

Result<std::optional<PromptRecord>> Store::record_of(const Statement& row) {
  PromptRecord record;
  record.number = row.integer(0);
  record.id = {as_u32(row.integer(1)), as_u32(row.integer(2)), row.integer(3)};
  record.position = row.integer(4);
  record.version = {as_u32(row.integer(5)), as_u32(row.integer(6))};
  const std::uint64_t group_size = row.integer(7);
  const std::string_view samples = row.blob(8);
  if (group_size > UINT16_MAX ||
      !decode_samples(samples, static_cast<std::uint16_t>(group_size), record) ||
      ledger::checksum(record, samples) != row.integer(9))
    return std::optional<PromptRecord>();
  return std::optional<PromptRecord>(std::move(record));
}

Result<DamagedPrompts> Store::each_prompt(const std::function<void(PromptRecord)>& visit) {
  DamagedPrompts damaged;
  TROUPE_ASSIGN(damaged.packed,
                each_block([&](std::uint64_t, std::vector<PromptRecord> records) {
                  for (PromptRecord& record : records) visit(std::move(record));
                  return Result<void>();
                }));
  TROUPE_ASSIGN(Statement select,
                database_.prepare("SELECT number, dataset, epoch, row, position, incarnation, "
                                  "step, group_size, samples, crc FROM prompt ORDER BY number"));
  for (;;) {
    TROUPE_ASSIGN(const bool row, select.step());
    if (!row) return damaged;
    TROUPE_ASSIGN(auto record, record_of(select));
    if (record)
      visit(std::move(*record));
    else
      damaged.rows.push_back(select.integer(0));
  }
}

Result<std::uint64_t> Store::each_batch(const std::function<void(BatchRecord)>& visit) {
  TROUPE_ASSIGN(Statement select, database_.prepare("SELECT step, incarnation, pass, prompts, crc "
                                                    "FROM batch ORDER BY id"));
  std::uint64_t damaged = 0;
  for (;;) {
    TROUPE_ASSIGN(const bool row, select.step());
    if (!row) return damaged;
    BatchRecord batch;
    batch.version = {as_u32(select.integer(1)), as_u32(select.integer(0))};
    batch.pass = as_u32(select.integer(2));
    std::string_view prompts = select.blob(3);
    if (prompts.size() % kPromptIdBytes != 0 || checksum(batch, prompts) != select.integer(4)) {
      ++damaged;
      continue;
    }
    while (!prompts.empty()) {
      PromptId prompt;
      prompt.dataset = take<std::uint32_t>(prompts);
      prompt.epoch = take<std::uint32_t>(prompts);
      prompt.row = take<std::uint64_t>(prompts);
      batch.prompts.push_back(prompt);
    }
    visit(std::move(batch));
  }
}

Result<std::vector<std::pair<std::uint32_t, std::string>>> Store::reasons() {
  auto prepared = database_.prepare("SELECT id, text, crc FROM reason ORDER BY id");
  if (!prepared.ok())  // made before reasons had a checksum
    prepared = database_.prepare("SELECT id, text, NULL FROM reason ORDER BY id");
  if (!prepared.ok()) return prepared.error();
  Statement select = std::move(*prepared);
  std::vector<std::pair<std::uint32_t, std::string>> reasons;
  for (;;) {
    TROUPE_ASSIGN(const bool row, select.step());
    if (!row) return reasons;
    const std::uint32_t id = as_u32(select.integer(0));
    const bool whole = select.is_null(2) || select.integer(2) == checksum(id, select.text(1));
    reasons.emplace_back(id, whole ? select.text(1) : "a reason whose record is damaged");
  }
}

Result<std::optional<std::string>> Store::base() {
  TROUPE_ASSIGN(Statement select, database_.prepare("SELECT summary, crc FROM base WHERE id = 0"));
  TROUPE_ASSIGN(const bool row, select.step());
  if (!row) return std::optional<std::string>();
  std::string summary(select.text(0));
  if (select.integer(1) != crc32c(std::string_view(summary)))
    return Error{ErrorCode::Corrupt,
                 fmt::format("the base in '{}' has a wrong checksum",
                             sqlite3_db_filename(database_.handle(), "main")),
                 kMakeAgain};
  return std::optional<std::string>(std::move(summary));
}

Result<void> Store::put_row(const PromptRecord& record) {
  const std::string samples = encode_samples(record);
  put_prompt_.bind(1, record.number)
      .bind(2, record.id.dataset)
      .bind(3, record.id.epoch)
      .bind(4, record.id.row)
      .bind(5, record.position)
      .bind(6, record.version.incarnation)
      .bind(7, record.version.step)
      .bind(8, record.group_size())
      .bind_blob(10, samples)
      .bind(11, ledger::checksum(record, samples));
  if (const auto end = record.end())
    put_prompt_.bind(9, static_cast<std::uint64_t>(*end));
  else
    put_prompt_.bind_null(9);
  return put_prompt_.run();
}

Result<void> Store::write_rows(const Changes& changes) {
  if (changes.replace_everything)
    TROUPE_TRY(database_.execute(
        "DELETE FROM prompt; DELETE FROM block; DELETE FROM batch; DELETE FROM reason; "
        "DELETE FROM base;"));
  for (std::uint64_t number : changes.removed_numbers)
    TROUPE_TRY(remove_prompt_.bind(1, number).run());
  for (const PromptRecord* record : changes.prompts) TROUPE_TRY(put_row(*record));
  if (changes.forget_batches_after) {
    TROUPE_ASSIGN(Statement remove, database_.prepare("DELETE FROM batch WHERE step > ?1"));
    TROUPE_TRY(remove.bind(1, *changes.forget_batches_after).run());
  }
  for (const BatchRecord& batch : changes.batches) {
    const std::string prompts = encode_prompts(batch.prompts);
    put_batch_.bind(1, batch.version.step)
        .bind(2, batch.version.incarnation)
        .bind(3, batch.pass)
        .bind_blob(4, prompts)
        .bind(5, checksum(batch, prompts));
    TROUPE_TRY(put_batch_.run());
  }
  for (const auto& [id, text] : changes.reasons)
    TROUPE_TRY(put_reason_.bind(1, id).bind_text(2, text).bind(3, checksum(id, text)).run());
  if (changes.base) {
    TROUPE_ASSIGN(Statement put_base,
                  database_.prepare("INSERT OR REPLACE INTO base VALUES (0,?1,?2)"));
    TROUPE_TRY(put_base.bind_text(1, *changes.base)
                   .bind(2, crc32c(std::string_view(*changes.base)))
                   .run());
  }
  return put_totals_.bind(1, kLedgerFormat)
      .bind(2, changes.totals.sequence)
      .bind(3, changes.totals.admitted_prompts)
      .bind(4, changes.totals.admitted_samples)
      .bind(5, changes.totals.next_admission)
      .bind(6, checksum(changes.totals))
      .run();
}

Result<void> Store::in_transaction(const std::function<Result<void>()>& body) {
  if (failed_) return *failed_;
  Result<void> result = database_.execute("BEGIN IMMEDIATE");
  if (!result.ok()) return result;
  result = body();
  if (result.ok()) result = database_.execute("COMMIT");
  // After some errors SQLite has rolled back by itself; a second time is harmless.
  if (!result.ok() && !sqlite3_get_autocommit(database_.handle()))
    (void)database_.execute("ROLLBACK");
  if (!result.ok()) trust_log(false);
  return result;
}

Result<void> Store::write(const Changes& changes, bool sync) {
  if (failed_) return *failed_;
  // In WAL mode FULL syncs the log with the commit, NORMAL only when the log is copied back.
  if (sync) TROUPE_TRY(database_.execute("PRAGMA synchronous=FULL"));
  const Result<void> result = in_transaction([&] { return write_rows(changes); });
  if (sync) TROUPE_TRY(database_.execute("PRAGMA synchronous=NORMAL"));
  if (!result.ok() || *log_pages_ < kLogPages) return result;
  // This commit stands, whatever becomes of the log.
  if (auto copied = copy_log_back("PRAGMA wal_checkpoint(PASSIVE)");
      !copied.ok() && copied.error().code == ErrorCode::Io)
    failed_ = copied.error();
  return {};
}

}  // namespace troupe::ledger
