#pragma once
// RunRecorder: writes what the coordinator records into the run directory: ledger, sample log,
// checkpoints, metrics, event log. Called on the coordinator's thread only.
#include <functional>
#include <memory>
#include <unordered_map>

#include "actors/cli/resume_point.hpp"
#include "actors/cli/sample_keeper.hpp"
#include "actors/ledger/checkpoints.hpp"
#include "actors/ledger/journal.hpp"
#include "actors/ledger/ledger.hpp"
#include "actors/ledger/run_directory.hpp"
#include "actors/ledger/sample_log.hpp"
#include "actors/observe/log.hpp"
#include "actors/observe/metrics.hpp"
#include "actors/runtime/coordinator.hpp"
#include "actors/runtime/stage.hpp"
#include "graphs/plan.hpp"

namespace troupe::cli {

class RunRecorder final : public runtime::Recorder {
 public:
  /// Called after the numbers of a step (or of an evaluation) were written.
  using OnMetrics =
      std::function<void(const std::string& stage, std::uint32_t step, const runtime::Metrics&)>;

  /// Opens everything inside `directory` for a new run, or for going on from `resume`.
  /// `ledger_vfs`: LedgerOptions::vfs.
  static Result<std::unique_ptr<RunRecorder>> open(ledger::RunDirectory& directory, Disk& disk,
                                                   const Clock& clock, const graphs::Plan& plan,
                                                   const std::optional<ResumePoint>& resume,
                                                   OnMetrics on_metrics,
                                                   const std::string& ledger_vfs = {});

  Result<std::vector<std::uint16_t>> admitted(const GroupId& group, std::uint64_t number,
                                              Version version, std::uint32_t size) override;
  Result<void> refilled(const runtime::EndedSample& failed, const SampleId& again) override;
  Result<void> journal(const runtime::BatchRecord& batch) override;
  Result<runtime::BatchRecord> journaled(std::uint32_t step) override;
  Result<void> redone(Version version, const runtime::BatchRecord& batch,
                      const std::vector<runtime::EndedSample>& samples) override;
  Result<void> used(Version version, const std::vector<GroupId>& groups) override;
  Result<void> ended(const runtime::EndedSample& sample, std::uint32_t step) override;
  Result<void> stepped(Version version, const runtime::Metrics& metrics) override;
  Result<void> measured(const std::string& stage, std::uint32_t step,
                        const runtime::Metrics& metrics) override;
  Result<std::filesystem::path> begin_checkpoint(std::uint32_t step) override;
  Result<void> commit_checkpoint(Version version) override;
  void note(runtime::Severity severity, const std::string& stage, const std::string& text) override;
  Result<void> commit() override;

  /// Where closed segments of the sample log are compressed; without it, in the call that finds
  /// them.
  void keep_samples_on(SampleKeeper::Runner runner) { keeper_->run_on(std::move(runner)); }

  ledger::Ledger& ledger() { return *ledger_; }
  /// Where each dataset goes on.
  std::shared_ptr<const std::map<std::uint32_t, runtime::ResumeCursor>> cursors() const;
  /// Of a resumed run: what the coordinator redoes, and where its gate goes on. Corrupt when an
  /// exact run cannot be continued exactly.
  Result<void> go_on_with(runtime::Coordinator::Options& options) const;
  /// What earlier lives measured and the checkpoint contains, in order: stage ("" for the learner),
  /// step, numbers. Empty for a new run.
  struct Measured {
    std::string stage;
    std::uint32_t step;
    runtime::Metrics metrics;
  };
  const std::vector<Measured>& history() const { return history_; }
  /// What was found damaged in the ledger and mended, in sentences; to be shown. Together with
  /// those of the ResumePoint they are in log.jsonl and in `status`.
  const std::vector<std::string>& repairs() const { return repairs_; }
  ledger::Checkpoints& checkpoints() { return *checkpoints_; }

 private:
  class Timed;  // adds the time of a call to `busy_`
  RunRecorder() = default;
  Result<void> read_history(Disk& disk, const std::filesystem::path& metrics_file);
  void look_after_samples();
  /// Brings the ledger to where a journaled group stood when its step took it.
  Result<void> catch_up(const runtime::BatchRecord::Group& group,
                        const std::vector<runtime::EndedSample>& samples);
  Result<void> log_sample(const runtime::EndedSample& sample, std::uint32_t step);

  const Clock* clock_ = nullptr;
  Duration busy_{};  // in calls of this class since the last step
  const graphs::Plan* plan_ = nullptr;
  std::uint32_t incarnation_ = 0;
  std::unique_ptr<ledger::Ledger> ledger_;
  std::optional<ledger::SampleLog> samples_;
  std::optional<ledger::Checkpoints> checkpoints_;
  std::optional<ledger::Journal> journal_;
  std::optional<observe::MetricsWriter> metrics_;
  std::optional<observe::EventLog> log_;
  OnMetrics on_metrics_;
  std::vector<Measured> history_;
  std::optional<ResumePoint> resume_;
  std::vector<std::string> repairs_;
  std::map<PromptId, std::vector<std::uint16_t>> kept_;  // of reopened prompts
  // What the sample log says of the admission of a sample; while any of the prompt is in flight.
  struct Admitted {
    std::uint64_t number = 0;
    Version version;
    double wall_seconds = 0;
    std::uint32_t in_flight = 0;
  };
  std::unordered_map<PromptId, Admitted> admitted_;
  std::unique_ptr<SampleKeeper> keeper_;
};

}  // namespace troupe::cli
