#include "actors/cli/run_recorder.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "actors/cli/context.hpp"
#include "schemas/messages.hpp"

namespace troupe::cli {

using ledger::RunDirectory;

class RunRecorder::Timed {
 public:
  explicit Timed(RunRecorder& recorder) : recorder_(recorder), began_(recorder.clock_->now()) {}
  Timed(const Timed&) = delete;
  ~Timed() { recorder_.busy_ += recorder_.clock_->now() - began_; }

 private:
  RunRecorder& recorder_;
  TimePoint began_;
};

namespace {

std::vector<std::string> repairs_of(const ledger::RepairReport& report, std::uint32_t step) {
  std::vector<std::string> repairs;
  if (report.rebuilt_from_checkpoint)
    repairs.push_back("ledger.sqlite was gone, or older than the checkpoint of step " +
                      std::to_string(step) +
                      ": it was made again from that checkpoint; records of single samples are "
                      "lost, counts and what was trained are not");
  if (report.corrupt_rows > 0)
    repairs.push_back("ledger.sqlite had " + std::to_string(report.corrupt_rows) +
                      " damaged records: they are left out of the counts; what was trained is not "
                      "trained again");
  return repairs;
}

}  // namespace

Result<std::unique_ptr<RunRecorder>> RunRecorder::open(RunDirectory& directory, Disk& disk,
                                                       const Clock& clock, const graphs::Plan& plan,
                                                       const std::optional<ResumePoint>& resume,
                                                       OnMetrics on_metrics,
                                                       const std::string& ledger_vfs) {
  std::unique_ptr<RunRecorder> recorder(new RunRecorder());
  RunRecorder* self = recorder.get();
  recorder->clock_ = &clock;
  recorder->plan_ = &plan;
  recorder->incarnation_ = directory.info().incarnation;
  recorder->on_metrics_ = std::move(on_metrics);
  ledger::RetentionRules rules{plan.run.keep_samples_bytes, plan.run.keep_samples_steps};
  ledger::SampleLogOptions log;
  log.troupe_version = kVersion;
  // Whole segments go: a small bound needs small ones.
  if (rules.bytes) log.segment_bytes = std::min(log.segment_bytes, *rules.bytes);
  TROUPE_ASSIGN(recorder->samples_, ledger::SampleLog::open(disk, directory.samples_folder(), log));
  recorder->keeper_ = std::make_unique<SampleKeeper>(disk, directory.samples_folder(), rules);
  ledger::CheckpointOptions keep;
  keep.keep = static_cast<std::uint32_t>(plan.run.keep_checkpoints);
  if (plan.run.exact && plan.gate)
    keep.reach_back = static_cast<std::uint32_t>(plan.gate->max_staleness);
  TROUPE_ASSIGN(recorder->checkpoints_,
                ledger::Checkpoints::open(disk, directory.checkpoints_folder(), keep));
  TROUPE_ASSIGN(recorder->journal_, ledger::Journal::open(disk, directory.journal_folder()));
  ledger::LedgerOptions options;
  options.path = directory.ledger_file();
  options.clock = &clock;
  options.vfs = ledger_vfs;
  if (plan.run.options.at("durable").value.as_string() == "power")
    options.durable = ledger::Durability::Power;
  options.before_commit = [self](ledger::Durability durability) {
    return durability == ledger::Durability::Power ? self->samples_->sync()
                                                   : self->samples_->flush();
  };
  std::optional<std::uint64_t> resume_step;
  recorder->resume_ = resume;
  if (resume) {
    resume_step = resume->redo_until;
    const nlohmann::json* summary = resume->ledger.is_null() ? nullptr : &resume->ledger;
    TROUPE_ASSIGN(recorder->ledger_,
                  ledger::Ledger::resume(std::move(options), resume->redo_until, summary,
                                         resume->journaled));
    recorder->repairs_ = repairs_of(recorder->ledger_->repair_report(), resume->step);
    for (const ledger::ReopenedPrompt& prompt : recorder->ledger_->reopened())
      recorder->kept_[prompt.prompt] = prompt.kept;
  } else {
    TROUPE_ASSIGN(recorder->ledger_, ledger::Ledger::create(std::move(options)));
  }
  TROUPE_ASSIGN(recorder->metrics_,
                observe::MetricsWriter::open(disk, clock, directory.metrics_file(),
                                             directory.events_folder(), resume_step));
  if (resume) TROUPE_TRY(recorder->read_history(disk, directory.metrics_file()));
  TROUPE_ASSIGN(recorder->log_, observe::EventLog::open(disk, clock, directory.log_file()));
  if (resume) {
    std::vector<std::string> repairs = resume->warnings;
    repairs.insert(repairs.end(), recorder->repairs_.begin(), recorder->repairs_.end());
    for (const std::string& repair : repairs) recorder->log_->warning("", repair);
    TROUPE_TRY(directory.set_repairs(std::move(repairs)));
  }
  return recorder;
}

Result<void> RunRecorder::read_history(Disk& disk, const std::filesystem::path& metrics_file) {
  TROUPE_ASSIGN(auto lines, observe::read_metrics(disk, metrics_file));
  for (observe::MetricsLine& line : lines) {
    Measured measured{"", static_cast<std::uint32_t>(line.step), std::move(line.values)};
    // Lines of other stages name theirs: "eval/accuracy", "generate/tokens".
    if (!measured.metrics.contains("learner/loss")) {
      for (const graphs::StagePlan& stage : plan_->stages) {
        const auto first = measured.metrics.lower_bound(stage.name + "/");
        if (first != measured.metrics.end() && first->first.starts_with(stage.name + "/"))
          measured.stage = stage.name;
      }
    }
    history_.push_back(std::move(measured));
  }
  return {};
}

std::shared_ptr<const std::map<std::uint32_t, runtime::ResumeCursor>> RunRecorder::cursors() const {
  auto cursors = std::make_shared<std::map<std::uint32_t, runtime::ResumeCursor>>();
  for (const ledger::DatasetCursor& from : ledger_->cursors()) {
    runtime::ResumeCursor& to = (*cursors)[from.dataset];
    to.next = from.next;
    to.last = from.last;
    to.resolved.insert(from.resolved.begin(), from.resolved.end());
  }
  // These are with the learner already.
  if (resume_) {
    for (const PromptId& prompt : resume_->journaled)
      if (!ledger_->is_resolved(prompt)) (*cursors)[prompt.dataset].resolved.insert(prompt);
  }
  return cursors;
}

Result<void> RunRecorder::go_on_with(runtime::Coordinator::Options& options) const {
  options.redo_until = resume_->redo_until;
  // A ledger that is behind the journal, as after a loss of power, gets the missing prompts in the
  // order of the steps, which is not that of their numbers: there must be one more for each.
  const auto missing =
      std::count_if(resume_->journaled.begin(), resume_->journaled.end(),
                    [&](const PromptId& prompt) { return !ledger_->is_admitted(prompt); });
  options.first_admission = std::max(ledger_->next_admission(), resume_->numbers_used) +
                            static_cast<std::uint64_t>(missing);
  if (!plan_->run.exact) return {};
  const auto lost = [](std::string what) {
    return Error{ErrorCode::Corrupt,
                 "this run cannot be continued exactly: " + std::move(what),
                 "Continue it without that promise: troupe resume RUN --set run.exact=false"};
  };
  if (ledger_->repair_report().rebuilt_from_checkpoint)
    return lost("ledger.sqlite was lost, and with it the order of admission");
  // Of the groups that the gate has still to examine, these had left untrained.
  options.exact.state = resume_->gate;
  std::uint64_t first = 0;
  if (!resume_->gate.empty()) {
    TROUPE_ASSIGN(first, runtime::first_unexamined(resume_->gate));
  }
  const auto reopened = ledger_->reopened();
  if (ledger_->next_admission() < first ||
      (!reopened.empty() && reopened.front().number < first))
    return lost("the ledger is behind the journal, as after a loss of power");
  std::set<std::uint64_t>& dead = options.exact.dead;
  for (std::uint64_t number = first; number < ledger_->next_admission(); ++number)
    dead.insert(number);
  for (const ledger::ReopenedPrompt& prompt : reopened) dead.erase(prompt.number);
  return {};
}

Result<std::vector<std::uint16_t>> RunRecorder::admitted(const GroupId& group, std::uint64_t number,
                                                         Version version, std::uint32_t size) {
  const Timed timed(*this);
  ledger::Admission admission;
  admission.prompt = group;
  admission.number = number;
  admission.version = version;
  admission.group_size = static_cast<std::uint16_t>(size);
  TROUPE_TRY(ledger_->admit(admission));
  const auto kept = kept_.find(group);
  const std::size_t stand = kept == kept_.end() ? 0 : kept->second.size();
  if (size > stand)
    admitted_[group] = {number, version, clock_->wall_seconds(),
                        size - static_cast<std::uint32_t>(stand)};
  return kept == kept_.end() ? std::vector<std::uint16_t>() : kept->second;
}

Result<void> RunRecorder::log_sample(const runtime::EndedSample& ended, std::uint32_t step) {
  ledger::SampleLine line;
  line.id = ended.sample;
  line.incarnation = incarnation_;
  line.end = ended.end;
  line.reason = ended.reason;
  line.step = ended.end == End::Trained ? step : 0;
  line.ended_seconds = clock_->wall_seconds();
  if (const auto found = admitted_.find(ended.sample.prompt); found != admitted_.end()) {
    line.admission = found->second.number;
    line.admitted_at = found->second.version;
    line.admitted_seconds = found->second.wall_seconds;
  }
  if (!ended.record) return samples_->write(line);
  TROUPE_ASSIGN(const Sample sample, decode_sample(ended.record));
  line.question = sample.prompt.question;
  line.answer = sample.prompt.answer;
  line.extra = sample.prompt.extra;
  line.text = sample.text;
  for (const Verdict& verdict : sample.verdicts) {
    line.verdicts.push_back({verdict.component,
                             name_of(verdict.outcome),
                             verdict.score,
                             verdict.detail,
                             {},
                             verdict.attempts});
    for (const Callee& callee : verdict.callees)
      line.verdicts.back().asked.emplace_back(callee.stage, callee.version);
  }
  for (const RewardPart& part : sample.reward_parts)
    line.parts.push_back({part.component, part.score, part.weight});
  line.reward = sample.reward;
  for (const VersionRun& run : sample.versions) line.versions.emplace_back(run.first, run.version);
  line.finish = sample.finish == Finish::Stop     ? "stop"
                : sample.finish == Finish::Length ? "length"
                                                  : "abort";
  line.tokens = static_cast<std::uint32_t>(sample.tokens.size());
  return samples_->write(line);
}

Result<void> RunRecorder::refilled(const runtime::EndedSample& failed, const SampleId& again) {
  const Timed timed(*this);
  TROUPE_TRY(log_sample(failed, 0));
  TROUPE_ASSIGN(const SampleId made, ledger_->refill(failed.sample, failed.end, failed.reason));
  TROUPE_ASSERT(made == again, "ledger and coordinator number attempts differently");
  return {};
}

Result<void> RunRecorder::journal(const runtime::BatchRecord& batch) {
  const Timed timed(*this);
  ledger::JournaledBatch record{batch.step, {}, batch.gate};
  for (const auto& group : batch.groups)
    record.groups.push_back({group.id, group.number, group.version, group.message});
  // First whatever led to this batch: a group that left before it must not come back after it.
  TROUPE_TRY(ledger_->commit());
  const bool power = plan_->run.options.at("durable").value.as_string() == "power";
  return journal_->write(record, power ? ledger::Durability::Power : ledger::Durability::Process);
}

Result<runtime::BatchRecord> RunRecorder::journaled(std::uint32_t step) {
  TROUPE_ASSIGN(const ledger::JournaledBatch record, journal_->read(step));
  runtime::BatchRecord batch{record.step, {}, record.gate};
  for (const auto& group : record.groups)
    batch.groups.push_back({group.id, group.number, group.version, group.message});
  return batch;
}

Result<void> RunRecorder::catch_up(const runtime::BatchRecord::Group& group,
                                   const std::vector<runtime::EndedSample>& samples) {
  // The journal may be ahead of the ledger by what was not committed when the process died.
  if (!ledger_->is_admitted(group.id)) {
    ledger::Admission admission;
    admission.prompt = group.id;
    admission.number = std::max(group.number, ledger_->next_admission());
    admission.version = group.version;
    admission.group_size = static_cast<std::uint16_t>(plan_->gate->group_size);
    TROUPE_TRY(ledger_->admit(admission));
  }
  const char* const lost = "its end was not recorded before the process died";
  for (SampleId open : ledger_->in_flight(group.id)) {
    const auto trained =
        std::find_if(samples.begin(), samples.end(), [&](const runtime::EndedSample& sample) {
          return sample.sample.prompt == open.prompt && sample.sample.sibling == open.sibling;
        });
    if (trained == samples.end()) {
      TROUPE_TRY(ledger_->end(open, End::Failed, lost));
      continue;
    }
    while (open.attempt < trained->sample.attempt) {
      TROUPE_ASSIGN(open, ledger_->refill(open, End::Failed, lost));
    }
  }
  return {};
}

Result<void> RunRecorder::redone(Version version, const runtime::BatchRecord& batch,
                                 const std::vector<runtime::EndedSample>& samples) {
  std::vector<GroupId> unused;
  for (const auto& group : batch.groups) {
    if (ledger_->is_resolved(group.id)) continue;
    TROUPE_TRY(catch_up(group, samples));
    if (!ledger_->is_used(group.id, 0)) unused.push_back(group.id);
  }
  if (!unused.empty()) TROUPE_TRY(used(version, unused));
  for (const runtime::EndedSample& sample : samples) {
    const auto open = ledger_->in_flight(sample.sample.prompt);
    if (std::find(open.begin(), open.end(), sample.sample) != open.end())
      TROUPE_TRY(ended(sample, version.step));
  }
  return {};
}

Result<void> RunRecorder::used(Version version, const std::vector<GroupId>& groups) {
  const Timed timed(*this);
  return ledger_->use({version, 0, groups});
}

Result<void> RunRecorder::ended(const runtime::EndedSample& sample, std::uint32_t step) {
  const Timed timed(*this);
  TROUPE_TRY(log_sample(sample, step));
  if (const auto found = admitted_.find(sample.sample.prompt);
      found != admitted_.end() && --found->second.in_flight == 0)
    admitted_.erase(found);
  return ledger_->end(sample.sample, sample.end, sample.reason,
                      sample.end == End::Trained ? step : 0);
}

Result<void> RunRecorder::stepped(Version version, const runtime::Metrics& metrics) {
  const Timed timed(*this);
  runtime::Metrics all = metrics;
  all["ledger/busy_s"] = std::chrono::duration<double>(std::exchange(busy_, {})).count();
  all["ledger/behind_max_s"] =
      std::chrono::duration<double>(ledger_->commit_stats().behind_max).count();
  const bool redone = std::any_of(history_.begin(), history_.end(), [&](const Measured& earlier) {
    return earlier.stage.empty() && earlier.step == version.step;
  });
  if (!redone) {
    TROUPE_TRY(metrics_->write(version.step, all));
    on_metrics_("", version.step, all);
  }
  look_after_samples();
  return ledger_->commit_if_due();
}

Result<void> RunRecorder::measured(const std::string& stage, std::uint32_t step,
                                   const runtime::Metrics& metrics) {
  const Timed timed(*this);
  // Evaluated again after a resume from this very step: one line is enough.
  for (const Measured& earlier : history_)
    if (earlier.stage == stage && earlier.step == step) return {};
  TROUPE_TRY(metrics_->write(step, metrics));
  on_metrics_(stage, step, metrics);
  return {};
}

Result<std::filesystem::path> RunRecorder::begin_checkpoint(std::uint32_t step) {
  const Timed timed(*this);
  return checkpoints_->begin(step);
}

Result<void> RunRecorder::commit_checkpoint(Version version) {
  const Timed timed(*this);
  TROUPE_TRY(metrics_->sync());
  TROUPE_TRY(ledger_->commit(ledger::Durability::Power));
  nlohmann::json meta = {{"step", version.step},
                         {"incarnation", version.incarnation},
                         {"troupe_version", kVersion},
                         {"graph_hash", plan_->hash},
                         {"ledger", ledger_->summary()}};
  auto committed = checkpoints_->commit(version.step, meta);
  if (!committed.ok()) return committed.error();
  // What is older than every checkpoint that a resume may begin from is not needed again.
  TROUPE_ASSIGN(const auto kept, checkpoints_->steps());
  std::uint32_t oldest = kept.front();
  if (plan_->run.exact && plan_->gate && version.step - oldest < plan_->gate->max_staleness)
    oldest = 0;
  TROUPE_TRY(journal_->drop_before(oldest));
  log_->info("", "checkpoint of step " + std::to_string(version.step));
  // A ledger that stays large is no reason to end a run.
  if (const auto packed = ledger_->pack(version.step); !packed.ok())
    log_->warning("", "the ledger was not packed: " + packed.error().message);
  return {};
}

void RunRecorder::note(runtime::Severity severity, const std::string& stage,
                       const std::string& text) {
  switch (severity) {
    case runtime::Severity::Info:
      return log_->info(stage, text);
    case runtime::Severity::Warning:
      return log_->warning(stage, text);
    case runtime::Severity::Error:
      return log_->error(stage, Error{ErrorCode::Internal, text, "see `troupe status`"});
  }
}

void RunRecorder::look_after_samples() {
  if (const auto said = keeper_->look(samples_->open_segment())) log_->warning("", *said);
}

Result<void> RunRecorder::commit() {
  const Timed timed(*this);
  look_after_samples();
  // Called as a run ends: what run.json says of it must not outlive the records.
  TROUPE_TRY(metrics_->sync());
  return ledger_->commit(ledger::Durability::Power);
}

}  // namespace troupe::cli
