#include "model/engines/buffer.hpp"

#include <sys/mman.h>

#include <new>

namespace troupe::model {
namespace {
constexpr std::size_t kHugePage = 2u << 20;
}

Buffer::Buffer(std::size_t bytes) {
  if (bytes == 0) return;
  const std::size_t unit = bytes >= kHugePage ? kHugePage : 4096;
  bytes_ = (bytes + unit - 1) / unit * unit;
  void* memory =
      mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    bytes_ = 0;
    throw std::bad_alloc();
  }
  data_ = memory;
  madvise(data_, bytes_, MADV_HUGEPAGE);  // only advice: refused where it is switched off
}

Buffer::~Buffer() {
  if (data_) munmap(data_, bytes_);
}

}  // namespace troupe::model
