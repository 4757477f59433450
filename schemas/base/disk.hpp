#pragma once
// Disk: every file that Troupe writes goes through here, so that tests can fill it, tear writes
// and cut the power. Paths are absolute or relative to the process. Calls block; they are made
// from engines' threads or by hosts at points where blocking is allowed (ledger commits).
// Errors: DiskFull, NotFound, Io, with the path in the message.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/base/result.hpp"

namespace troupe {

/// A file open for writing; closed by the destructor (without sync). One owner.
class DiskFile {
 public:
  virtual ~DiskFile() = default;
  virtual Result<void> write(std::span<const std::byte> bytes) = 0;
  /// Hands the bytes written so far to the operating system.
  virtual Result<void> flush() = 0;
  /// Returns once the bytes are on stable storage.
  virtual Result<void> sync() = 0;
  Result<void> write(std::string_view text) {
    return write(std::as_bytes(std::span(text.data(), text.size())));
  }
};

/// A lock on a file: ends with this object, or with the process, however it dies. One owner.
class DiskLock {
 public:
  virtual ~DiskLock() = default;
};

/// Who holds the lock of a file, as far as it said so in the file.
struct LockHolder {
  bool held = false;
  std::int64_t pid = 0;  // 0: not known
};

/// A file open for reading anywhere. Immutable as far as the file is; any thread.
class DiskReader {
 public:
  virtual ~DiskReader() = default;
  virtual std::uint64_t size() const = 0;
  /// Fills `bytes` from `offset` on; fewer than asked only at the end of the file.
  virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<char> bytes) const = 0;
};

/// A file without a name that goes away with its owner, however the process ends. Filled by one
/// owner first, then read.
class ScratchFile : public DiskReader {
 public:
  virtual Result<void> append(std::string_view bytes) = 0;
};

class Disk {
 public:
  virtual ~Disk() = default;
  virtual Result<std::unique_ptr<DiskFile>> create(const std::filesystem::path& path) = 0;
  virtual Result<std::unique_ptr<DiskFile>> append(const std::filesystem::path& path) = 0;
  /// Whole content; files over `limit` bytes are an error.
  virtual Result<std::string> read(const std::filesystem::path& path,
                                   std::uint64_t limit = 64ull << 20) = 0;
  /// The content in pieces, for files that should not be held whole (checkpoints).
  virtual Result<void> scan(const std::filesystem::path& path,
                            const std::function<void(std::span<const std::byte>)>& visit);
  /// For reading in pieces; the file stays open as long as the reader lives.
  virtual Result<std::unique_ptr<DiskReader>> open(const std::filesystem::path& path);
  /// On the disk for temporary files (TMPDIR, else /tmp).
  virtual Result<std::unique_ptr<ScratchFile>> scratch();
  /// Syncs a file that somebody else wrote and closed.
  virtual Result<void> sync_file(const std::filesystem::path& path);
  virtual Result<void> rename(const std::filesystem::path& from,
                              const std::filesystem::path& to) = 0;
  virtual Result<void> remove_all(const std::filesystem::path& path) = 0;
  virtual Result<void> make_directories(const std::filesystem::path& path) = 0;
  /// Names in a directory, sorted.
  virtual Result<std::vector<std::string>> list(const std::filesystem::path& path) = 0;
  /// Makes renames and creations in this directory durable.
  virtual Result<void> sync_directory(const std::filesystem::path& path) = 0;
  virtual bool exists(const std::filesystem::path& path) = 0;
  /// Locks a file (made if absent) and notes `pid` in it. Nothing: another process has it locked,
  /// which `holder` then names. A disk that only wraps the real one may leave both to it.
  virtual Result<std::unique_ptr<DiskLock>> lock(const std::filesystem::path& path,
                                                 std::int64_t pid, LockHolder& holder);
  virtual LockHolder lock_holder(const std::filesystem::path& path);

  /// make_directories, and what was made is there after a loss of power too.
  Result<void> make_lasting_directories(const std::filesystem::path& path);
  /// Writes aside, syncs, renames, syncs the directory: the file has its old or its new content.
  Result<void> replace(const std::filesystem::path& path, std::string_view content);
};

/// The error of a call that failed with this errno, for whoever implements a Disk.
Error disk_error(const char* what, const std::filesystem::path& path, int number);
/// The operating system's file system. Lives as long as the process.
Disk& real_disk();

}  // namespace troupe
