#pragma once
// Owners of SQLite handles, for this folder only. One thread per Database. Every failure is a
// Result: SQLITE_FULL is DiskFull, a damaged file Corrupt, a lock held by others Conflict.
#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "schemas/base/result.hpp"

namespace troupe::ledger {

class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  Statement& bind(int index, std::uint64_t value);
  Statement& bind_null(int index);
  /// The bytes must live until the next reset().
  Statement& bind_blob(int index, std::string_view bytes);
  Statement& bind_text(int index, std::string_view text);
  /// True: a row is there to read. False: done (and reset).
  Result<bool> step();
  /// For statements without rows.
  Result<void> run();
  void reset();

  std::uint64_t integer(int column) const;
  bool is_null(int column) const;
  std::string_view blob(int column) const;  // valid until the next step()
  std::string_view text(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
 public:
  enum class Access {
    ReadOnly,
    Immutable,  // ReadOnly, of a file that nobody changes, on a medium that cannot be written
    Create,
  };
  static Result<Database> open(const std::filesystem::path& path, Access access,
                               const std::string& vfs);
  Result<Statement> prepare(std::string_view sql);
  Result<void> execute(const char* sql);
  sqlite3* handle() const { return handle_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace troupe::ledger
