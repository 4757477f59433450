#pragma once
// Stage: one node of the running graph. An event handler with one owner (its runner): it gets
// messages, completions, timers and the end of data, one at a time, and never blocks. Heavy work is
// started on an engine and comes back as on_done. The same class runs on threads and in virtual
// time. A stage that throws is restarted by its supervisor, and the messages it had not settled are
// given to it again.
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "actors/runtime/event.hpp"
#include "graphs/plan.hpp"
#include "schemas/base/disk.hpp"
#include "schemas/messages.hpp"

namespace troupe::stages {
class EngineSet;  // actors/stages/engine_set.hpp; the runtime only passes it on
}

namespace troupe::runtime {

class Workers;
class DataWatch;  // actors/runtime/data_watch.hpp

/// Index of a port among the contract's inputs or outputs.
using InPort = std::uint32_t;
using OutPort = std::uint32_t;

/// Index of a port among the contract's calls (of a caller) or answers (of a service).
using CallPort = std::uint32_t;

/// A request that a service got and has to answer once.
struct Call {
  CallIndex call = 0;
  CallId id = 0;
  CallPort port = 0;  // among the service's answers
  Envelope request;
};

/// Gives the result of started work back, from any thread, once per expected result.
using Completion = std::function<void(EngineResult)>;

/// How a stage reaches the world. Valid only during the call that it is passed to.
class Outbox {
 public:
  virtual ~Outbox() = default;

  /// Sends a message on every edge of a port. An input message with the same identity is settled
  /// by this. Sending never fails: what has no credit waits, and the stage gets no further input
  /// until it has gone.
  virtual void send(OutPort port, Envelope envelope) = 0;
  /// The sample ends here. Settles it, records it, and leaves a tombstone on the stage's outputs.
  /// `record`: the sample as last seen, for the sample log.
  virtual void end(const Envelope& input, End end, std::string reason, Payload record) = 0;
  /// The same for a whole group (a filter): one tombstone, one record per sample.
  virtual void end_group(const Envelope& input, std::vector<EndedSample> samples) = 0;
  /// The input needs nothing more from this stage, which sent its results under other identities.
  virtual void settle(const Envelope& input) = 0;

  /// Begins work on an engine: `results` completions will come for the ticket.
  virtual Ticket start(std::uint32_t results = 1) = 0;
  virtual Completion completion(Ticket ticket) = 0;
  /// Closes a ticket whose remaining results are not wanted (a timeout). Late ones are dropped.
  virtual void abandon(Ticket ticket) = 0;
  virtual void set_timer(TimerId timer, Duration after) = 0;

  /// Asks the service at the other end of a `<->`. `about`: the sample that it is asked for. The
  /// answer, or why there is none (Timeout after the edge's deadline), comes as on_answer, once. A
  /// call beyond the edge's concurrency waits here, and the stage gets no further input meanwhile.
  virtual CallId ask(CallPort port, Payload request, const SampleId& about) = 0;
  /// The answer to a call that the stage got by on_call; `version`: of the weights behind it. An
  /// answer that nobody waits for any more is dropped.
  virtual void answer(const Call& call, Result<Payload> answer, Version version) = 0;

  /// A source has nothing more.
  virtual void no_more() = 0;
  virtual Clock& clock() = 0;

  /// Numbers for metrics and TensorBoard, at a step of the learner.
  virtual void measure(std::uint32_t step, Metrics metrics) = 0;

  // Learners only.
  /// A whole group waits here to be consumed.
  virtual void group_ready(const GroupId& group) = 0;
  /// What on_batch is about to train, as encoded groups: a resumed run trains them again from its
  /// checkpoint (on_redo). To be said before step_taken of that step.
  virtual void batch_taken(std::uint32_t step, std::vector<Payload> groups) = 0;
  /// The step that a batch was taken for is done; its weights were published under `version`.
  virtual void step_taken(Version version, std::vector<EndedSample> samples, Metrics metrics) = 0;
  /// Asks for a folder to save into (on_save).
  virtual void want_checkpoint(std::uint32_t step) = 0;
  virtual void saved(std::uint32_t step, Result<void> result) = 0;
};

class Stage {
 public:
  virtual ~Stage() = default;

