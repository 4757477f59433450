#include "schemas/base/disk.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace troupe {
namespace fs = std::filesystem;

Error disk_error(const char* what, const fs::path& path, int number) {
  Error error;
  error.message =
      std::string("cannot ") + what + " '" + path.string() + "': " + std::strerror(number);
  switch (number) {
    case ENOSPC:
    case EDQUOT:
      error.code = ErrorCode::DiskFull;
      error.help = "Free some space on that disk and repeat; what was committed is still there";
      break;
    case ENOENT:
      error.code = ErrorCode::NotFound;
      error.help = "Check the path";
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      error.code = ErrorCode::Io;
      error.help = "Check the permissions of the path, or choose another place";
      break;
    default:
      error.code = ErrorCode::Io;
      error.help = "Check the disk and the path";
  }
  return error;
}

namespace {

constexpr std::uint64_t kStartWritingBytes = 4u << 20;

class PosixFile final : public DiskFile {
 public:
  PosixFile(int fd, fs::path path) : fd_(fd), path_(std::move(path)) {}
  ~PosixFile() override { ::close(fd_); }

  Result<void> write(std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0) {
        if (errno == EINTR) continue;
        return disk_error("write", path_, errno);
      }
      bytes = bytes.subspan(static_cast<std::size_t>(n));
      unstarted_ += static_cast<std::uint64_t>(n);
    }
    // The kernel would keep all of a large file until it is synced, and the sync would then take
    // as long as the disk needs for all of it. An error shows at the sync.
    if (unstarted_ >= kStartWritingBytes) {
      (void)::sync_file_range(fd_, 0, 0, SYNC_FILE_RANGE_WRITE);
      unstarted_ = 0;
    }
    return {};
  }
  Result<void> flush() override { return {}; }
  Result<void> sync() override {
    if (::fdatasync(fd_) != 0) return disk_error("sync", path_, errno);
    return {};
  }

 private:
  int fd_;
  fs::path path_;
  std::uint64_t unstarted_ = 0;  // written since the kernel was last told to begin
};

class PosixReader final : public ScratchFile {
 public:
  PosixReader(int fd, std::uint64_t size, fs::path path)
      : fd_(fd), size_(size), path_(std::move(path)) {}
  ~PosixReader() override { ::close(fd_); }

  std::uint64_t size() const override { return size_; }
  Result<std::size_t> read_at(std::uint64_t offset, std::span<char> bytes) const override {
    std::size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t n =
          ::pread(fd_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return disk_error("read", path_, errno);
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }
  Result<void> append(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(size_));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return disk_error("write", path_, errno);
      bytes.remove_prefix(static_cast<std::size_t>(n));
      size_ += static_cast<std::uint64_t>(n);
    }
    return {};
  }

 private:
  int fd_;
  std::uint64_t size_;
  fs::path path_;
};

/// What a disk without files of its own gives.
class TextReader final : public ScratchFile {
 public:
  explicit TextReader(std::string content) : content_(std::move(content)) {}
  std::uint64_t size() const override { return content_.size(); }
  Result<std::size_t> read_at(std::uint64_t offset, std::span<char> bytes) const override {
    if (offset >= content_.size()) return std::size_t{0};
    return content_.copy(bytes.data(), bytes.size(), offset);
  }
  Result<void> append(std::string_view bytes) override {
    content_ += bytes;
    return {};
  }

 private:
  std::string content_;
};

class PosixDisk final : public Disk {
 public:
  Result<std::unique_ptr<DiskFile>> create(const fs::path& path) override {
    return open_to_write(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);
  }
  Result<std::unique_ptr<DiskFile>> append(const fs::path& path) override {
    return open_to_write(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC);
  }
  Result<std::string> read(const fs::path& path, std::uint64_t limit) override {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return disk_error("open", path, errno);
    std::string content;
    char buffer[1 << 16];
    for (;;) {
      const ssize_t n = ::read(fd, buffer, sizeof buffer);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        const int number = errno;
        ::close(fd);
        return disk_error("read", path, number);
      }
      if (n == 0) break;
      content.append(buffer, static_cast<std::size_t>(n));
      if (content.size() > limit) {
        ::close(fd);
        return Error{ErrorCode::Unsupported,
                     "'" + path.string() + "' is larger than " + std::to_string(limit) + " bytes",
                     "Is it the right file?"};
      }
    }
    ::close(fd);
    return content;
  }
  Result<void> scan(const fs::path& path,
                    const std::function<void(std::span<const std::byte>)>& visit) override {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return disk_error("open", path, errno);
    std::vector<std::byte> buffer(1u << 20);
    for (;;) {
      const ssize_t n = ::read(fd, buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) {
        const int number = errno;
        ::close(fd);
        if (n < 0) return disk_error("read", path, number);
        return {};
      }
      visit(std::span(buffer).first(static_cast<std::size_t>(n)));
    }
  }
  Result<std::unique_ptr<DiskReader>> open(const fs::path& path) override {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return disk_error("open", path, errno);
    struct stat status = {};
    if (::fstat(fd, &status) != 0 || S_ISDIR(status.st_mode)) {
      const int number = S_ISDIR(status.st_mode) ? EISDIR : errno;
      ::close(fd);
      return disk_error("open", path, number);
    }
    return std::unique_ptr<DiskReader>(
        std::make_unique<PosixReader>(fd, static_cast<std::uint64_t>(status.st_size), path));
  }
  Result<std::unique_ptr<ScratchFile>> scratch() override {
    std::error_code code;
    fs::path folder = fs::temp_directory_path(code);
    if (code) folder = "/tmp";
    int fd = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) {  // a file system that cannot: a name for a moment
      std::string name = (folder / "troupe-scratch-XXXXXX").string();
      fd = ::mkostemp(name.data(), O_CLOEXEC);
      if (fd >= 0) ::unlink(name.c_str());
    }
    if (fd < 0) return disk_error("create a temporary file in", folder, errno);
    return std::unique_ptr<ScratchFile>(std::make_unique<PosixReader>(fd, 0, folder));
  }
  Result<void> rename(const fs::path& from, const fs::path& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return disk_error("rename", from, errno);
    return {};
  }
  Result<void> remove_all(const fs::path& path) override {
    std::error_code code;
    fs::remove_all(path, code);
    if (code) return disk_error("remove", path, code.value());
    return {};
  }
  Result<void> make_directories(const fs::path& path) override {
    std::error_code code;
    fs::create_directories(path, code);
    if (code) return disk_error("create", path, code.value());
    return {};
  }
  Result<std::vector<std::string>> list(const fs::path& path) override {
    std::error_code code;
    std::vector<std::string> names;
    for (fs::directory_iterator it(path, code), end; !code && it != end; it.increment(code))
      names.push_back(it->path().filename().string());
    if (code) return disk_error("list", path, code.value());
    std::sort(names.begin(), names.end());
    return names;
  }
  Result<void> sync_directory(const fs::path& path) override {
    const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return disk_error("open", path, errno);
    const int status = ::fsync(fd);
    const int number = errno;
    ::close(fd);
    if (status != 0) return disk_error("sync", path, number);
    return {};
  }
  bool exists(const fs::path& path) override {
    std::error_code code;
    return fs::exists(path, code);
  }

 private:
  Result<std::unique_ptr<DiskFile>> open_to_write(const fs::path& path, int flags) {
    const int fd = ::open(path.c_str(), flags, 0644);
    if (fd < 0) return disk_error("create", path, errno);
    return std::unique_ptr<DiskFile>(std::make_unique<PosixFile>(fd, path));
  }
};

