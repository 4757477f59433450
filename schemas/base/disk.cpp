#include "schemas/base/disk.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace troupe {
namespace fs = std::filesystem;
namespace {

Error os_error(const char* what, const fs::path& path, int number) {
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

class PosixFile final : public DiskFile {
 public:
  PosixFile(int fd, fs::path path) : fd_(fd), path_(std::move(path)) {}
  ~PosixFile() override { ::close(fd_); }

  Result<void> write(std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0) {
        if (errno == EINTR) continue;
        return os_error("write", path_, errno);
      }
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
    return {};
  }
  Result<void> flush() override { return {}; }
  Result<void> sync() override {
    if (::fdatasync(fd_) != 0) return os_error("sync", path_, errno);
    return {};
  }

 private:
  int fd_;
  fs::path path_;
};

class PosixDisk final : public Disk {
 public:
  Result<std::unique_ptr<DiskFile>> create(const fs::path& path) override {
    return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);
  }
  Result<std::unique_ptr<DiskFile>> append(const fs::path& path) override {
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC);
  }
  Result<std::string> read(const fs::path& path, std::uint64_t limit) override {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return os_error("open", path, errno);
    std::string content;
    char buffer[1 << 16];
    for (;;) {
      const ssize_t n = ::read(fd, buffer, sizeof buffer);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        const int number = errno;
        ::close(fd);
        return os_error("read", path, number);
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
    if (fd < 0) return os_error("open", path, errno);
    std::vector<std::byte> buffer(1u << 20);
    for (;;) {
      const ssize_t n = ::read(fd, buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) {
        const int number = errno;
        ::close(fd);
        if (n < 0) return os_error("read", path, number);
        return {};
      }
      visit(std::span(buffer).first(static_cast<std::size_t>(n)));
    }
  }
  Result<void> rename(const fs::path& from, const fs::path& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return os_error("rename", from, errno);
    return {};
  }
  Result<void> remove_all(const fs::path& path) override {
    std::error_code code;
    fs::remove_all(path, code);
    if (code) return os_error("remove", path, code.value());
    return {};
  }
  Result<void> make_directories(const fs::path& path) override {
    std::error_code code;
    fs::create_directories(path, code);
    if (code) return os_error("create", path, code.value());
    return {};
  }
  Result<std::vector<std::string>> list(const fs::path& path) override {
    std::error_code code;
    std::vector<std::string> names;
    for (fs::directory_iterator it(path, code), end; !code && it != end; it.increment(code))
      names.push_back(it->path().filename().string());
    if (code) return os_error("list", path, code.value());
    std::sort(names.begin(), names.end());
    return names;
  }
  Result<void> sync_directory(const fs::path& path) override {
    const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return os_error("open", path, errno);
    const int status = ::fsync(fd);
    const int number = errno;
    ::close(fd);
    if (status != 0) return os_error("sync", path, number);
    return {};
  }
  bool exists(const fs::path& path) override {
    std::error_code code;
    return fs::exists(path, code);
  }

 private:
  Result<std::unique_ptr<DiskFile>> open(const fs::path& path, int flags) {
    const int fd = ::open(path.c_str(), flags, 0644);
    if (fd < 0) return os_error("create", path, errno);
    return std::unique_ptr<DiskFile>(std::make_unique<PosixFile>(fd, path));
  }
};

}  // namespace

Result<void> Disk::scan(const fs::path& path,
                        const std::function<void(std::span<const std::byte>)>& visit) {
  TROUPE_ASSIGN(const std::string content, read(path, UINT64_MAX));
  visit(std::as_bytes(std::span(content.data(), content.size())));
  return {};
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
