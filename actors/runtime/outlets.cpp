#include "actors/runtime/outlets.hpp"

#include <stdexcept>

#include "schemas/messages.hpp"

namespace troupe::runtime {
namespace {

std::uint32_t output_index(const graphs::Contract& contract, std::string_view name) {
  for (std::uint32_t i = 0; i < contract.outputs.size(); ++i) {
    if (contract.outputs[i].name == name) return i;
  }
  TROUPE_ASSERT(false, "no such output: " + std::string(name));
  return 0;
}

/// The tasks that no branch takes, when `edge` is the one that their tombstones take.
std::optional<TaskFilter> stray_of(const graphs::Plan& plan, const graphs::EdgePlan& edge) {
  for (const graphs::RoutePlan& route : plan.routes) {
    if (route.without_branch && !route.edges.empty() && route.edges.front() == edge.index)
      return TaskFilter(route.without_branch);
  }
  return std::nullopt;
}

template <class T>
T readable(Result<T> result) {
  if (!result.ok()) throw std::runtime_error(result.error().message);
  return std::move(*result);
}

}  // namespace

Outlets::Outlets(const graphs::Plan& plan, Address self, Host& host)
    : plan_(plan), self_(self), host_(host) {
  for (const graphs::EdgePlan& edge : plan.edges) {
    if (edge.from.stage != self) continue;
    ports_[output_index(*plan.stages[self].contract, edge.from.port)].push_back(
        {&edge, Credit(edge.capacity_items, edge.capacity_bytes), TaskFilter(edge.tasks),
         stray_of(plan, edge)});
    routes_ |= edge.tasks.has_value();
  }
}

void Outlets::send(std::uint32_t port, const Envelope& envelope) {
  if (const auto edges = ports_.find(port); edges != ports_.end()) send(edges->second, envelope);
}

void Outlets::bury(const Envelope& tombstone) {
  for (auto& [port, edges] : ports_) {
    if (edges.front().plan->delivery == graphs::Delivery::Queue) send(edges, tombstone);
  }
}

void Outlets::send(std::vector<Edge>& edges, const Envelope& envelope) {
  for (Edge& edge : edges) {
    if (edge.takes.takes(envelope.task)) send_on(edge, envelope);
    if (edge.stray && edge.stray->takes(envelope.task)) send_stray(edge, envelope);
  }
}

void Outlets::send_on(Edge& edge, Envelope envelope) {
  envelope.producer_epoch = 1;
  envelope.sequence = ++edge.sequence;
  envelope.observer = envelope.observer || !edge.plan->accounted;
  if (edge.plan->delivery == graphs::Delivery::Latest) {
    host_.post(self_, edge.plan->to.stage, Deliver{edge.plan->index, std::move(envelope)});
    return;
  }
  const bool full = !edge.waiting.empty() || !edge.credit.allows(envelope.bytes());
  if (full && edge.plan->when_full == graphs::WhenFull::DropOldest) {
    TROUPE_ASSERT(!edge.plan->accounted, "an accounted edge may not drop");
    if (!edge.waiting.empty()) edge.waiting.pop_front();
  }
  edge.waiting.push_back(std::move(envelope));
  flush(edge);
}

void Outlets::send_stray(Edge& edge, const Envelope& envelope) {
  if (envelope.type == MessageType::Tombstone) return send_on(edge, envelope);
  if (envelope.type == MessageType::Prompt) return;  // not admitted yet: nobody waits for it
  Ended ended{self_, {}};
  const auto end = [&](const Payload& payload) {
    const Sample sample = readable(decode_sample(payload));
    ended.samples.push_back({sample.id, End::Unscorable,
                             "no branch of the route behind '" + plan_.stages[self_].name +
                                 "' takes task '" + sample.prompt.task + "'",
                             payload});
  };
  const bool whole = envelope.type == MessageType::Group;
  if (whole) {
    for (const Payload& payload : readable(decode_group(envelope.payload)).samples) end(payload);
  } else {
    end(envelope.payload);
  }
  const std::string reason = ended.samples.empty() ? "" : ended.samples.front().reason;
  Envelope dead = envelope_of(Tombstone{End::Unscorable, reason, plan_.stages[self_].name},
                              envelope.sample, envelope.version, whole);
  dead.observer = envelope.observer;
  dead.task = envelope.task;
  const bool accounted = !dead.observer && edge.plan->accounted && !ended.samples.empty();
  if (accounted) host_.post(self_, kCoordinator, std::move(ended));
  send_on(edge, std::move(dead));
}

void Outlets::grant(const Grant& event) {
  for (auto& [port, edges] : ports_) {
    for (Edge& edge : edges) {
      if (edge.plan->index == event.edge) edge.credit.grant(event.items, event.bytes);
    }
  }
}

void Outlets::flush() {
  for (auto& [port, edges] : ports_) {
    for (Edge& edge : edges) flush(edge);
  }
}

void Outlets::flush(Edge& edge) {
  while (!edge.waiting.empty() && edge.credit.allows(edge.waiting.front().bytes())) {
    Envelope envelope = std::move(edge.waiting.front());
    edge.waiting.pop_front();
    edge.credit.spend(envelope.bytes());
    host_.post(self_, edge.plan->to.stage, Deliver{edge.plan->index, std::move(envelope)});
  }
}

void Outlets::close() {
  for (auto& [port, edges] : ports_) {
    for (Edge& edge : edges) host_.post(self_, edge.plan->to.stage, NoMore{edge.plan->index});
  }
}

bool Outlets::blocked(std::optional<TaskKey> task) const {
  for (const auto& [port, edges] : ports_) {
    for (const Edge& edge : edges) {
      if (edge.plan->delivery != graphs::Delivery::Queue) continue;
      if (task && !edge.takes.takes(*task)) continue;
      if (!edge.waiting.empty()) return true;
      // Full: what the stage would make of the next input could not leave.
      if (edge.plan->when_full == graphs::WhenFull::Block &&
          edge.credit.items_used() >= edge.credit.items_max())
        return true;
    }
  }
  return false;
}

bool Outlets::empty() const {
  for (const auto& [port, edges] : ports_) {
    for (const Edge& edge : edges) {
      if (!edge.waiting.empty()) return false;
    }
  }
  return true;
}

std::vector<std::string> Outlets::describe() const {
  std::vector<std::string> parts;
  for (const auto& [port, edges] : ports_) {
    for (const Edge& edge : edges) {
      const bool full = edge.plan->delivery == graphs::Delivery::Queue &&
                        edge.credit.items_used() >= edge.credit.items_max();
      if (edge.waiting.empty() && !full) continue;
      parts.push_back("waits for room on edge '" + edge.plan->name + "' (" +
                      std::to_string(edge.credit.items_used()) + " of " +
                      std::to_string(edge.credit.items_max()) + " used)");
    }
  }
  return parts;
}

}  // namespace troupe::runtime
