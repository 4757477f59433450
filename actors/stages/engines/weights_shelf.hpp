#pragma once
// WeightsShelf: published weights by version. Holds the newest two of a model itself and older ones
// as long as somebody else does. Thread-safe.
#include <map>
#include <mutex>

#include "model/engine.hpp"

namespace troupe::stages {

class WeightsShelf {
 public:
  void publish(model::WeightsPtr weights) {
    const std::lock_guard lock(mutex_);
    previous_ = std::move(newest_);
    newest_ = std::move(weights);
    versions_[newest_->version()] = newest_;
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
  model::WeightsPtr newest_, previous_;
  std::map<Version, std::weak_ptr<const model::Weights>> versions_;
};

}  // namespace troupe::stages
