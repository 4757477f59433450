#pragma once
// Event: everything that can happen to a stage or to the coordinator. Hosts carry events from one
// address to another, in order per pair, and know nothing of their meaning. Values; moved.
#include <any>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "schemas/base/clock.hpp"
#include "schemas/base/end.hpp"
#include "schemas/base/result.hpp"
#include "schemas/envelope.hpp"
#include "schemas/messages.hpp"

namespace troupe::runtime {

/// Index of a stage in the plan, or the coordinator.
using Address = std::uint32_t;
inline constexpr Address kCoordinator = 0xffffffff;

using EdgeIndex = std::uint32_t;
using Ticket = std::uint64_t;   // work started on an engine
using TimerId = std::uint32_t;  // chosen by the stage
using Metrics = std::map<std::string, double>;
using EngineResult = Result<std::any>;

using CallIndex = std::uint32_t;  // of Plan::calls
using CallId = std::uint64_t;     // one call of a caller; never used again within a run
/// What a service answered, and who it was: the versions of callees are part of a verdict's.
struct CallAnswer {
  Payload payload;
  Callee by;
};
using CallResult = Result<CallAnswer>;

// On edges.
struct Deliver {
  EdgeIndex edge;
  Envelope envelope;
};
struct Grant {  // the consumer took something: so much more may be sent
  EdgeIndex edge;
  std::uint64_t items;
  std::uint64_t bytes;
};
struct NoMore {  // end of data
  EdgeIndex edge;
};

// On calls (`<->`), from the caller to the service and back.
struct Ask {
  CallIndex call;
  CallId id;
  Envelope request;
};
struct Withdraw {  // the caller waits no longer
  CallIndex call;
  CallId id;
};
struct NoMoreCalls {  // the caller has finished
  CallIndex call;
};
struct Answered {
  CallIndex call;
  CallId id;
  CallResult result;
};
struct CallDue {  // the caller's own timer: the deadline of this call
  CallId id;
};

// From engines and timers. `life` counts restarts of the stage: what an earlier life began is
// dropped.
struct WorkDone {
  Ticket ticket;
  std::uint32_t life;
  EngineResult result;
};
struct TimerFired {
  TimerId timer;
  std::uint32_t life;
};

// From the coordinator to stages.
struct Start {};
struct Admitted {
  GroupId group;
  Version version;
  std::vector<std::uint16_t> kept;  // siblings that a life before this one finished already
};
struct Refill {  // generate this sample anew; its predecessor died
  SampleId sample;
};
struct CloseSlot {  // this sibling will not come
  SampleId sample;
};
struct ReleasePrompt {  // no refill of this group can be asked for any more
  GroupId group;
};
struct TakeBatch {  // consume these groups in this step
  std::uint32_t step;
  std::vector<GroupId> groups;
};
struct RedoBatch {  // a step that was taken before the run died: train the same groups again
  std::uint32_t step;
  std::vector<Payload> groups;  // encoded Group messages
  bool more;                    // another one follows
};
struct SaveInto {
  std::uint32_t step;
  std::filesystem::path folder;
};
struct Drain {};     // admit nothing new; finish what was begun
struct Restart {};   // after a failure: build the stage anew
struct Describe {};  // say what you wait for

// From stages to the coordinator.
struct AskAdmission {
  Address stage;
  GroupId group;
};
struct SlotMissing {  // a group waits for a sibling that died: will it be refilled?
  Address stage;
  SampleId sample;
  End end;
};
struct Assembled {
  GroupId group;
};
struct GroupReady {
  Address stage;
  GroupId group;
};
struct EndedSample {
  SampleId sample;
  End end = End::Failed;
  std::string reason;
  Payload record;  // the Sample as it was last seen; null when it died before it existed
};
struct Ended {
  Address stage;
  std::vector<EndedSample> samples;
};
struct BatchTaken {  // what a step is about to train, for the journal
  Address stage;
  std::uint32_t step;
  std::vector<Payload> groups;  // encoded Group messages, in the order of TakeBatch
};
struct StepTaken {
  Address stage;
  Version version;  // of the weights that the step made
  std::vector<EndedSample> samples;
  Metrics metrics;
};
struct Measured {  // metrics that do not belong to the learner's step, stamped with a step
  Address stage;
  std::uint32_t step;
  Metrics metrics;
};
struct WantCheckpoint {
  Address stage;
  std::uint32_t step;
};
struct Saved {
  Address stage;
  std::uint32_t step;
  Result<void> result;
};
struct StageFailed {
  Address stage;
  Error error;
  bool restartable;
};
struct Finished {
  Address stage;
};
/// What keeps a stage from going on. The first ones are causes, the last ones their victims.
enum class Standstill : std::uint8_t {
  Engine,   // work that it started on an engine has not come back
  Down,     // it failed and waits to be restarted
  Holds,    // it has inputs in hand and nothing under way for them
  Refuses,  // it has room, and takes no input, or (a source) gives no prompt
  Weights,  // weights that were promised have not come
  Answer,   // a stage that it called has not answered
  Room,     // an edge behind it is full
  Input,    // it waits for others
};
struct Description {
  Address stage;
  Standstill standstill;
  std::size_t in_hand;  // inputs that it was given and has not settled
  std::string text;     // what it waits for, naming edges
};

// To the coordinator, from outside and from its own timers.
struct StopRun {
  std::string reason;
};
struct Tick {};       // watchdog
struct CommitDue {};  // what was recorded a while ago is made durable
struct RestartDue {
  Address stage;
};
struct DescriptionsDue {};

using Event =
    std::variant<Deliver, Grant, NoMore, Ask, Withdraw, NoMoreCalls, Answered, CallDue, WorkDone,
                 TimerFired, Start, Admitted, Refill, CloseSlot, ReleasePrompt, TakeBatch,
                 RedoBatch, SaveInto, Drain, Restart, Describe, AskAdmission, SlotMissing,
                 Assembled, GroupReady, Ended, BatchTaken, StepTaken, Measured, WantCheckpoint,
                 Saved, StageFailed, Finished, Description, StopRun, Tick, CommitDue, RestartDue,
                 DescriptionsDue>;

/// Whoever has an address. A host calls `handle` for the events that have come, in order, one call
/// at a time, never concurrently. Handling several at once is worth it: what they cause is done and
/// told once.
class Actor {
 public:
  virtual ~Actor() = default;
  /// The events may be moved from.
  virtual void handle(std::span<Event> events) = 0;
};

/// What actors may ask of the host that runs them. `post` and `post_after` are thread-safe (engines
/// post completions from their own threads) and never block. Events from one sender to one receiver
/// arrive in order; `post_after` after at least that long. What an actor posts while it handles
/// events may leave when it has handled them all.
class Host {
 public:
  virtual ~Host() = default;
  virtual Clock& clock() = 0;
  virtual void post(Address from, Address to, Event event) = 0;
  virtual void post_after(Duration delay, Address to, Event event) = 0;
  /// Whether that actor is handling an event at this moment; one that does so for long is stuck.
  virtual bool is_handling(Address) const { return false; }
};

}  // namespace troupe::runtime
