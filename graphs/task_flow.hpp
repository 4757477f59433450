#pragma once
// Task flow: which tasks come to which stage, by what the datasets say of their prompts and by the
// routes on the way. The check of routes and every check that must hold for each task uses it. Made
// from a draft without cycles; holds as long as its edges stay. Internal to this folder.
#include <string>
#include <vector>

#include "graphs/draft.hpp"

namespace troupe::graphs {

class TaskFlow {
 public:
  explicit TaskFlow(const Draft& draft);

  /// Tasks are numbers below this; the last one stands for all that nobody names.
  std::uint32_t count() const { return static_cast<std::uint32_t>(names_.size() + 1); }
  std::uint32_t other() const { return count() - 1; }
  const std::string& name(std::uint32_t task) const { return names_[task]; }  // not of other()
  /// "task `math`", "other tasks".
  std::string words(std::uint32_t task) const;
  bool holds(const TaskSet& set, std::uint32_t task) const;

  bool comes(std::uint32_t stage, std::uint32_t task) const { return comes_[stage][task]; }
  bool takes(std::uint32_t edge, std::uint32_t task) const;
  /// Whether it comes to the route and no branch takes it.
  bool lacks(const DraftRoute& route, std::uint32_t task) const;
  bool any_routes(const std::vector<std::uint32_t>& edges) const;
  /// Of the tasks that come to `stage`, one of each sort that these edges treat alike.
  std::vector<std::uint32_t> different(std::uint32_t stage,
                                       const std::vector<std::uint32_t>& edges) const;

  /// Stages whose prompts may be of the task: they are known to be, or name their tasks by row.
  std::vector<std::uint32_t> senders(std::uint32_t task) const;
  /// Whether the tasks of a source stand in the graph.
  static bool is_known(const Draft& draft, std::uint32_t source);

  /// Of a stage among all, those that lead to it before it.
  std::size_t place(std::uint32_t stage) const { return place_[stage]; }

 private:
  using Bits = std::vector<bool>;
  std::optional<std::uint32_t> number(const std::string& name) const;
  Bits bits_of(const TaskSet& set) const;

  const Draft& draft_;
  std::vector<std::string> names_;  // sorted
  std::vector<Bits> comes_;         // by stage
  std::vector<std::size_t> place_;  // by stage
};

}  // namespace troupe::graphs
