#pragma once
// LlamaWeights: the immutable working weights of one policy version, and the pool their memory
// comes from and goes back to when the last holder lets go. Any thread.
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "model/engine.hpp"
#include "model/engines/architecture.hpp"
#include "model/engines/buffer.hpp"

namespace troupe::model {

/// Buffers of one size, used again: a fresh one costs page faults over all its bytes.
class BufferPool : public std::enable_shared_from_this<BufferPool> {
 public:
  explicit BufferPool(std::size_t bytes) : bytes_(bytes) {}
  /// Any content. Throws std::bad_alloc.
  Buffer take();
  void give(Buffer buffer);
  std::size_t bytes() const { return bytes_; }

 private:
  static constexpr std::size_t kSpareMax = 1;  // what a step lets go, the next one writes to
  const std::size_t bytes_;
  std::mutex mutex_;
  std::vector<Buffer> spare_;
};

template <class T>
class LlamaWeights final : public Weights {
 public:
  LlamaWeights(ArchitecturePtr architecture, std::shared_ptr<BufferPool> pool, Version version)
      : architecture_(std::move(architecture)),
        pool_(std::move(pool)),
        buffer_(pool_->take()),
        version_(version) {}
  ~LlamaWeights() override { pool_->give(std::move(buffer_)); }

  Version version() const override { return version_; }
  std::uint64_t bytes() const override {
    return static_cast<std::uint64_t>(architecture_->elements) * sizeof(T);
  }
  const Architecture& architecture() const { return *architecture_; }
  const T* at(std::int64_t offset) const { return buffer_.as<T>() + offset; }
  /// Only before the weights are published.
  T* data() { return buffer_.as<T>(); }

 private:
  ArchitecturePtr architecture_;
  std::shared_ptr<BufferPool> pool_;
  Buffer buffer_;
  Version version_;
};

}  // namespace troupe::model
