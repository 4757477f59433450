#pragma once
// The real disk with room for so many bytes.
#include <algorithm>

#include "schemas/base/disk.hpp"

class FullDisk final : public troupe::Disk {
 public:
  explicit FullDisk(std::uint64_t room) : room_(room) {}
  std::uint64_t written() const { return written_; }

  troupe::Result<std::unique_ptr<troupe::DiskFile>> create(
      const std::filesystem::path& path) override {
    TROUPE_ASSIGN(auto file, real_.create(path));
    return wrapped(std::move(file));
  }
  troupe::Result<std::unique_ptr<troupe::DiskFile>> append(
      const std::filesystem::path& path) override {
    TROUPE_ASSIGN(auto file, real_.append(path));
    return wrapped(std::move(file));
  }
  troupe::Result<std::string> read(const std::filesystem::path& path,
                                   std::uint64_t limit) override {
    return real_.read(path, limit);
  }
  troupe::Result<void> rename(const std::filesystem::path& from,
                              const std::filesystem::path& to) override {
    return real_.rename(from, to);
  }
  troupe::Result<void> remove_all(const std::filesystem::path& path) override {
    return real_.remove_all(path);
  }
  troupe::Result<void> make_directories(const std::filesystem::path& path) override {
    return real_.make_directories(path);
  }
  troupe::Result<std::vector<std::string>> list(const std::filesystem::path& path) override {
    return real_.list(path);
  }
  troupe::Result<void> sync_directory(const std::filesystem::path& path) override {
    return real_.sync_directory(path);
  }
  bool exists(const std::filesystem::path& path) override { return real_.exists(path); }

 private:
  class File final : public troupe::DiskFile {
   public:
    File(FullDisk& disk, std::unique_ptr<troupe::DiskFile> file)
        : disk_(disk), file_(std::move(file)) {}
    troupe::Result<void> write(std::span<const std::byte> bytes) override {
      const std::uint64_t room = disk_.room_ - disk_.written_;
      const auto fits = static_cast<std::size_t>(std::min<std::uint64_t>(room, bytes.size()));
      disk_.written_ += fits;
      TROUPE_TRY(file_->write(bytes.first(fits)));
      if (fits == bytes.size()) return {};
      return troupe::Error{troupe::ErrorCode::DiskFull, "the disk of the test is full",
                           "Give it more room"};
    }
    troupe::Result<void> flush() override { return file_->flush(); }
    troupe::Result<void> sync() override { return file_->sync(); }

   private:
    FullDisk& disk_;
    std::unique_ptr<troupe::DiskFile> file_;
  };
  std::unique_ptr<troupe::DiskFile> wrapped(std::unique_ptr<troupe::DiskFile> file) {
    return std::make_unique<File>(*this, std::move(file));
  }

  troupe::Disk& real_ = troupe::real_disk();
  std::uint64_t room_;
  std::uint64_t written_ = 0;
};
