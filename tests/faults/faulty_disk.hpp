#pragma once
// FaultyDisk: the Disk over SimulatedFiles. Errors carry the words that the real disk would use.
#include <set>

#include "schemas/base/disk.hpp"
#include "tests/faults/simulated_files.hpp"

namespace troupe::test {

class FaultyDisk final : public Disk {
 public:
  explicit FaultyDisk(SimulatedFiles& files) : files_(files) {}

  Result<std::unique_ptr<DiskFile>> create(const std::filesystem::path& path) override;
  Result<std::unique_ptr<DiskFile>> append(const std::filesystem::path& path) override;
  Result<std::string> read(const std::filesystem::path& path, std::uint64_t limit) override;
  /// In pieces of random length.
  Result<void> scan(const std::filesystem::path& path,
                    const std::function<void(std::span<const std::byte>)>& visit) override;
  Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  Result<void> remove_all(const std::filesystem::path& path) override;
  Result<void> make_directories(const std::filesystem::path& path) override;
  Result<std::vector<std::string>> list(const std::filesystem::path& path) override;
  Result<void> sync_directory(const std::filesystem::path& path) override;
  bool exists(const std::filesystem::path& path) override { return files_.exists(path); }
  Result<std::unique_ptr<DiskLock>> lock(const std::filesystem::path& path, std::int64_t pid,
                                         LockHolder& holder) override;
  LockHolder lock_holder(const std::filesystem::path& path) override;

 private:
  class File;
  class Lock;
  Result<std::unique_ptr<DiskFile>> open(const std::filesystem::path& path, bool truncate);
  SimulatedFiles& files_;
  std::map<std::filesystem::path, std::pair<std::uint64_t, std::int64_t>> locks_;  // life, pid
};

}  // namespace troupe::test
