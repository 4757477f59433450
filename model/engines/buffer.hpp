#pragma once
// Buffer: a block of memory for tensors, aligned to pages, zero at first, in huge pages where the
// system offers them (page faults of large tensors cost more than their arithmetic). One owner;
// throws std::bad_alloc, which the engines turn into ErrorCode::OutOfMemory.
#include <cstddef>
#include <cstdint>
#include <utility>

namespace troupe::model {

class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t bytes);
  ~Buffer();
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  template <class T>
  T* as() {
    return static_cast<T*>(data_);
  }
  template <class T>
  const T* as() const {
    return static_cast<const T*>(data_);
  }
  std::size_t bytes() const { return bytes_; }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// Memory that is used again by the next batch: it grows, never shrinks, and keeps nothing.
template <class T>
class Scratch {
 public:
  /// At least n elements with any content.
  T* get(std::int64_t n) {
    const std::size_t bytes = static_cast<std::size_t>(n) * sizeof(T);
    if (bytes > buffer_.bytes()) {
      buffer_ = Buffer();  // returned before the larger one is taken
      buffer_ = Buffer(bytes + bytes / 8);
    }
    return buffer_.template as<T>();
  }

 private:
  Buffer buffer_;
};

}  // namespace troupe::model
