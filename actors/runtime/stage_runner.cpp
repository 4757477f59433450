#include "actors/runtime/stage_runner.hpp"

#include <algorithm>

namespace troupe::runtime {

namespace {

// Prompts that may wait at the gate with a question to the coordinator under way; enough that the
// answer's way is never waited for, few enough that a drain drops almost nothing.
constexpr std::size_t kGateWaitingMax = 64;

std::uint32_t port_index(const std::vector<graphs::PortSpec>& ports, std::string_view name) {
  for (std::uint32_t i = 0; i < ports.size(); ++i) {
    if (ports[i].name == name) return i;
  }
  TROUPE_ASSERT(false, "no such port: " + std::string(name));
  return 0;
}

}  // namespace

// The outbox of one call.
class StageRunner::Out final : public Outbox {
 public:
  explicit Out(StageRunner& runner) : runner_(runner) {}

  void send(OutPort port, Envelope envelope) override { runner_.send(port, std::move(envelope)); }

  void end(const Envelope& input, End end, std::string reason, Payload record) override {
    const Tombstone tombstone{end, reason, runner_.context_.stage->name};
    runner_.bury(input, tombstone, false);
    if (!input.observer)
      runner_.tell(Ended{runner_.self_, {{input.sample, end, std::move(reason), record}}});
    runner_.settle(key_of(input));
  }

  void end_group(const Envelope& input, std::vector<EndedSample> samples) override {
    TROUPE_ASSERT(!samples.empty(), "a group without samples cannot end");
    runner_.bury(input, {samples.front().end, samples.front().reason, runner_.context_.stage->name},
                 true);
    if (!input.observer) runner_.tell(Ended{runner_.self_, std::move(samples)});
    runner_.settle(key_of(input));
  }

  void settle(const Envelope& input) override { runner_.settle(key_of(input)); }

  Ticket start(std::uint32_t results) override {
    TROUPE_ASSERT(results > 0, "work without results");
    const Ticket ticket = runner_.next_ticket_++;
    runner_.tickets_.emplace(ticket, results);
    return ticket;
  }
  Completion completion(Ticket ticket) override {
    Host& host = runner_.host_;
    const Address self = runner_.self_;
    const std::uint32_t life = runner_.life_;
    return [&host, self, life, ticket](EngineResult result) {
      host.post(self, self, WorkDone{ticket, life, std::move(result)});
    };
  }
  void abandon(Ticket ticket) override { runner_.tickets_.erase(ticket); }
  void set_timer(TimerId timer, Duration after) override {
    runner_.host_.post_after(after, runner_.self_, TimerFired{timer, runner_.life_});
  }
  CallId ask(CallPort port, Payload request, const SampleId& about) override {
    Envelope envelope;
    envelope.type = MessageType::Request;
    envelope.sample = about;
    envelope.payload = std::move(request);
    return runner_.caller_.ask(port, std::move(envelope));
  }
  void answer(const Call& call, Result<Payload> answer, Version version) override {
    runner_.service_.answer(call, std::move(answer), version);
  }
  void no_more() override { runner_.source_done_ = true; }
  Clock& clock() override { return runner_.host_.clock(); }
  void measure(std::uint32_t step, Metrics metrics) override {
    runner_.tell(Measured{runner_.self_, step, std::move(metrics)});
  }
  void group_ready(const GroupId& group) override {
    runner_.tell(GroupReady{runner_.self_, group});
  }
  void batch_taken(std::uint32_t step, std::vector<Payload> groups) override {
    runner_.tell(BatchTaken{runner_.self_, step, std::move(groups)});
  }
  void step_taken(Version version, std::vector<EndedSample> samples, Metrics metrics) override {
    for (const EndedSample& sample : samples) runner_.settle(Key{{sample.sample.prompt}, true});
    runner_.tell(StepTaken{runner_.self_, version, std::move(samples), std::move(metrics)});
  }
  void want_checkpoint(std::uint32_t step) override {
    runner_.tell(WantCheckpoint{runner_.self_, step});
  }
  void saved(std::uint32_t step, Result<void> result) override {
    runner_.tell(Saved{runner_.self_, step, std::move(result)});
  }

