#include "actors/ledger/sqlite.hpp"

#include <fmt/format.h>

#include <cstring>

namespace troupe::ledger {
namespace {

constexpr int kBusyMilliseconds = 10'000;  // a status reader holds locks for moments only

/// `path`: of a file that could not be opened; SQLite does not know it then.
Error sqlite_error(sqlite3* handle, std::string_view what, int status, const char* path = nullptr) {
  const char* file = path ? path : handle ? sqlite3_db_filename(handle, "main") : nullptr;
  const int number = handle ? sqlite3_system_errno(handle) : 0;
  Error error;
  error.message = fmt::format("cannot {} the ledger{}: {}{}", what,
                              file && *file ? fmt::format(" '{}'", file) : "",
                              handle ? sqlite3_errmsg(handle) : sqlite3_errstr(status),
                              number ? fmt::format(" ({})", std::strerror(number)) : "");
  switch (status & 0xff) {
    case SQLITE_FULL:
      error.code = ErrorCode::DiskFull;
      error.help = "Free some space on that disk and repeat; what was committed is still there";
      break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      error.code = ErrorCode::Corrupt;
      error.help =
          "Restore the file from a copy, or delete it and the -wal and -shm beside it: `troupe "
          "resume` then makes it again from the newest checkpoint";
      break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      error.code = ErrorCode::Conflict;
      error.help = "Close other programs that have the ledger open and repeat";
      break;
    case SQLITE_CANTOPEN:
      error.code = ErrorCode::Io;
      error.help = "Check that the run directory is there and can be read and written";
      break;
    case SQLITE_NOMEM:
      error.code = ErrorCode::OutOfMemory;
      error.help = "Free some memory and repeat";
      break;
    default:
      error.code = ErrorCode::Io;
      error.help = "Check the disk and the permissions of the run directory";
  }
  return error;
}

std::string immutable_uri(std::string_view path) {
  std::string uri = "file:";
  for (char c : path) {
    if (c == '%' || c == '?' || c == '#')
      uri += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    else
      uri += c;
  }
  return uri + "?immutable=1";
}

}  // namespace

// Binding fails only for a wrong index or no memory: bugs of this folder, found by its tests.
Statement& Statement::bind(int index, std::uint64_t value) {
  const int status =
      sqlite3_bind_int64(statement_.get(), index, static_cast<sqlite3_int64>(value));
  TROUPE_ASSERT(status == SQLITE_OK, "bind of an integer");
  return *this;
}
Statement& Statement::bind_null(int index) {
  TROUPE_ASSERT(sqlite3_bind_null(statement_.get(), index) == SQLITE_OK, "bind of null");
  return *this;
}
Statement& Statement::bind_blob(int index, std::string_view bytes) {
  const int status = sqlite3_bind_blob64(statement_.get(), index, bytes.data() ? bytes.data() : "",
                                         bytes.size(), SQLITE_STATIC);
  TROUPE_ASSERT(status == SQLITE_OK, "bind of a blob");
  return *this;
}
Statement& Statement::bind_text(int index, std::string_view text) {
  const int status = sqlite3_bind_text64(statement_.get(), index, text.data() ? text.data() : "",
                                         text.size(), SQLITE_STATIC, SQLITE_UTF8);
  TROUPE_ASSERT(status == SQLITE_OK, "bind of a text");
  return *this;
}

Result<bool> Statement::step() {
  const int status = sqlite3_step(statement_.get());
  if (status == SQLITE_ROW) return true;
  if (status == SQLITE_DONE) {
    reset();
    return false;
  }
  sqlite3* handle = sqlite3_db_handle(statement_.get());
  Error error = sqlite_error(
      handle, sqlite3_stmt_readonly(statement_.get()) ? "read" : "write to", status);
  reset();
  return error;
}
Result<void> Statement::run() {
  TROUPE_ASSIGN(const bool row, step());
  if (row) reset();
  return {};
}
void Statement::reset() { sqlite3_reset(statement_.get()); }

std::uint64_t Statement::integer(int column) const {
  return static_cast<std::uint64_t>(sqlite3_column_int64(statement_.get(), column));
}
bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}
std::string_view Statement::blob(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  return {static_cast<const char*>(data),
          static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}
std::string_view Statement::text(int column) const {
  const unsigned char* data = sqlite3_column_text(statement_.get(), column);
  return {reinterpret_cast<const char*>(data),
          static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

Result<Database> Database::open(const std::filesystem::path& path, Access access,
                                const std::string& vfs) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  flags |= access == Access::Create ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                    : SQLITE_OPEN_READONLY;
  std::string name = path.string();
  if (access == Access::Immutable) {
    flags |= SQLITE_OPEN_URI;
    name = immutable_uri(name);
  }
  sqlite3* raw = nullptr;
  const int status =
      sqlite3_open_v2(name.c_str(), &raw, flags, vfs.empty() ? nullptr : vfs.c_str());
  Database database;
  database.handle_.reset(raw);
  if (status != SQLITE_OK) {
    return sqlite_error(raw, "open", status, path.c_str());
  }
  sqlite3_busy_timeout(raw, kBusyMilliseconds);
  return database;
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int status = sqlite3_prepare_v3(handle(), sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (status != SQLITE_OK) return sqlite_error(handle(), "read", status);
  return Statement(raw);
}

Result<void> Database::execute(const char* sql) {
  const int status = sqlite3_exec(handle(), sql, nullptr, nullptr, nullptr);
  if (status != SQLITE_OK) return sqlite_error(handle(), "write to", status);
  return {};
}

}  // namespace troupe::ledger
