#include "actors/runtime/caller.hpp"

#include <algorithm>

namespace troupe::runtime {
namespace {

std::string seconds_text(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(duration).count()) + " s";
}

}  // namespace

Caller::Caller(const graphs::Plan& plan, Address self, Host& host)
    : plan_(plan), self_(self), host_(host) {
  const auto& calls = plan.stages[self].contract->calls;
  for (const graphs::CallPlan* call : plan.calls_from(self)) {
    const auto port = std::find_if(calls.begin(), calls.end(), [&](const graphs::CallSpec& spec) {
      return spec.name == call->from.port;
    });
    TROUPE_ASSERT(port != calls.end(), "a call goes out of a port that is not there");
    edges_.push_back({call, static_cast<std::uint32_t>(port - calls.begin()), 0, {}});
  }
}

CallId Caller::ask(std::uint32_t port, Envelope request) {
  const auto edge = std::find_if(edges_.begin(), edges_.end(),
                                 [&](const Edge& candidate) { return candidate.port == port; });
  TROUPE_ASSERT(edge != edges_.end(), "a stage asked on a call port that leads nowhere");
  const CallId id = next_++;
  edge->waiting.emplace_back(id, std::move(request));
  flush(*edge);
  return id;
}

void Caller::flush(Edge& edge) {
  while (!edge.waiting.empty() && edge.open < edge.plan->concurrency) {
    auto [id, request] = std::move(edge.waiting.front());
    edge.waiting.pop_front();
    ++edge.open;
    open_.emplace(id, Open{host_.clock().now(), static_cast<std::size_t>(&edge - edges_.data())});
    host_.post(self_, edge.plan->to.stage, Ask{edge.plan->index, id, std::move(request)});
    host_.post_after(edge.plan->deadline, self_, CallDue{id});
  }
}

void Caller::close(std::map<CallId, Open>::iterator call) {
  Edge& edge = edges_[call->second.edge];
  open_.erase(call);
  --edge.open;
  flush(edge);
}

bool Caller::answered(const Answered& event) {
  const auto call = open_.find(event.id);
  if (call == open_.end()) return false;  // too late, or asked by an earlier life
  close(call);
  return true;
}

std::optional<Error> Caller::due(CallId id) {
  const auto call = open_.find(id);
  if (call == open_.end()) return std::nullopt;
  const graphs::CallPlan& plan = *edges_[call->second.edge].plan;
  host_.post(self_, plan.to.stage, Withdraw{plan.index, id});
  close(call);
  return Error{ErrorCode::Timeout,
               "'" + plan_.stages[plan.to.stage].name + "' gave no answer within the " +
                   seconds_text(plan.deadline) + " of edge '" + plan.name + "'",
               "Allow more time with deadline of [edge.\"" + plan.name + "\"]"};
}

void Caller::forget() {
  for (Edge& edge : edges_) {
    edge.waiting.clear();
    edge.open = 0;
  }
  for (const auto& [id, open] : open_) {
    const graphs::CallPlan& plan = *edges_[open.edge].plan;
    host_.post(self_, plan.to.stage, Withdraw{plan.index, id});
  }
  open_.clear();
}

void Caller::end() {
  TROUPE_ASSERT(empty(), "a stage finished while it waited for an answer");
  for (const Edge& edge : edges_)
    host_.post(self_, edge.plan->to.stage, NoMoreCalls{edge.plan->index});
}

bool Caller::full() const {
  return std::any_of(edges_.begin(), edges_.end(), [](const Edge& edge) {
    return edge.open >= edge.plan->concurrency || !edge.waiting.empty();
  });
}

bool Caller::empty() const {
  return open_.empty() && std::all_of(edges_.begin(), edges_.end(),
                                      [](const Edge& edge) { return edge.waiting.empty(); });
}

std::string Caller::describe() const {
  if (open_.empty()) return "";
  const Open& oldest = open_.begin()->second;
  const Edge& edge = edges_[oldest.edge];
  std::string text = "waits for an answer of '" + plan_.stages[edge.plan->to.stage].name +
                     "' since " + seconds_text(host_.clock().now() - oldest.since) + " (" +
                     std::to_string(edge.open) + " calls open";
  if (!edge.waiting.empty()) text += ", " + std::to_string(edge.waiting.size()) + " more wait";
  return text + ")";
}

}  // namespace troupe::runtime