 private:
  StageRunner& runner_;
};

StageRunner::Key StageRunner::key_of(const Envelope& envelope) {
  const bool group = envelope.type == MessageType::Prompt || envelope.type == MessageType::Group;
  return group ? Key{{envelope.sample.prompt}, true} : Key{envelope.sample, false};
}

StageRunner::StageRunner(const StageContext& context, StageFactory factory,
                         std::unique_ptr<Stage> stage, Host& host)
    : context_(context),
      factory_(std::move(factory)),
      stage_(std::move(stage)),
      host_(host),
      self_(context.stage->index),
      is_gate_(context.plan->gate && context.plan->gate->stage == self_),
      is_source_(context.stage->contract->is_source() && !context.stage->contract->is_sink()),
      outlets_(*context.plan, context.stage->index, host),
      caller_(*context.plan, context.stage->index, host),
      service_(*context.plan, context.stage->index, host) {
  const graphs::Plan& plan = *context.plan;
  const graphs::Contract& contract = *context.stage->contract;
  Inlet::Effects effects;
  effects.grant = [this](EdgeIndex edge, std::uint64_t items, std::uint64_t bytes) {
    for (Grant& grant : grants_) {
      if (grant.edge != edge) continue;
      grant.items += items;
      grant.bytes += bytes;
      return;
    }
    grants_.push_back({edge, items, bytes});
  };
  effects.slot_missing = [this](const SampleId& sample, End end) {
    tell(SlotMissing{self_, sample, end});
  };
  effects.assembled = [this](const GroupId& group) { tell(Assembled{group}); };
  effects.abandoned = [this](GroupAssembler::Assembled whole) {
    Ended ended{self_, {}};
    for (const Envelope& sample : whole.samples) {
      ended.samples.push_back({sample.sample, End::Filtered,
                               "fewer than two siblings of its group have a reward",
                               sample.payload});
    }
    if (!ended.samples.empty()) tell(std::move(ended));
  };
  effects.failed = [this](Error error) { fail(std::move(error), false); };
  for (std::uint32_t port = 0; port < contract.inputs.size(); ++port) {
    if (contract.inputs[port].delivery != graphs::Delivery::Queue) continue;
    Inlet inlet(plan, self_, port, effects);
    inlets_.push_back(std::move(inlet));
  }
  for (const graphs::EdgePlan& edge : plan.edges) {
    if (edge.delivery == graphs::Delivery::Latest && edge.to.stage == self_)
      latest_.push_back({edge.index, port_index(contract.inputs, edge.to.port), {}, false});
  }
}

StageRunner::~StageRunner() = default;

void StageRunner::handle(std::span<Event> events) {
  for (Event& event : events) {
    if (finished_ && !std::holds_alternative<Describe>(event)) continue;
    std::visit([this](auto&& what) { on(std::move(what)); }, std::move(event));
  }
  if (!finished_) pump();
  if (started_ && !finished_ && !down_) call([&](Outbox& out) { stage_->on_turn_end(out); });
  tell_grants();
}

void StageRunner::tell_grants() {
  for (const Grant& grant : grants_)
    host_.post(self_, context_.plan->edges[grant.edge].from.stage, grant);
  grants_.clear();
}

template <class Other>
void StageRunner::on(Other&&) {
  TROUPE_ASSERT(false, "a stage got an event that is meant for the coordinator");
}

void StageRunner::on(Deliver&& event) {
  for (LatestIn& in : latest_) {
    if (in.edge != event.edge) continue;
    if (in.value && in.value->version >= event.envelope.version) return;
    in.value = event.envelope;
    if (started_ && !down_)
      call([&](Outbox& out) { stage_->on_latest(in.port, std::move(event.envelope), out); });
    return;
  }
  for (Inlet& inlet : inlets_) {
    if (inlet.has_edge(event.edge)) return inlet.deliver(event.edge, std::move(event.envelope));
  }
  TROUPE_ASSERT(false, "a message came on an edge of another stage");
}

void StageRunner::on(Grant&& event) { outlets_.grant(event); }

void StageRunner::on(NoMore&& event) {
  for (LatestIn& in : latest_) {
    if (in.edge == event.edge) in.ended = true;
  }
  for (Inlet& inlet : inlets_) inlet.no_more(event.edge);
}

void StageRunner::on(Ask&& event) { service_.asked(std::move(event)); }

void StageRunner::on(Withdraw&& event) { service_.withdrawn(event); }

void StageRunner::on(NoMoreCalls&& event) { service_.no_more(event); }

void StageRunner::on(Answered&& event) {
  if (!caller_.answered(event)) return;
  call([&](Outbox& out) { stage_->on_answer(event.id, std::move(event.result), out); });
}

void StageRunner::on(CallDue&& event) {
  if (auto error = caller_.due(event.id))
    call([&](Outbox& out) { stage_->on_answer(event.id, std::move(*error), out); });
}

void StageRunner::on(WorkDone&& event) {
  if (event.life != life_ || down_) return;
  const auto it = tickets_.find(event.ticket);
  if (it == tickets_.end()) return;  // abandoned
  if (--it->second == 0) tickets_.erase(it);
  call([&](Outbox& out) { stage_->on_done(event.ticket, std::move(event.result), out); });
}

void StageRunner::on(TimerFired&& event) {
  if (event.life != life_ || down_) return;
  call([&](Outbox& out) { stage_->on_timer(event.timer, out); });
}

void StageRunner::on(Start&&) {
  started_ = true;
  call([&](Outbox& out) { stage_->on_start(out); });
  for (LatestIn& in : latest_) {
    if (in.value && !down_) call([&](Outbox& out) { stage_->on_latest(in.port, *in.value, out); });
  }
}

void StageRunner::on(Admitted&& event) {
  for (Waiting& waiting : waiting_) {
    if (waiting.envelope.sample.prompt != event.group) continue;
    waiting.admitted = event.version;
    waiting.kept = std::move(event.kept);
    waiting.envelope.version = event.version;
    prompts_.emplace(event.group, waiting.envelope);
    return;
  }
  TROUPE_ASSERT(false, "admitted a prompt that does not wait: " + to_string(event.group));
}

void StageRunner::on(Refill&& event) { refills_.push_back(event.sample); }

void StageRunner::on(CloseSlot&& event) {
  for (Inlet& inlet : inlets_) inlet.close_slot(event.sample);
}

void StageRunner::on(ReleasePrompt&& event) { prompts_.erase(event.group); }

void StageRunner::on(TakeBatch&& event) {
  call([&](Outbox& out) { stage_->on_batch(event.step, event.groups, out); });
}

void StageRunner::on(RedoBatch&& event) {
  call([&](Outbox& out) {
    stage_->on_redo(event.step, std::move(event.groups), event.more, out);
  });
}

void StageRunner::on(SaveInto&& event) {
  call([&](Outbox& out) { stage_->on_save(event.step, event.folder, out); });
}

void StageRunner::on(Drain&&) {
  if (draining_) return;
  draining_ = true;
  if (is_source_) source_done_ = true;
  if (!down_) call([&](Outbox& out) { stage_->on_drain(out); });
}

void StageRunner::on(Restart&&) {
  TROUPE_ASSERT(down_, "restarted a stage that is running");
  std::string state;
  try {
    state = stage_->snapshot();
  } catch (const std::exception& e) {
    return fail(Error{ErrorCode::Internal, std::string("its state is lost: ") + e.what(), ""},
                false);
  }
  auto made = factory_(context_);
  if (!made.ok()) return fail(made.error(), false);
  stage_ = std::move(*made);
  if (auto restored = stage_->restore(state); !restored.ok()) return fail(restored.error(), false);
  ++life_;
  tickets_.clear();
  service_.restart();
  down_ = false;
  on(Start{});
  auto again = std::move(in_hand_);
  in_hand_.clear();
  for (auto& [key, item] : again) {
    if (down_) {
      in_hand_.emplace(key, std::move(item));
      continue;
    }
    const Envelope envelope = item.envelope;
    const bool refill = item.refill;
    const std::uint32_t port = item.port;
    in_hand_.emplace(key, std::move(item));
    call([&](Outbox& out) {
      if (refill)
        stage_->on_refill(prompts_.at(envelope.sample.prompt), envelope.sample, out);
      else
        stage_->on_message(port, envelope, out);
    });
  }
}

void StageRunner::on(Describe&&) { tell(describe()); }

void StageRunner::pump() {
  if (!started_) return;
  outlets_.flush();
  while (!down_ && serve()) outlets_.flush();
  while (!down_ && pump_once()) outlets_.flush();
  check_end();
}

bool StageRunner::blocked(std::optional<TaskKey> task) const {
  return caller_.full() || outlets_.blocked(task);
}

bool StageRunner::serve() {
  auto taken = service_.next([this](CallPort port) { return stage_->ready_to_serve(port); });
  if (!taken) return false;
  call([&](Outbox& out) { stage_->on_call(std::move(*taken), out); });
  return true;
}

bool StageRunner::pump_once() {
  if ((!outlets_.routes() || is_source_) && blocked({})) return false;
  if (is_source_) return pump_source();
  const auto may = [this](const Envelope& envelope) { return may_go(envelope); };
  for (Inlet& inlet : inlets_) {
    if (is_gate_ && pump_gate(inlet)) return true;
    const Envelope* front = outlets_.routes() ? inlet.front_where(may) : inlet.front();
    if (front == nullptr || (is_gate_ && front->type != MessageType::Tombstone)) continue;
    if (front->type == MessageType::Tombstone) {
      outlets_.bury(inlet.take());
      return true;
    }
    if (!stage_->ready(inlet.port())) continue;
    return give_to_stage(inlet.port(), inlet.take(), false);
  }
  return is_gate_ && give_admitted();
}

bool StageRunner::pump_source() {
  if (source_done_) return false;
  gave_ = false;
  call([&](Outbox& out) { stage_->on_room(out); });
  // One that gave nothing is asked again after the next event: it may wait for an engine.
  return gave_ || source_done_;
}

bool StageRunner::pump_gate(Inlet& inlet) {
  if (draining_) {
    // Not admitted, so not accounted: a resumed run will draw them again.
    bool dropped = false;
    while (inlet.front() != nullptr) {
      inlet.take();
      dropped = true;
    }
    std::erase_if(waiting_, [](const Waiting& waiting) { return !waiting.admitted; });
    return dropped;
  }
  const Envelope* front = inlet.front();
  if (front == nullptr || waiting_.size() >= kGateWaitingMax) return false;
  Waiting waiting{inlet.take(), {}, {}};
  tell(AskAdmission{self_, waiting.envelope.sample.prompt});
  waiting_.push_back(std::move(waiting));
  return true;
}

bool StageRunner::weights_reached(Version version) const {
  return std::all_of(latest_.begin(), latest_.end(),
                     [&](const LatestIn& in) { return in.value && in.value->version >= version; });
}

bool StageRunner::give_admitted() {
  const std::uint32_t port = inlets_.front().port();
  if (!refills_.empty() && stage_->ready(port) && may_go(prompts_.at(refills_.front().prompt))) {
    const SampleId sample = refills_.front();
    refills_.pop_front();
    Envelope envelope = prompts_.at(sample.prompt);
    envelope.type = MessageType::Sample;  // its own identity, beside the prompt's
    envelope.sample = sample;
    return give_to_stage(port, std::move(envelope), true);
  }
  if (waiting_.empty() || !waiting_.front().admitted) return false;
  if (!weights_reached(*waiting_.front().admitted) || !stage_->ready(port)) return false;
  if (!may_go(waiting_.front().envelope)) return false;
  Waiting waiting = std::move(waiting_.front());
  waiting_.pop_front();
  std::unordered_set<SampleId> sent;
  for (const std::uint16_t sibling : waiting.kept)
    sent.insert({waiting.envelope.sample.prompt, sibling, 0});
  // What ended in an earlier life of the run is not made again, and whoever assembles the group
  // must not wait for it.
  for (const SampleId& id : sent) {
    const Tombstone ended{End::Filtered, "it ended before the run was resumed",
                          context_.stage->name};
    Envelope sibling = waiting.envelope;
    sibling.sample = id;
    bury(sibling, ended, false);
  }
  return give_to_stage(port, std::move(waiting.envelope), false, std::move(sent));
}

bool StageRunner::give_to_stage(std::uint32_t port, Envelope envelope, bool refill,
                                std::unordered_set<SampleId> sent) {
  InHand item{port, envelope, refill, std::move(sent), host_.clock().now()};
  const bool fresh = in_hand_.emplace(key_of(envelope), std::move(item)).second;
  TROUPE_ASSERT(fresh, "a message came while its twin was in hand: " + to_string(envelope.sample));
  call([&](Outbox& out) {
    if (refill)
      stage_->on_refill(prompts_.at(envelope.sample.prompt), envelope.sample, out);
    else
      stage_->on_message(port, std::move(envelope), out);
  });
  return true;
}

void StageRunner::send(std::uint32_t port, Envelope envelope) {
  gave_ = true;
  const bool is_weights = envelope.type == MessageType::Weights;
  const Key key = key_of(envelope);
  if (!is_weights && !key.group) {
    // Work for a whole prompt: after a restart it is done again, and what went out stays out.
    const auto it = in_hand_.find(Key{{key.id.prompt}, true});
    if (it != in_hand_.end() && !it->second.sent.insert(key.id).second) return;
  }
  outlets_.send(port, envelope);
  if (!is_weights) settle(key);
}

void StageRunner::bury(const Envelope& input, const Tombstone& tombstone, bool whole_group) {
  Envelope envelope = envelope_of(tombstone, input.sample, input.version, whole_group);
  envelope.observer = input.observer;
  envelope.task = input.task;
  outlets_.bury(envelope);
}

void StageRunner::settle(const Key& key) { in_hand_.erase(key); }

void StageRunner::call(const std::function<void(Outbox&)>& body) {
  Out out(*this);
  try {
    body(out);
  } catch (const std::exception& e) {
    fail(Error{ErrorCode::Internal, std::string("it threw: ") + e.what(), ""}, true);
  }
}

void StageRunner::fail(Error error, bool restartable) {
  down_ = true;
  caller_.forget();  // its next life asks again
  // A learner's groups were taken from the gate already; it goes on from its checkpoint instead.
  restartable = restartable && !context_.stage->contract->learns;
  tell(StageFailed{self_, std::move(error), restartable});
}

void StageRunner::tell(Event event) { host_.post(self_, kCoordinator, std::move(event)); }

void StageRunner::check_end() {
  if (down_ || finished_ || !started_) return;
  if (!end_told_) {
    if (!inputs_ended()) return;
    end_told_ = true;
    call([&](Outbox& out) { stage_->on_end(out); });
    outlets_.flush();
    if (down_) return;
  }
  if (!closed_) {
    if (!in_hand_.empty() || !tickets_.empty() || !caller_.empty() || !outlets_.empty()) return;
    // Who stands behind may be who calls: it ends on this, and only then are there no more calls.
    closed_ = true;
    outlets_.close();
  }
  if (!service_.ended() || !service_.empty() || !tickets_.empty() || !caller_.empty()) return;
  finished_ = true;
  caller_.end();
  tell(Finished{self_});
}

bool StageRunner::inputs_ended() const {
  if (is_source_) return source_done_;
  if (inlets_.empty()) {
    return std::all_of(latest_.begin(), latest_.end(), [](const LatestIn& in) { return in.ended; });
  }
  const bool ended =
      std::all_of(inlets_.begin(), inlets_.end(), [](const Inlet& inlet) { return inlet.ended(); });
  if (!ended || !waiting_.empty() || !refills_.empty() || !prompts_.empty()) return false;
  return !is_gate_ || in_hand_.empty();
}

Standstill StageRunner::standstill() const {
  if (finished_) return Standstill::Input;
  if (down_) return Standstill::Down;
  if (!tickets_.empty()) return Standstill::Engine;
  if (!caller_.empty()) return Standstill::Answer;
  if (outlets_.blocked({})) return Standstill::Room;
  // A learner's groups wait there for the coordinator, who knows whether it gave them a step.
  if (!in_hand_.empty() && !context_.stage->contract->learns) return Standstill::Holds;
  if (!service_.empty()) return Standstill::Holds;
  if (is_source_) return source_done_ ? Standstill::Input : Standstill::Refuses;
  if (is_gate_) {
    if (waiting_.empty() || !waiting_.front().admitted) return Standstill::Input;
    return weights_reached(*waiting_.front().admitted) ? Standstill::Refuses : Standstill::Weights;
  }
  const bool could_take = std::any_of(inlets_.begin(), inlets_.end(),
                                      [](const Inlet& inlet) { return inlet.has_ready(); });
  return could_take ? Standstill::Refuses : Standstill::Input;
}

Description StageRunner::describe() const {
  const Standstill standing = standstill();
  std::string text;
  const auto add = [&](std::string part) { text += (text.empty() ? "" : "; ") + std::move(part); };
  if (finished_) return {self_, standing, 0, "finished"};
  if (down_) add("failed and waits to be restarted");
  if (!in_hand_.empty()) {
    TimePoint oldest = host_.clock().now();
    for (const auto& [key, item] : in_hand_) oldest = std::min(oldest, item.since);
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(host_.clock().now() - oldest).count();
    add("has " + std::to_string(in_hand_.size()) + " in hand, the oldest for " +
        std::to_string(seconds) + " s");
  }
  if (!tickets_.empty())
    add("waits for its engine to answer " + std::to_string(tickets_.size()) +
        (tickets_.size() == 1 ? " piece of work" : " pieces of work"));
  if (standing == Standstill::Holds) add("has nothing under way for it");
  if (standing == Standstill::Refuses)
    add(is_source_ ? "gives nothing although there is room" : "takes nothing although it could");
  if (standing == Standstill::Weights) {
    for (const LatestIn& in : latest_) {
      if (!in.value || in.value->version < *waiting_.front().admitted)
        add("waits for weights of version " + to_string(*waiting_.front().admitted) + " on edge '" +
            context_.plan->edges[in.edge].name + "'");
    }
  }
  if (std::string part = caller_.describe(); !part.empty()) add(std::move(part));
  if (std::string part = service_.describe(); !part.empty()) add(std::move(part));
  for (std::string& part : outlets_.describe()) add(std::move(part));
  if (!waiting_.empty()) add(std::to_string(waiting_.size()) + " prompts wait at the gate");
  for (const Inlet& inlet : inlets_) {
    if (std::string part = inlet.describe(); !part.empty()) add(std::move(part));
  }
  return {self_, standing, in_hand_.size(), text.empty() ? "idle" : text};
}

}  // namespace troupe::runtime
