#include "actors/runtime/coordinator.hpp"

#include <algorithm>
#include <utility>

namespace troupe::runtime {
namespace {

// What became of a sample is durable at most 100 ms later: most of that is for the commit itself,
// which waits for the disk now and then, and for whatever else this thread does when it is due.
constexpr auto kCommitEvery = std::chrono::milliseconds(25);

AdmissionRules rules_of(const graphs::Plan& plan, const Coordinator::Options& options) {
  AdmissionRules rules;
  rules.first_step = std::max(options.start.step, options.redo_until);
  rules.first_admission = options.first_admission;
  if (!plan.gate) return rules;
  rules.prompts_per_step = plan.gate->learner ? plan.gate->prompts_per_step : 0;
  rules.max_staleness = plan.gate->max_staleness;
  rules.steps_max = plan.run.steps;
  // With a learner the steps to come are the bound: a group that waits for its batch holds no edge.
  rules.groups_in_flight_max = plan.gate->learner
                                   ? (rules.max_staleness + 1) * rules.prompts_per_step
                                   : plan.gate->groups_in_flight_max;
  return rules;
}

}  // namespace

Result<std::unique_ptr<Coordinator>> Coordinator::make(const graphs::Plan& plan,
                                                       const Options& options, Recorder& recorder,
                                                       Host& host, OnOutcome on_outcome) {
  const AdmissionRules rules = rules_of(plan, options);
  std::unique_ptr<Admission> admission;
  if (plan.run.exact && rules.prompts_per_step > 0) {
    TROUPE_ASSIGN(admission, ExactAdmission::make(rules, options.exact));
  } else {
    admission = flexible_admission(rules);
  }
  return std::unique_ptr<Coordinator>(new Coordinator(
      plan, options, recorder, host, std::move(on_outcome), std::move(admission)));
}

Coordinator::Coordinator(const graphs::Plan& plan, const Options& options, Recorder& recorder,
                         Host& host, OnOutcome on_outcome, std::unique_ptr<Admission> admission)
    : plan_(plan),
      options_(options),
      recorder_(recorder),
      host_(host),
      on_outcome_(std::move(on_outcome)),
      admission_(std::move(admission)),
      step_(options.start.step),
      finished_(plan.stages.size(), false),
      restarts_(plan.stages.size(), RestartPolicy(options.restarts)) {
  for (const graphs::EdgePlan& edge : plan.edges)
    assembles_ |= edge.accounted && edge.converts == graphs::Conversion::AssembleGroups;
  if (plan.gate && plan.stages[plan.gate->stage].has("max_refill"))
    max_refill_ =
        static_cast<std::uint32_t>(plan.stages[plan.gate->stage].option("max_refill").as_int());
  for (const graphs::StagePlan& stage : plan.stages) {
    if (stage.in_flow) running_.push_back(stage.index);
  }
}

// As an event: stages answer at once, on other threads than the one that called begin().
void Coordinator::begin() { host_.post(kCoordinator, kCoordinator, Start{}); }

void Coordinator::on(Start&&) {
  progress_at_ = host_.clock().now();
  for (const Address stage : running_) post(stage, Start{});
  redo_next();
  host_.post_after(options_.stall_timeout / 4, kCoordinator, Tick{});
}

void Coordinator::handle(std::span<Event> events) {
  for (Event& event : events) {
    if (over_) return;
    std::visit([this](auto&& what) { on(std::move(what)); }, std::move(event));
  }
}

template <class Other>
void Coordinator::on(Other&&) {
  TROUPE_ASSERT(false, "the coordinator got an event that is meant for a stage");
}

void Coordinator::on(AskAdmission&& event) {
  asks_.push_back(event);
  admit_waiting();
}

void Coordinator::redo_next() {
  redoing_.reset();
  if (step_ < options_.redo_until && !draining_) {
    auto batch = recorder_.journaled(step_ + 1);
    if (!batch.ok()) return fail(batch.error().message, batch.error().help);
    redoing_ = std::move(*batch);
    std::vector<Payload> groups;
    for (const BatchRecord::Group& group : redoing_->groups) groups.push_back(group.message);
    return post(*plan_.gate->learner,
                RedoBatch{step_ + 1, std::move(groups), step_ + 1 < options_.redo_until});
  }
  // Resumed after its last step: what is left is what ends a run, such as an evaluation.
  if (plan_.gate && plan_.gate->learner && plan_.run.steps > 0 && step_ >= plan_.run.steps) drain();
  take_batches();  // groups that are known to be dead make room
}

void Coordinator::redone(StepTaken&& event) {
  step_ = event.version.step;
  progress_at_ = host_.clock().now();
  check(recorder_.redone(event.version, *redoing_, event.samples));
  check(recorder_.stepped(event.version, event.metrics));
  if (!over_) redo_next();
}

void Coordinator::admit_waiting() {
  while (!over_ && !draining_ && !redoing_ && !asks_.empty() && admission_->open()) {
    const AskAdmission ask = asks_.front();
    asks_.pop_front();
    const auto [number, step] = admission_->admit(ask.group);
    const Version version{options_.start.incarnation, step};
    GroupState& group = groups_[ask.group];
    group.number = number;
    group.version = version;
    auto kept = recorder_.admitted(ask.group, number, version, plan_.gate->group_size);
    if (!kept.ok()) return check(kept.error());
    commit_soon();
    for (std::uint32_t i = 0; i < plan_.gate->group_size; ++i)
      group.open.insert({ask.group, static_cast<std::uint16_t>(i), 0});
    for (const std::uint16_t sibling : *kept) group.open.erase({ask.group, sibling, 0});
    post(ask.stage, Admitted{ask.group, version, std::move(*kept)});
  }
}

void Coordinator::on(SlotMissing&& event) {
  const auto it = groups_.find(event.sample.prompt);
  // Only a failure is worth another try: an unusable gold stays unusable. A group that was whole
  // once, and is put together a second time, is not refilled: its prompt was given up.
  if (event.end != End::Failed || it == groups_.end() || it->second.assembled)
    return post(event.stage, CloseSlot{event.sample});
  GroupState& group = it->second;
  const bool refill = !draining_ && group.refills < max_refill_;
  dead_[event.sample].refill = refill;
  if (refill) {
    ++group.refills;
    SampleId again = event.sample;
    ++again.attempt;
    group.open.insert(again);
    post(plan_.gate->stage, Refill{again});
  } else {
    post(event.stage, CloseSlot{event.sample});
  }
  settle_dead(event.sample);
}

void Coordinator::settle_dead(const SampleId& sample) {
  const auto it = dead_.find(sample);
  if (!it->second.ended || !it->second.refill) return;
  const Dead dead = std::move(it->second);
  dead_.erase(it);
  if (!*dead.refill) {
    end_sample(*dead.ended, step_);
  } else {
    groups_.at(sample.prompt).open.erase(sample);
    SampleId again = sample;
    ++again.attempt;
    check(recorder_.refilled(*dead.ended, again));
    commit_soon();
  }
  resolve(sample.prompt);
}

void Coordinator::on(Assembled&& event) {
  const auto it = groups_.find(event.group);
  if (it == groups_.end()) return;  // an observer's copy of a group that is over
  it->second.assembled = true;
  post(plan_.gate->stage, ReleasePrompt{event.group});
  resolve(event.group);
}

void Coordinator::on(GroupReady&& event) {
  admission_->ready(event.group);
  take_batches();
}

void Coordinator::take_batches() {
  if (over_) return;
  if (auto groups = admission_->take_batch()) {
    standing_.step_under_way = step_ + 1;
    taken_ = *groups;
    post(*plan_.gate->learner, TakeBatch{step_ + 1, std::move(*groups)});
  }
  admit_waiting();  // groups that were found dead on the way made room
}

void Coordinator::end_sample(const EndedSample& sample, std::uint32_t step) {
  const auto it = groups_.find(sample.sample.prompt);
  TROUPE_ASSERT(it != groups_.end(), "a sample ended twice: " + to_string(sample.sample));
  const bool was_open = it->second.open.erase(sample.sample) == 1;
  TROUPE_ASSERT(was_open, "a sample ended twice: " + to_string(sample.sample));
  check(recorder_.ended(sample, step));
  commit_soon();
}

void Coordinator::resolve(const GroupId& id) {
  const auto it = groups_.find(id);
  if (it == groups_.end() || !it->second.open.empty()) return;
  if (assembles_ && !it->second.assembled) return;  // a refill may still be asked for
  if (!assembles_) post(plan_.gate->stage, ReleasePrompt{id});
  groups_.erase(it);
  admission_->left(id);
  take_batches();
}

void Coordinator::on(Ended&& event) {
  if (!plan_.gate || !plan_.gate->learner) {
    progress_at_ = host_.clock().now();
  } else {
    fruitless_at_ = host_.clock().now();
    for (const EndedSample& sample : event.samples)
      standing_.count_fruitless(event.stage, sample.end, sample.reason);
  }
  for (EndedSample& sample : event.samples) {
    const auto group = groups_.find(sample.sample.prompt);
    const bool undecided = assembles_ && sample.end == End::Failed && group != groups_.end() &&
                           !group->second.assembled;
    const SampleId id = sample.sample;
    if (undecided) {
      dead_[id].ended = std::move(sample);
      settle_dead(id);
    } else {
      end_sample(sample, step_);
      resolve(id.prompt);
    }
  }
}

void Coordinator::on(BatchTaken&& event) {
  BatchRecord batch;
  batch.step = event.step;
  batch.gate = admission_->state();
  for (std::size_t i = 0; i < event.groups.size(); ++i) {
    const GroupId& id = taken_[i];
    const GroupState& group = groups_.at(id);
    batch.groups.push_back({id, group.number, group.version, std::move(event.groups[i])});
  }
  check(recorder_.journal(batch));
}

void Coordinator::on(StepTaken&& event) {
  if (redoing_) return redone(std::move(event));
  step_ = event.version.step;
  progress_at_ = host_.clock().now();
  standing_.step_under_way.reset();
  standing_.fruitless.clear();
  std::vector<GroupId> groups;
  for (const EndedSample& sample : event.samples) {
    if (groups.empty() || groups.back() != sample.sample.prompt)
      groups.push_back(sample.sample.prompt);
  }
  check(recorder_.used(event.version, groups));
  for (const EndedSample& sample : event.samples) end_sample(sample, step_);
  check(recorder_.stepped(event.version, event.metrics));
  if (over_) return;
  admission_->step_done(step_);
  for (const GroupId& group : groups) resolve(group);
  if (plan_.run.steps > 0 && step_ >= plan_.run.steps) drain();
  take_batches();
}

void Coordinator::on(Measured&& event) {
  progress_at_ = host_.clock().now();
  check(recorder_.measured(name_of_stage(event.stage), event.step, event.metrics));
}

void Coordinator::on(WantCheckpoint&& event) {
  auto folder = recorder_.begin_checkpoint(event.step);
  if (!folder.ok()) return fail(folder.error().message, folder.error().help);
  post(event.stage, SaveInto{event.step, std::move(*folder)});
}

void Coordinator::on(Saved&& event) {
  progress_at_ = host_.clock().now();
  if (!event.result.ok())
    return fail("the checkpoint of step " + std::to_string(event.step) +
                    " could not be written: " + event.result.error().message,
                event.result.error().help);
  check(recorder_.commit_checkpoint(Version{options_.start.incarnation, event.step}));
}

void Coordinator::on(StageFailed&& event) {
  const std::string& name = name_of_stage(event.stage);
  recorder_.note(Severity::Warning, name, event.error.message);
  const auto wait = event.restartable ? restarts_[event.stage].failed(host_.clock().now())
                                      : std::optional<Duration>();
  if (!wait) {
    const std::string tries =
        event.restartable
            ? " (after " + std::to_string(options_.restarts.restarts_max) + " restarts)"
            : "";
    const std::string help =
        event.error.help.empty()
            ? "Mend what it says; log.jsonl has the rest. What was committed is "
              "safe: go on with `troupe resume`"
            : event.error.help;
    return fail("stage '" + name + "' failed" + tries + ": " + event.error.message, help);
  }
  host_.post_after(*wait, kCoordinator, RestartDue{event.stage});
}

void Coordinator::on(RestartDue&& event) {
  recorder_.note(Severity::Info, name_of_stage(event.stage), "restarted");
  post(event.stage, Restart{});
}

void Coordinator::on(Finished&& event) {
  TROUPE_ASSERT(!finished_[event.stage], "a stage finished twice");
  finished_[event.stage] = true;
  progress_at_ = host_.clock().now();
  if (++finished_count_ == running_.size()) finish();
}

void Coordinator::on(StopRun&& event) {
  if (stop_reason_) return;
  stop_reason_ = event.reason;
  recorder_.note(Severity::Info, "", "stopping: " + event.reason);
  drain();
}

void Coordinator::drain() {
  if (draining_) return;
  draining_ = true;
  asks_.clear();
  for (const Address stage : running_) post(stage, Drain{});
}

void Coordinator::on(Tick&&) {
  heartbeat_.fetch_add(1, std::memory_order_relaxed);
  host_.post_after(options_.stall_timeout / 4, kCoordinator, Tick{});
  if (describing_ || host_.clock().now() - progress_at_ < options_.stall_timeout) return;
  describing_ = true;
  standing_.descriptions.clear();
  for (const Address stage : running_) post(stage, Describe{});
  host_.post_after(options_.describe_timeout, kCoordinator, DescriptionsDue{});
}

void Coordinator::on(CommitDue&&) {
  commit_due_ = false;
  check(recorder_.commit());
}

void Coordinator::on(Description&& event) {
  standing_.descriptions[event.stage] = std::move(event);
}

void Coordinator::on(DescriptionsDue&&) {
  describing_ = false;
  const TimePoint now = host_.clock().now();
  if (now - progress_at_ < options_.stall_timeout) return;  // it went on meanwhile
  standing_.without_progress = now - progress_at_;
  standing_.running = running_;
  for (const Address stage : running_) {
    if (host_.is_handling(stage)) standing_.handling.insert(stage);
  }
  // Samples that ended before it stood still are not why it does.
  if (now - fruitless_at_ > options_.stall_timeout / 2) standing_.fruitless.clear();
  standing_.prompts_at_gate = asks_.size();
  standing_.unfinished_groups = admission_->unfinished();
  standing_.groups_ready = admission_->waiting_for_a_step();
  fail(explain_standstill(plan_, standing_),
       "What was committed is safe: mend that stage, then `troupe resume`. If it only is slow, "
       "give it more time with --set run.stall_timeout=1h");
}

void Coordinator::check(Result<void> recorded) {
  if (recorded.ok() || over_) return;
  fail("the run directory cannot be written: " + recorded.error().message, recorded.error().help);
}

void Coordinator::commit_soon() {
  if (std::exchange(commit_due_, true)) return;
  host_.post_after(kCommitEvery, kCoordinator, CommitDue{});
}

void Coordinator::fail(std::string reason, std::string help) {
  if (over_) return;
  over_ = true;
  recorder_.note(Severity::Error, "", reason);
  (void)recorder_.commit();  // the reason is what counts; a full disk has been told already
  on_outcome_({RunOutcome::State::Failed, std::move(reason), std::move(help), step_});
}

void Coordinator::finish() {
  for (auto& [id, dead] : dead_) {
    if (dead.ended) end_sample(*dead.ended, step_);
  }
  for (const auto& [id, group] : groups_) {
    for (const SampleId& sample : group.open)
      check(recorder_.ended({sample, End::LeftOver, "the run ended", nullptr}, step_));
  }
  check(recorder_.commit());
  if (over_) return;
  over_ = true;
  if (stop_reason_)
    on_outcome_({RunOutcome::State::Stopped, *stop_reason_, "", step_});
  else
    on_outcome_({RunOutcome::State::Finished, "", "", step_});
}

}  // namespace troupe::runtime
