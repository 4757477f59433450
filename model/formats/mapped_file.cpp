#include "model/formats/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace troupe::model {
namespace {

Error cannot_open(const std::filesystem::path& path, int number) {
  return Error{number == ENOENT ? ErrorCode::NotFound : ErrorCode::Io,
               "cannot read '" + path.string() + "': " + std::strerror(number),
               "Check the path and its permissions"};
}

}  // namespace

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return cannot_open(path, errno);
  struct stat status {};
  int number = ::fstat(fd, &status) == 0 ? 0 : errno;
  if (number == 0 && S_ISDIR(status.st_mode)) number = EISDIR;
  if (number != 0) {
    ::close(fd);
    return cannot_open(path, number);
  }
  if (status.st_size <= 0) {
    ::close(fd);
    return Error{ErrorCode::Corrupt, "'" + path.string() + "' is empty", "Fetch the file again"};
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  number = errno;
  ::close(fd);
  if (data == MAP_FAILED) return cannot_open(path, number);
  return MappedFile(path, static_cast<const std::byte*>(data), size);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace troupe::model