  virtual void on_start(Outbox&) {}
  /// Whether the next message of this port can be taken now. Asked again after every event.
  virtual bool ready(InPort) const { return true; }
  virtual void on_message(InPort port, Envelope envelope, Outbox& out) = 0;
  /// A newer value on a `~>` input.
  virtual void on_latest(InPort, Envelope, Outbox&) {}
  /// A result of work started on an engine.
  virtual void on_done(Ticket, EngineResult, Outbox&) {}
  virtual void on_timer(TimerId, Outbox&) {}
  /// What came of a call that the stage made by Outbox::ask.
  virtual void on_answer(CallId, CallResult, Outbox&) {}

  /// Services: whether the next call of this port can be taken now. Apart from `ready`: a service
  /// answers while its outputs are full.
  virtual bool ready_to_serve(CallPort) const { return true; }
  /// Services: a call to answer, now or later. After a restart, what was not answered comes again.
  virtual void on_call(Call, Outbox&) {}

  /// All data of the stage has been delivered and no more will come. After it, the stage is
  /// finished as soon as no message is unsettled, no ticket is open, and whoever may call it has
  /// finished: calls come until then.
  virtual void on_end(Outbox&) {}

  /// Sources: there is room on the outputs; send one message or say no_more().
  virtual void on_room(Outbox&) {}
  /// The stage behind the gate: generate one sample of an admitted prompt anew.
  virtual void on_refill(const Envelope& /*prompt*/, const SampleId&, Outbox&) {}
  /// Learners: consume these groups, which all were ready.
  virtual void on_batch(std::uint32_t /*step*/, const std::vector<GroupId>&, Outbox&) {}
  /// Learners: a step that was taken before the run died; train the same groups again. `more`:
  /// another one follows, so that nothing of this one needs to be saved.
  virtual void on_redo(std::uint32_t /*step*/, std::vector<Payload> /*groups*/, bool /*more*/,
                       Outbox&) {}
  virtual void on_save(std::uint32_t /*step*/, const std::filesystem::path& /*folder*/, Outbox&) {}
  /// The events that had come have been handled: work that was collected meanwhile can be started
  /// together.
  virtual void on_turn_end(Outbox&) {}
  /// The run was asked to stop: what is in hand may be finished, nothing new comes.
  virtual void on_drain(Outbox&) {}

  /// State that a restart or a resume needs, and putting it back. Most stages have none.
  virtual std::string snapshot() const { return {}; }
  virtual Result<void> restore(const std::string&) { return {}; }
};

/// Where a dataset goes on: at `next`, else right after `last`, else at its beginning; in its own
/// order, skipping what is resolved already.
struct ResumeCursor {
  std::optional<PromptId> next;
  std::optional<PromptId> last;
  std::unordered_set<PromptId> resolved;
};

/// What a stage is made from. `plan` outlives the stage.
struct StageContext {
  const graphs::Plan* plan = nullptr;
  const graphs::StagePlan* stage = nullptr;
  Version start_version;  // {0, 0}, or where a resumed run goes on
  Workers* workers = nullptr;
  Disk* disk = nullptr;
  stages::EngineSet* engines = nullptr;
  /// Where each dataset goes on in a resumed run, by stage index.
  std::shared_ptr<const std::map<std::uint32_t, ResumeCursor>> cursors;
  DataWatch* data = nullptr;  // null: nobody asks what data is used
  std::uint64_t seed() const { return plan->run.seed; }
  const graphs::Value& option(std::string_view name) const { return stage->option(name); }
};

/// Builds one stage; called again when it is restarted. Errors are of configuration (a file that
/// cannot be read, a model that does not fit the stage) and end the run before it starts.
using StageFactory = std::function<Result<std::unique_ptr<Stage>>(const StageContext&)>;

}  // namespace troupe::runtime