// An open-file-description lock: the kernel drops it when the last descriptor closes, and asking
// who holds it does not take it (flock has no such question). O_CLOEXEC keeps the descriptor from
// child programs, which may outlive the run.
class PosixLock final : public DiskLock {
 public:
  explicit PosixLock(int fd) : fd_(fd) {}
  ~PosixLock() override { ::close(fd_); }

 private:
  int fd_;
};

struct flock whole_file() {
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  return range;
}

std::int64_t read_pid(int fd) {
  char text[32] = {};
  const ssize_t size = ::pread(fd, text, sizeof text - 1, 0);
  std::int64_t pid = 0;
  if (size > 0) std::from_chars(text, text + size, pid);
  return pid;
}

}  // namespace

Result<std::unique_ptr<DiskLock>> Disk::lock(const fs::path& path, std::int64_t pid,
                                             LockHolder& holder) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return disk_error("lock", path, errno);
  struct flock range = whole_file();
  if (::fcntl(fd, F_OFD_SETLK, &range) != 0) {
    const int number = errno;
    holder = {true, read_pid(fd)};
    ::close(fd);
    if (number == EAGAIN || number == EACCES) return std::unique_ptr<DiskLock>();
    Error error = disk_error("lock", path, number);
    error.help = "Put it on a disk that supports file locks";
    return error;
  }
  // For people only; a full disk must not keep a run from being resumed, so what becomes of the
  // write does not matter.
  const std::string text = std::to_string(pid) + "\n";
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, text.data(), text.size(), 0) < 0) {
  }
  return std::unique_ptr<DiskLock>(std::make_unique<PosixLock>(fd));
}

LockHolder Disk::lock_holder(const fs::path& path) {
  LockHolder holder;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return holder;
  struct flock range = whole_file();
  holder.held = ::fcntl(fd, F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
  holder.pid = read_pid(fd);
  ::close(fd);
  return holder;
}

Result<void> Disk::make_lasting_directories(const fs::path& path) {
  std::vector<fs::path> parents;  // of what is not there yet, from the inside out
  for (fs::path at = path; !at.empty() && !exists(at); at = at.parent_path()) {
    const fs::path parent = at.parent_path();
    parents.push_back(parent.empty() ? fs::path(".") : parent);
    if (at == parent) break;
  }
  TROUPE_TRY(make_directories(path));
  for (const fs::path& parent : parents) TROUPE_TRY(sync_directory(parent));
  return {};
}

Result<void> Disk::scan(const fs::path& path,
                        const std::function<void(std::span<const std::byte>)>& visit) {
  TROUPE_ASSIGN(const std::string content, read(path, UINT64_MAX));
  visit(std::as_bytes(std::span(content.data(), content.size())));
  return {};
}

Result<std::unique_ptr<DiskReader>> Disk::open(const fs::path& path) {
  TROUPE_ASSIGN(std::string content, read(path, UINT64_MAX));
  return std::unique_ptr<DiskReader>(std::make_unique<TextReader>(std::move(content)));
}

Result<std::unique_ptr<ScratchFile>> Disk::scratch() {
  return std::unique_ptr<ScratchFile>(std::make_unique<TextReader>(""));
}

Result<void> Disk::sync_file(const fs::path& path) {
  TROUPE_ASSIGN(auto file, append(path));
  return file->sync();
}

Result<void> Disk::replace(const fs::path& path, std::string_view content) {
  fs::path aside = path;
  aside += ".new";
  {
    TROUPE_ASSIGN(auto file, create(aside));
    TROUPE_TRY(file->write(content));
    TROUPE_TRY(file->sync());
  }
  TROUPE_TRY(rename(aside, path));
  const fs::path parent = path.parent_path();
  return sync_directory(parent.empty() ? fs::path(".") : parent);
}

Disk& real_disk() {
  static PosixDisk disk;
  return disk;
}

}  // namespace troupe
