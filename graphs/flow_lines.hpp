#pragma once
// Flow lines: what a line of [graph] flow connects, as pairs of stages that are only names yet.
// Brackets are resolved here: which branch of which join a connection ends, and which tasks of
// which route it takes. Adds joins and routes to the draft. Internal to this folder.
#include <optional>
#include <vector>

#include "graphs/draft.hpp"

namespace troupe::graphs {

struct Connection {
  const FlowNode* from = nullptr;  // both of type Ref
  const FlowNode* to = nullptr;
  FlowArrow arrow;
  std::optional<BranchRef> join;
  std::optional<std::uint32_t> route;
  std::optional<TaskSet> tasks;
};

/// The chain must live as long as the connections. What makes no sense is a finding.
std::vector<Connection> connections_of(Draft& draft, const FlowChain& line);

/// Every stage that the chain names, in the order of the text.
std::vector<const FlowNode*> refs_of(const FlowChain& chain);

/// The tasks that both take.
TaskSet narrowed(const TaskSet& a, const TaskSet& b);

}  // namespace troupe::graphs
