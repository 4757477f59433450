#pragma once
// A file mapped read-only into memory for as long as the object lives. Pages are read when they
// are first touched. Movable, one owner; the bytes may be read on any thread. Opening can fail
// (NotFound, Io, Corrupt when empty). Shrinking the file while it is mapped is undefined: Troupe
// never writes into checkpoints it has read, it renames new ones into place.
#include <cstddef>
#include <filesystem>
#include <span>

#include "schemas/base/result.hpp"

namespace troupe::model {

class MappedFile {
 public:
  static Result<MappedFile> open(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::filesystem::path& path() const { return path_; }

 private:
  MappedFile(std::filesystem::path path, const std::byte* data, std::size_t size)
      : path_(std::move(path)), data_(data), size_(size) {}
  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace troupe::model
