#pragma once
// Service: the answering end of the `<->` edges of one stage. Requests wait here, by caller, until
// the stage takes them: at most the edge's concurrency of each caller are being answered at once,
// so nobody's calls keep another's out, and what waits is bounded by the same number. What the
// stage lost when it failed is asked of its next life. Owned by the stage's runner; not
// thread-safe.
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "actors/runtime/event.hpp"
#include "actors/runtime/stage.hpp"
#include "graphs/plan.hpp"

namespace troupe::runtime {

class Service {
 public:
  Service(const graphs::Plan& plan, Address self, Host& host);

  void asked(Ask event);
  void withdrawn(const Withdraw& event);
  void no_more(const NoMoreCalls& event);

  /// The next call to give to the stage, in turn among the callers, of a port that is `ready`.
  std::optional<Call> next(const std::function<bool(CallPort)>& ready);
  void answer(const Call& call, Result<Payload> answer, Version version);
  /// The stage was built anew: what it had not answered waits again, in its order.
  void restart();

  /// Every caller has finished.
  bool ended() const;
  /// Nothing waits or is being answered.
  bool empty() const;
  /// "answers 3 calls of 'check', the oldest since 12 s; 2 more wait" or "".
  std::string describe() const;

 private:
  struct Taken {
    Envelope request;
    TimePoint since{};
    bool withdrawn = false;  // keeps its place until the stage is done with it
  };
  struct Edge {
    const graphs::CallPlan* plan;
    CallPort port;
    std::deque<std::pair<CallId, Envelope>> waiting;
    std::map<CallId, Taken> taken;
    bool ended = false;
  };
  Edge& edge_of(CallIndex call);

  const graphs::Plan& plan_;
  Address self_;
  Host& host_;
  std::vector<Edge> edges_;
  std::size_t next_ = 0;  // whose turn it is
};

}  // namespace troupe::runtime
