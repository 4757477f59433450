#pragma once
// Caller: the asking end of the `<->` edges of one stage. Knows the calls that are open, at most
// the edge's concurrency at once; more wait here in order, and the stage gets no input meanwhile.
// Every call ends once for the stage: by its answer, or by the deadline; an answer after that is
// dropped. Owned by the stage's runner; not thread-safe.
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "actors/runtime/event.hpp"
#include "graphs/plan.hpp"

namespace troupe::runtime {

class Caller {
 public:
  Caller(const graphs::Plan& plan, Address self, Host& host);

  CallId ask(std::uint32_t port, Envelope request);
  /// Whether the stage still waits for this answer; frees its place for the next call.
  bool answered(const Answered& event);
  /// Whether the deadline ends the call: then the stage gets this error.
  std::optional<Error> due(CallId id);
  /// The stage was lost: nobody waits for any answer, and the services are told so.
  void forget();
  /// The stage has finished.
  void end();

  /// No place for a further call, on any of the edges.
  bool full() const;
  bool empty() const;
  /// "waits for an answer of 'judge' since 12 s (8 calls open, 3 more wait)" or "".
  std::string describe() const;

 private:
  struct Open {
    TimePoint since{};
    std::size_t edge = 0;
  };
  struct Edge {
    const graphs::CallPlan* plan;
    std::uint32_t port;  // among the contract's calls
    std::size_t open = 0;
    std::deque<std::pair<CallId, Envelope>> waiting;
  };
  void flush(Edge& edge);
  void close(std::map<CallId, Open>::iterator call);

  const graphs::Plan& plan_;
  Address self_;
  Host& host_;
  std::vector<Edge> edges_;
  std::map<CallId, Open> open_;  // by age
  CallId next_ = 1;
};

}  // namespace troupe::runtime
