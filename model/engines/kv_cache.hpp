#pragma once
// The paged cache of keys and values. A page holds kPageTokens tokens of one sequence (or of a
// shared prompt) for all layers and key/value heads; see CachePart for its inside. The pool belongs
// to a model and serves all its generation engines, which seldom need their most at the same time;
// it never shrinks. Any thread takes and gives; a page has one writer: its engine.
#include <memory>
#include <mutex>
#include <vector>

#include "model/engines/architecture.hpp"
#include "model/engines/buffer.hpp"

namespace troupe::model {

template <class T>
class PagePool {
 public:
  explicit PagePool(const Architecture& a)
      : layers_(a.layers), kv_heads_(a.heads.kv_heads), block_(2 * kPageTokens * a.heads.dim) {}

  /// Throws std::bad_alloc.
  T* take() {
    std::lock_guard lock(mutex_);
    if (spare_.empty()) grow();
    T* page = spare_.back();
    spare_.pop_back();
    return page;
  }
  void give(T* page) {
    std::lock_guard lock(mutex_);
    spare_.push_back(page);
  }

  /// Where a layer's head lies in every page, elements.
  std::int64_t offset(std::int64_t layer, std::int64_t kv_head) const {
    return (layer * kv_heads_ + kv_head) * block_;
  }
  std::int64_t page_elements() const { return layers_ * kv_heads_ * block_; }

 private:
  void grow() {
    constexpr std::int64_t kSlabPages = 32;
    slabs_.emplace_back(static_cast<std::size_t>(kSlabPages * page_elements()) * sizeof(T));
    spare_.reserve(slabs_.size() * kSlabPages);  // giving back never allocates
    for (std::int64_t i = kSlabPages; i-- > 0;) {
      spare_.push_back(slabs_.back().template as<T>() + i * page_elements());
    }
  }

  const std::int64_t layers_, kv_heads_, block_;
  std::mutex mutex_;  // guards the rest
  std::vector<Buffer> slabs_;
  std::vector<T*> spare_;
};

/// The pages of one sequence, given back at its end.
template <class T>
class CachedTokens {
 public:
  explicit CachedTokens(PagePool<T>& pool) : pool_(&pool) {}
  ~CachedTokens() {
    for (T* page : pages_) pool_->give(page);
  }
  CachedTokens(const CachedTokens&) = delete;
  CachedTokens& operator=(const CachedTokens&) = delete;

  /// Makes room for n more tokens and counts them; their slots are written by the next step.
  void extend(std::int64_t n) {
    count_ += n;
    while (static_cast<std::int64_t>(pages_.size()) * kPageTokens < count_) {
      pages_.push_back(pool_->take());
    }
  }
  std::int64_t count() const { return count_; }
  T* page_of(std::int64_t token) const { return pages_[token / kPageTokens]; }
  CachePart<T> part(std::int64_t layer, std::int64_t kv_head) const {
    return {pages_.data(), pool_->offset(layer, kv_head), count_};
  }

 private:
  PagePool<T>* pool_;
  std::vector<T*> pages_;
  std::int64_t count_ = 0;
};

}  // namespace troupe::model
