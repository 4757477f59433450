#pragma once
// Outlets: the sending end of every edge out of one stage. Spends credit, holds back what has none,
// copies to the edges of a port and chooses by task among those behind a route. Sending never
// fails; `blocked` says when the stage should get no further input. Owned by the stage's runner;
// not thread-safe.
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "actors/runtime/credit.hpp"
#include "actors/runtime/event.hpp"
#include "actors/runtime/task_filter.hpp"
#include "graphs/plan.hpp"

namespace troupe::runtime {

class Outlets {
 public:
  Outlets(const graphs::Plan& plan, Address self, Host& host);

  /// On every edge of the port that takes the message's task. A message that no branch of a route
  /// takes ends here, as unscorable, and its tombstone goes down the route's first edge.
  void send(std::uint32_t port, const Envelope& envelope);
  /// A tombstone, on every queue that its sample could have taken.
  void bury(const Envelope& tombstone);
  void grant(const Grant& event);
  /// Sends what has credit now.
  void flush();
  /// Says that nothing more comes.
  void close();

  /// Whether some edge takes some tasks only.
  bool routes() const { return routes_; }
  /// Whether what the stage makes of its next input could not leave. `task`: of that input, when
  /// routes send it down some edges only.
  bool blocked(std::optional<TaskKey> task) const;
  /// Nothing is held back.
  bool empty() const;
  /// "waits for room on edge 'a -> b' (4 of 4 used)" for each edge that is full.
  std::vector<std::string> describe() const;

 private:
  struct Edge {
    const graphs::EdgePlan* plan;
    Credit credit;
    TaskFilter takes;
    std::optional<TaskFilter> stray;  // tasks without a branch, whose tombstones go this way
    std::deque<Envelope> waiting;
    std::uint64_t sequence = 0;
  };
  void send(std::vector<Edge>& edges, const Envelope& envelope);
  void send_on(Edge& edge, Envelope envelope);
  void send_stray(Edge& edge, const Envelope& envelope);
  void flush(Edge& edge);

  const graphs::Plan& plan_;
  Address self_;
  Host& host_;
  bool routes_ = false;
  std::map<std::uint32_t, std::vector<Edge>> ports_;
};

}  // namespace troupe::runtime
