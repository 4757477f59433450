#pragma once
// TaskFilter: the tasks that an edge behind a route takes, by their keys, so that no router opens a
// payload. Made from the plan's TaskSet; without one, an edge takes everything. A value.
#include <algorithm>
#include <optional>
#include <vector>

#include "graphs/plan.hpp"
#include "schemas/envelope.hpp"

namespace troupe::runtime {

class TaskFilter {
 public:
  explicit TaskFilter(const std::optional<graphs::TaskSet>& tasks) : all_but_(!tasks) {
    if (!tasks) return;
    all_but_ = tasks->all_but;
    for (const std::string& name : tasks->names) keys_.push_back(task_key(name));
  }
  bool takes(TaskKey task) const {
    if (keys_.empty()) return all_but_;
    return (std::find(keys_.begin(), keys_.end(), task) != keys_.end()) != all_but_;
  }

 private:
  std::vector<TaskKey> keys_;
  bool all_but_;
};

}  // namespace troupe::runtime
