#pragma once
// CoreLease: engines of one model library take turns on the cores. A turn is one decode step or
// one micro-batch; turns are given in the order in which they were asked for, so that neither of
// two busy engines can starve the other. Shared by all engines; any thread.
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace troupe::model {

class CoreLease {
 public:
  /// Holds the cores until destroyed. One per thread.
  class Turn {
   public:
    explicit Turn(CoreLease& lease) : lease_(lease) {
      std::unique_lock lock(lease_.mutex_);
      const std::uint64_t ticket = lease_.next_++;
      lease_.changed_.wait(lock, [&] { return lease_.serving_ == ticket; });
    }
    ~Turn() {
      std::lock_guard lock(lease_.mutex_);
      ++lease_.serving_;
      lease_.changed_.notify_all();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    CoreLease& lease_;
  };

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t next_ = 0, serving_ = 0;
};

}  // namespace troupe::model
