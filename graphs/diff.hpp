#pragma once
// Difference of two plans: what a person who changed a graph wants to see before it runs. Plans are
// compared as they are resolved, so a default written down is no difference, and a changed group
// size also shows what it changes at the gate and in memory. Pure functions; values; any thread.
#include <string>
#include <vector>

#include "graphs/plan.hpp"

namespace troupe::graphs {

struct Difference {
  enum class What { Added, Removed, Changed };
  What what = What::Changed;
  std::string
      section;        // "run", "model", "stage", "edge", "join", "route", "call", "gate", "memory"
  std::string item;   // "generate", "reward -> learn"; empty where there is but one
  std::string field;  // "temperature"; empty: the item itself
  std::string before, after;            // values as a graph writes them; empty: not there
  std::string before_from, after_from;  // "base.toml:12", "default"; empty: computed
  /// The kind of the stage says that it may be replaced while the graph runs, so a swap can make
  /// this difference. False: not known.
  bool swappable = false;
};

/// In the order of the plans: run, models, stages, edges, joins, routes, calls, gate, memory.
std::vector<Difference> difference(const Plan& before, const Plan& after);

/// For people; says so when there is no difference.
std::string print_difference(const Plan& before, const Plan& after);
/// {"before", "after": {"file", "hash"}, "differences": [...]}
std::string difference_json(const Plan& before, const Plan& after);

}  // namespace troupe::graphs
