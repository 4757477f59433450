#pragma once
// Coordinator: the one per run who sees the whole. Holds the gate, says which groups a step takes,
// decides refills, supervises stages, watches for standstill, hands out checkpoint folders, and
// tells the recorder what became of every sample. An actor like the stages: events in, events out;
// the same in a real run and in a simulation.
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <unordered_map>
#include <vector>

#include "actors/runtime/exact_admission.hpp"
#include "actors/runtime/recorder.hpp"
#include "actors/runtime/restart_policy.hpp"
#include "actors/runtime/standstill.hpp"
#include "graphs/plan.hpp"

namespace troupe::runtime {

struct RunOutcome {
  enum class State { Finished, Stopped, Failed };
  State state = State::Finished;
  std::string reason;  // of Stopped and Failed
  std::string help;
  std::uint32_t step = 0;
};

class Coordinator final : public Actor {
 public:
  struct Options {
    Version start;  // the checkpoint that a resumed run goes on from
    // Steps up to this one were journaled by the life before: they are trained again, from the
    // journal, before anything is admitted.
    std::uint32_t redo_until = 0;
    std::uint64_t first_admission = 0;  // number of the first group that a resumed run admits
    ExactResume exact;                  // with run.exact
    // A run that finishes no step (without a learner: ends no sample) for so long has failed.
    Duration stall_timeout = std::chrono::minutes(20);
    Duration describe_timeout = std::chrono::seconds(2);
    RestartPolicy::Rules restarts;
  };
  using OnOutcome = std::function<void(RunOutcome)>;

  /// Corrupt when the gate of an exact run cannot go on where it was.
  static Result<std::unique_ptr<Coordinator>> make(const graphs::Plan& plan, const Options& options,
                                                   Recorder& recorder, Host& host,
                                                   OnOutcome on_outcome);

  /// Starts every stage of the flow. Called once, when the host knows all actors; any thread.
  void begin();
  void handle(std::span<Event> events) override;
  /// Grows at least every quarter of the stall timeout while events are handled. Any thread.
  std::uint64_t heartbeat() const { return heartbeat_.load(std::memory_order_relaxed); }

 private:
  Coordinator(const graphs::Plan& plan, const Options& options, Recorder& recorder, Host& host,
              OnOutcome on_outcome, std::unique_ptr<Admission> admission);

  struct GroupState {
    std::uint64_t number = 0;
    Version version;
    std::set<SampleId> open;  // samples without an end; attempts of one sibling may overlap
    std::uint32_t refills = 0;
    bool assembled = false;
  };

  void on(Start&&);
  void on(AskAdmission&& event);
  void on(SlotMissing&& event);
  void on(Assembled&& event);
  void on(GroupReady&& event);
  void on(Ended&& event);
  void on(BatchTaken&& event);
  void on(StepTaken&& event);
  void on(Measured&& event);
  void on(WantCheckpoint&& event);
  void on(Saved&& event);
  void on(StageFailed&& event);
  void on(Finished&& event);
  void on(Description&& event);
  void on(StopRun&& event);
  void on(Tick&&);
  void on(CommitDue&&);
  void on(RestartDue&& event);
  void on(DescriptionsDue&&);
  template <class Other>
  void on(Other&&);  // events of stages: a bug here

  /// A failed sample whose group is not whole: its end and the word of the assembler, which come
  /// from different stages in any order, are recorded together.
  struct Dead {
    std::optional<EndedSample> ended;
    std::optional<bool> refill;
  };
  void settle_dead(const SampleId& sample);

  void admit_waiting();
  void take_batches();
  /// Has the learner train the next journaled step again; the run proper begins after the last.
  void redo_next();
  void redone(StepTaken&& event);
  void drain();
  void end_sample(const EndedSample& sample, std::uint32_t step);
  void resolve(const GroupId& group);
  void check(Result<void> recorded);
  void commit_soon();
  void fail(std::string reason, std::string help);
  void finish();
  const std::string& name_of_stage(Address stage) const { return plan_.stages[stage].name; }
  void post(Address to, Event event) { host_.post(kCoordinator, to, std::move(event)); }

  const graphs::Plan& plan_;
  Options options_;
  Recorder& recorder_;
  Host& host_;
  OnOutcome on_outcome_;
  std::unique_ptr<Admission> admission_;
  std::vector<GroupId> taken_;          // the batch of the step under way
  std::optional<BatchRecord> redoing_;  // the step that is being trained again
  bool assembles_ = false;  // groups are put together somewhere on the accounted way
  std::uint32_t step_;
  std::uint32_t max_refill_ = 0;  // per group; the option of the stage behind the gate
  std::vector<Address> running_;
  std::vector<bool> finished_;
  std::size_t finished_count_ = 0;
  std::vector<RestartPolicy> restarts_;
  std::deque<AskAdmission> asks_;
  std::unordered_map<GroupId, GroupState> groups_;
  std::unordered_map<SampleId, Dead> dead_;
  bool draining_ = false, over_ = false;
  bool commit_due_ = false;  // a CommitDue is on its way
  std::optional<std::string> stop_reason_;
  TimePoint progress_at_{};
  std::atomic<std::uint64_t> heartbeat_{0};
  bool describing_ = false;
  StandstillFacts standing_;  // what is known of a standstill so far
  TimePoint fruitless_at_{};  // when a sample last ended without being trained
};

}  // namespace troupe::runtime
