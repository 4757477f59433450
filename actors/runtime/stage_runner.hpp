#pragma once
// StageRunner: the owner of one running stage. Turns events into calls of the stage: queues, joins
// and groups on its inputs, credit on its outputs, the gate's waiting room when it is the first
// reader of the weights, restart after a failure, and the end of data. Knows no threads: a host
// hands it one event at a time. What it does to the world goes through Host::post.
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "actors/runtime/caller.hpp"
#include "actors/runtime/event.hpp"
#include "actors/runtime/inlet.hpp"
#include "actors/runtime/outlets.hpp"
#include "actors/runtime/service.hpp"
#include "actors/runtime/stage.hpp"

namespace troupe::runtime {

class StageRunner final : public Actor {
 public:
  /// `stage` was made by `factory` already (so that configuration errors came out before the run).
  StageRunner(const StageContext& context, StageFactory factory, std::unique_ptr<Stage> stage,
              Host& host);
  ~StageRunner() override;

  void handle(std::span<Event> events) override;

 private:
  class Out;
  /// Which input a message is, whatever its type.
  struct Key {
    SampleId id;
    bool group = false;  // the whole prompt or group, not one sample
    auto operator<=>(const Key&) const = default;
  };
  static Key key_of(const Envelope& envelope);

  struct InHand {
    std::uint32_t port = 0;
    Envelope envelope;
    bool refill = false;
    std::unordered_set<SampleId> sent;  // samples already sent for a prompt
    TimePoint since{};
  };
  struct Waiting {  // behind the gate
    Envelope envelope;
    std::optional<Version> admitted;
    std::vector<std::uint16_t> kept;
  };

  void on(Deliver&& event);
  void on(Grant&& event);
  void on(NoMore&& event);
  void on(Ask&& event);
  void on(Withdraw&& event);
  void on(NoMoreCalls&& event);
  void on(Answered&& event);
  void on(CallDue&& event);
  void on(WorkDone&& event);
  void on(TimerFired&& event);
  void on(Start&&);
  void on(Admitted&& event);
  void on(Refill&& event);
  void on(CloseSlot&& event);
  void on(ReleasePrompt&& event);
  void on(TakeBatch&& event);
  void on(RedoBatch&& event);
  void on(SaveInto&& event);
  void on(Drain&&);
  void on(Restart&&);
  void on(Describe&&);
  template <class Other>
  void on(Other&&);  // events of the coordinator: a bug here

  void pump();
  bool pump_once();
  bool pump_source();
  bool pump_gate(Inlet& inlet);
  bool give_admitted();
  bool give_to_stage(std::uint32_t port, Envelope envelope, bool refill,
                     std::unordered_set<SampleId> sent = {});
  void tell_grants();
  /// Whether what the stage makes of the next input could not leave; `task`: of that input, when
  /// routes send it down some edges only.
  bool blocked(std::optional<TaskKey> task) const;
  bool may_go(const Envelope& envelope) const {
    return !outlets_.routes() || !blocked(envelope.task);
  }
  bool serve();
  void check_end();
  bool inputs_ended() const;
  bool weights_reached(Version version) const;

  void send(std::uint32_t port, Envelope envelope);
  void bury(const Envelope& input, const Tombstone& tombstone, bool whole_group);
  void settle(const Key& key);
  /// Calls the stage; an exception becomes a failure of the stage.
  void call(const std::function<void(Outbox&)>& body);
  void fail(Error error, bool restartable);
  void tell(Event event);  // the coordinator
  Description describe() const;
  Standstill standstill() const;

  StageContext context_;
  StageFactory factory_;
  std::unique_ptr<Stage> stage_;
  Host& host_;
  Address self_;
  bool is_gate_, is_source_;

  std::vector<Inlet> inlets_;
  struct LatestIn {
    EdgeIndex edge;
    std::uint32_t port;
    std::optional<Envelope> value;
    bool ended = false;
  };
  std::vector<LatestIn> latest_;
  std::vector<Grant> grants_;  // to be told, one for each edge
  Outlets outlets_;
  Caller caller_;
  Service service_;

  std::map<Key, InHand> in_hand_;
  std::unordered_map<Ticket, std::uint32_t> tickets_;  // results still to come
  Ticket next_ticket_ = 1;
  std::uint32_t life_ = 0;

  std::deque<Waiting> waiting_;                    // the gate's waiting room, in order
  std::unordered_map<GroupId, Envelope> prompts_;  // admitted, may be asked for again
  std::deque<SampleId> refills_;

  bool started_ = false, down_ = false, draining_ = false;
  bool gave_ = false;  // the source: something, when it was last asked
  bool source_done_ = false, end_told_ = false, closed_ = false, finished_ = false;
};

}  // namespace troupe::runtime
