#include "model/engines/llama_weights.hpp"

namespace troupe::model {

Buffer BufferPool::take() {
  {
    std::lock_guard lock(mutex_);
    if (!spare_.empty()) {
      Buffer buffer = std::move(spare_.back());
      spare_.pop_back();
      return buffer;
    }
  }
  return Buffer(bytes_);
}

void BufferPool::give(Buffer buffer) {
  std::lock_guard lock(mutex_);
  if (spare_.size() < kSpareMax) spare_.push_back(std::move(buffer));
}

}  // namespace troupe::model
