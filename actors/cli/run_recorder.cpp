#include "actors/cli/run_recorder.hpp"

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
  TROUPE_ASSIGN(recorder->checkpoints_,
                ledger::Checkpoints::open(disk, directory.checkpoints_folder(), keep));
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
  if (resume) {
    resume_step = resume->step;
    const nlohmann::json* summary = resume->ledger.is_null() ? nullptr : &resume->ledger;
    TROUPE_ASSIGN(recorder->ledger_,
                  ledger::Ledger::resume(std::move(options), resume->step, summary));
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
  return recorder;
}

Result<void> RunRecorder::read_history(Disk& disk, const std::filesystem::path& metrics_file) {
  TROUPE_ASSIGN(auto lines, observe::read_metrics(disk, metrics_file));
  for (observe::MetricsLine& line : lines) {
    Measured measured{"", static_cast<std::uint32_t>(line.step), std::move(line.values)};
    for (const graphs::StagePlan& stage : plan_->stages) {
      if (stage.kind == "evaluator" && measured.metrics.contains(stage.name + "/questions"))
        measured.stage = stage.name;
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
  return cursors;
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
  TROUPE_TRY(metrics_->write(version.step, all));
  on_metrics_("", version.step, all);
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
  TROUPE_TRY(ledger_->commit(ledger::Durability::Power));
  nlohmann::json meta = {{"step", version.step},
                         {"incarnation", version.incarnation},
                         {"troupe_version", kVersion},
                         {"graph_hash", plan_->hash},
                         {"ledger", ledger_->summary()}};
  auto committed = checkpoints_->commit(version.step, meta);
  if (!committed.ok()) return committed.error();
  log_->info("", "checkpoint of step " + std::to_string(version.step));
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
  TROUPE_TRY(samples_->flush());
  return ledger_->commit();
}

}  // namespace troupe::cli
