#pragma once
// RandomFlow: a graph drawn from a seed, with routes by task, joins, both within each other, and
// judges that ask a service. Knows which judges a sample of each task comes by, so that a test can
// hold the rewards against that.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "graphs/plan.hpp"
#include "schemas/base/rng.hpp"

namespace troupe::simulations {

class RandomFlow {
 public:
  explicit RandomFlow(std::uint64_t seed);

  /// The graph file.
  const std::string& text() const { return text_; }
  bool learns() const { return learns_; }
  /// The components of the reward of a sample of this task.
  const std::set<std::string>& judges_of(const std::string& task) const { return judges_.at(task); }
  /// Narrows edges and calls, and keeps groups together on some edges, by chance.
  void tighten(graphs::Plan& plan);

 private:
  using Tasks = std::set<std::string>;
  std::string judge(const Tasks& tasks);
  std::string pass();
  enum class Group { Any, Join, Route };
  /// `around`: the group that it is a branch of; Any: none.
  std::string sequence(int depth, const Tasks& tasks, Group around);
  std::string group(int depth, const Tasks& tasks, Group which);

  Rng rng_;
  bool learns_;
  int stages_ = 0;
  std::string text_, sections_, calls_;
  std::set<std::string> all_judges_;
  std::map<std::string, std::set<std::string>> judges_;  // by task
};

}  // namespace troupe::simulations
