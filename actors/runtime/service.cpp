#include "actors/runtime/service.hpp"

#include <algorithm>

namespace troupe::runtime {

Service::Service(const graphs::Plan& plan, Address self, Host& host)
    : plan_(plan), self_(self), host_(host) {
  const auto& answers = plan.stages[self].contract->answers;
  for (const graphs::CallPlan* call : plan.calls_to(self)) {
    const auto port =
        std::find_if(answers.begin(), answers.end(),
                     [&](const graphs::CallSpec& spec) { return spec.name == call->to.port; });
    TROUPE_ASSERT(port != answers.end(), "a call comes to a port that is not there");
    edges_.push_back({call, static_cast<CallPort>(port - answers.begin()), {}, {}, false});
  }
}

Service::Edge& Service::edge_of(CallIndex call) {
  const auto edge = std::find_if(edges_.begin(), edges_.end(), [&](const Edge& candidate) {
    return candidate.plan->index == call;
  });
  TROUPE_ASSERT(edge != edges_.end(), "a call came to another's service");
  return *edge;
}

void Service::asked(Ask event) {
  Edge& edge = edge_of(event.call);
  TROUPE_ASSERT(edge.waiting.size() < edge.plan->concurrency,
                "a caller asks more at once than its edge allows");
  edge.waiting.emplace_back(event.id, std::move(event.request));
}

void Service::withdrawn(const Withdraw& event) {
  Edge& edge = edge_of(event.call);
  std::erase_if(edge.waiting, [&](const auto& waiting) { return waiting.first == event.id; });
  if (const auto taken = edge.taken.find(event.id); taken != edge.taken.end())
    taken->second.withdrawn = true;
}

void Service::no_more(const NoMoreCalls& event) { edge_of(event.call).ended = true; }

std::optional<Call> Service::next(const std::function<bool(CallPort)>& ready) {
  for (std::size_t i = 0; i < edges_.size(); ++i) {
    Edge& edge = edges_[(next_ + i) % edges_.size()];
    if (edge.waiting.empty() || edge.taken.size() >= edge.plan->concurrency) continue;
    if (!ready(edge.port)) continue;
    next_ = (next_ + i + 1) % edges_.size();
    auto [id, request] = std::move(edge.waiting.front());
    edge.waiting.pop_front();
    edge.taken.emplace(id, Taken{request, host_.clock().now(), false});
    return Call{edge.plan->index, id, edge.port, std::move(request)};
  }
  return std::nullopt;
}

void Service::answer(const Call& call, Result<Payload> answer, Version version) {
  Edge& edge = edge_of(call.call);
  const auto taken = edge.taken.find(call.id);
  TROUPE_ASSERT(taken != edge.taken.end(), "a service answered a call twice");
  const bool wanted = !taken->second.withdrawn;
  edge.taken.erase(taken);
  if (!wanted) return;
  const std::string& name = plan_.stages[self_].name;
  CallResult result = answer.ok() ? CallResult(CallAnswer{std::move(*answer), {name, version}})
                                  : CallResult(answer.error().in("'" + name + "'"));
  host_.post(self_, edge.plan->from.stage, Answered{call.call, call.id, std::move(result)});
}

void Service::restart() {
  for (Edge& edge : edges_) {
    for (auto taken = edge.taken.rbegin(); taken != edge.taken.rend(); ++taken) {
      if (!taken->second.withdrawn)
        edge.waiting.emplace_front(taken->first, std::move(taken->second.request));
    }
    edge.taken.clear();
  }
}

bool Service::ended() const {
  return std::all_of(edges_.begin(), edges_.end(), [](const Edge& edge) { return edge.ended; });
}

bool Service::empty() const {
  return std::all_of(edges_.begin(), edges_.end(),
                     [](const Edge& edge) { return edge.waiting.empty() && edge.taken.empty(); });
}

std::string Service::describe() const {
  std::string text;
  for (const Edge& edge : edges_) {
    if (edge.waiting.empty() && edge.taken.empty()) continue;
    if (!text.empty()) text += "; ";
    text += "answers " + std::to_string(edge.taken.size()) + " calls of '" +
            plan_.stages[edge.plan->from.stage].name + "'";
    if (!edge.taken.empty()) {
      TimePoint oldest = host_.clock().now();
      for (const auto& [id, taken] : edge.taken) oldest = std::min(oldest, taken.since);
      text += ", the oldest since " +
              std::to_string(
                  std::chrono::duration_cast<std::chrono::seconds>(host_.clock().now() - oldest)
                      .count()) +
              " s";
    }
    if (!edge.waiting.empty()) text += ", " + std::to_string(edge.waiting.size()) + " more wait";
  }
  return text;
}

}  // namespace troupe::runtime
