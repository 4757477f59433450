#include "tests/faults/faulty_disk.hpp"

#include <cerrno>

namespace troupe::test {
namespace fs = std::filesystem;

class FaultyDisk::File final : public DiskFile {
 public:
  File(SimulatedFiles& files, SimulatedFiles::Open open, fs::path path, std::uint64_t offset)
      : files_(files), open_(std::move(open)), path_(std::move(path)), offset_(offset) {}

  Result<void> write(std::span<const std::byte> bytes) override {
    const std::uint64_t before = files_.size(open_);
    const int status =
        files_.write(open_, offset_, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    if (status != 0) {
      offset_ = std::max(before, files_.size(open_));
      return disk_error("write", path_, status);
    }
    offset_ += bytes.size();
    return {};
  }
  Result<void> flush() override { return {}; }
  Result<void> sync() override {
    if (const int status = files_.sync(open_)) return disk_error("sync", path_, status);
    return {};
  }

 private:
  SimulatedFiles& files_;
  SimulatedFiles::Open open_;
  fs::path path_;
  std::uint64_t offset_;  // one writer: the end of the file
};

class FaultyDisk::Lock final : public DiskLock {
 public:
  Lock(FaultyDisk& disk, fs::path path, std::uint64_t life)
      : disk_(disk), path_(std::move(path)), life_(life) {}
  ~Lock() override {
    const auto found = disk_.locks_.find(path_);
    if (found != disk_.locks_.end() && found->second.first == life_) disk_.locks_.erase(found);
  }

 private:
  FaultyDisk& disk_;
  fs::path path_;
  std::uint64_t life_;
};

Result<std::unique_ptr<DiskFile>> FaultyDisk::open(const fs::path& path, bool truncate) {
  SimulatedFiles::Open file;
  if (const int status = files_.open(path, true, truncate, file))
    return disk_error("create", path, status);
  const std::uint64_t end = files_.size(file);
  return std::unique_ptr<DiskFile>(std::make_unique<File>(files_, std::move(file), path, end));
}
Result<std::unique_ptr<DiskFile>> FaultyDisk::create(const fs::path& path) {
  return open(path, true);
}
Result<std::unique_ptr<DiskFile>> FaultyDisk::append(const fs::path& path) {
  return open(path, false);
}

Result<std::string> FaultyDisk::read(const fs::path& path, std::uint64_t limit) {
  SimulatedFiles::Open file;
  if (const int status = files_.open(path, false, false, file))
    return disk_error("open", path, status);
  if (files_.size(file) > limit)
    return Error{ErrorCode::Unsupported, "'" + path.string() + "' is too large",
                 "Is it the right file?"};
  std::string content(files_.size(file), '\0');
  std::size_t got = 0;
  if (const int status = files_.read(file, 0, content, got))
    return disk_error("read", path, status);
  return content;
}

Result<void> FaultyDisk::scan(const fs::path& path,
                              const std::function<void(std::span<const std::byte>)>& visit) {
  SimulatedFiles::Open file;
  if (const int status = files_.open(path, false, false, file))
    return disk_error("open", path, status);
  std::string piece;
  for (std::uint64_t at = 0;;) {
    piece.resize(1 + files_.rng().below(files_.rng().below(4) == 0 ? 7 : 9000));
    std::size_t got = 0;
    if (const int status = files_.read(file, at, piece, got))
      return disk_error("read", path, status);
    if (got == 0) return {};
    at += got;
    visit(std::as_bytes(std::span(piece.data(), got)));
  }
}

Result<void> FaultyDisk::rename(const fs::path& from, const fs::path& to) {
  if (const int status = files_.rename(from, to)) return disk_error("rename", from, status);
  return {};
}

Result<void> FaultyDisk::remove_all(const fs::path& path) {
  if (files_.is_directory(path)) {
    std::vector<std::string> names;
    if (const int status = files_.list(path, names)) return disk_error("remove", path, status);
    for (const std::string& name : names) TROUPE_TRY(remove_all(path / name));
  }
  const int status = files_.remove(path);
  if (status != 0 && status != ENOENT) return disk_error("remove", path, status);
  return {};
}

Result<void> FaultyDisk::make_directories(const fs::path& path) {
  fs::path at;
  for (const fs::path& part : path.lexically_normal()) {
    at /= part;
    if (at == "/" || part.empty()) continue;
    if (const int status = files_.make_directory(at)) return disk_error("create", at, status);
  }
  return {};
}

Result<std::vector<std::string>> FaultyDisk::list(const fs::path& path) {
  std::vector<std::string> names;
  if (const int status = files_.list(path, names)) return disk_error("list", path, status);
  return names;
}

Result<void> FaultyDisk::sync_directory(const fs::path& path) {
  if (const int status = files_.sync_directory(path)) return disk_error("sync", path, status);
  return {};
}

Result<std::unique_ptr<DiskLock>> FaultyDisk::lock(const fs::path& path, std::int64_t pid,
                                                   LockHolder& holder) {
  SimulatedFiles::Open file;
  if (const int status = files_.open(path, true, false, file))
    return disk_error("lock", path, status);
  holder = lock_holder(path);
  if (holder.held) return std::unique_ptr<DiskLock>();
  locks_[path] = {files_.life(), pid};
  return std::unique_ptr<DiskLock>(std::make_unique<Lock>(*this, path, files_.life()));
}

LockHolder FaultyDisk::lock_holder(const fs::path& path) {
  const auto found = locks_.find(path);
  if (found == locks_.end() || found->second.first != files_.life()) return {};
  return {true, found->second.second};
}

}  // namespace troupe::test
