#pragma once
// WeightsShelf: published weights by version. Holds the newest ones of a model itself and older
// ones as long as somebody else does. Thread-safe.
#include <deque>
#include <map>
#include <mutex>

#include "model/engine.hpp"

namespace troupe::stages {

class WeightsShelf {
 public:
  /// So many of the newest stay; at least 1. A generator that is to be exact needs all versions
  /// that unfinished groups were admitted with; others the newest and, while one is handed over,
  /// the one before.
  void hold(std::size_t newest) {
    const std::lock_guard lock(mutex_);
    held_max_ = newest;
  }
  void publish(model::WeightsPtr weights) {
    const std::lock_guard lock(mutex_);
    versions_[weights->version()] = weights;
    held_.push_back(std::move(weights));
    while (held_.size() > held_max_) held_.pop_front();
    std::erase_if(versions_, [](const auto& entry) { return entry.second.expired(); });
  }
  model::WeightsPtr at_least(Version version) const {
    const std::lock_guard lock(mutex_);
    for (auto it = versions_.lower_bound(version); it != versions_.end(); ++it) {
      if (auto weights = it->second.lock()) return weights;
    }
    return nullptr;
  }

 private:
  mutable std::mutex mutex_;
  std::size_t held_max_ = 2;
  std::deque<model::WeightsPtr> held_;
  std::map<Version, std::weak_ptr<const model::Weights>> versions_;
};

}  // namespace troupe::stages
