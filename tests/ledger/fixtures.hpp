#pragma once
// What the tests of the ledger share: a folder that goes away, a clock that stands until told, and
// a disk that refuses after a number of bytes.
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "schemas/base/clock.hpp"
#include "schemas/base/disk.hpp"
#include "tests/catch.hpp"

namespace troupe::test {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "troupe-test-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code code;
    std::filesystem::remove_all(path_, code);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

class StandingClock final : public Clock {
 public:
  TimePoint now() const override { return now_; }
  double wall_seconds() const override {
    return 1.7e9 + std::chrono::duration<double>(now_).count();
  }
  void advance(Duration by) { now_ += by; }

 private:
  TimePoint now_{};
};

/// The real disk with a number of bytes left; counts what is synced.
class SmallDisk final : public Disk {
 public:
  std::uint64_t bytes_left = UINT64_MAX;
  std::vector<std::string> calls;  // "sync file", "rename a b", in order

  Result<std::unique_ptr<DiskFile>> create(const std::filesystem::path& path) override {
    TROUPE_ASSIGN(auto file, real_disk().create(path));
    return wrap(std::move(file), path);
  }
  Result<std::unique_ptr<DiskFile>> append(const std::filesystem::path& path) override {
    TROUPE_ASSIGN(auto file, real_disk().append(path));
    return wrap(std::move(file), path);
  }
  Result<std::string> read(const std::filesystem::path& path, std::uint64_t limit) override {
    return real_disk().read(path, limit);
  }
  Result<void> sync_file(const std::filesystem::path& path) override {
    calls.push_back("sync " + path.filename().string());
    return real_disk().sync_file(path);
  }
  Result<void> rename(const std::filesystem::path& from,
                      const std::filesystem::path& to) override {
    calls.push_back("rename " + from.filename().string() + " " + to.filename().string());
    return real_disk().rename(from, to);
  }
  Result<void> remove_all(const std::filesystem::path& path) override {
    return real_disk().remove_all(path);
  }
  Result<void> make_directories(const std::filesystem::path& path) override {
    return real_disk().make_directories(path);
  }
  Result<std::vector<std::string>> list(const std::filesystem::path& path) override {
    return real_disk().list(path);
  }
  Result<void> sync_directory(const std::filesystem::path& path) override {
    calls.push_back("sync " + path.filename().string() + "/");
    return real_disk().sync_directory(path);
  }
  bool exists(const std::filesystem::path& path) override { return real_disk().exists(path); }

 private:
  class File final : public DiskFile {
   public:
    File(SmallDisk& disk, std::unique_ptr<DiskFile> file, std::string name)
        : disk_(disk), file_(std::move(file)), name_(std::move(name)) {}
    /// Like a real one: writes what fits, then refuses.
    Result<void> write(std::span<const std::byte> bytes) override {
      const auto fits = std::min<std::uint64_t>(bytes.size(), disk_.bytes_left);
      TROUPE_TRY(file_->write(bytes.first(static_cast<std::size_t>(fits))));
      disk_.bytes_left -= fits;
      if (fits < bytes.size())
        return Error{ErrorCode::DiskFull, "cannot write '" + name_ + "': no space left",
                     "Free some space"};
      return {};
    }
    Result<void> flush() override { return file_->flush(); }
    Result<void> sync() override {
      disk_.calls.push_back("sync " + name_);
      return file_->sync();
    }

   private:
    SmallDisk& disk_;
    std::unique_ptr<DiskFile> file_;
    std::string name_;
  };
  Result<std::unique_ptr<DiskFile>> wrap(std::unique_ptr<DiskFile> file,
                                         const std::filesystem::path& path) {
    return std::unique_ptr<DiskFile>(
        std::make_unique<File>(*this, std::move(file), path.filename().string()));
  }
};

inline std::string content_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}
inline void write_file(const std::filesystem::path& file, std::string_view content) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << content;
}

}  // namespace troupe::test

/// Fails the test with the error's text.
#define REQUIRE_OK(expression)                                      \
  do {                                                              \
    const auto& require_ok_result = (expression);                   \
    if (!require_ok_result.ok()) FAIL(require_ok_result.error().text()); \
  } while (false)
