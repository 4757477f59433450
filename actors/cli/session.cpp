#include "actors/cli/session.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <iostream>
#include <mutex>
#include <thread>

#include "actors/cli/context.hpp"
#include "actors/cli/data_log.hpp"
#include "actors/cli/ending.hpp"
#include "actors/cli/learning_summary.hpp"
#include "actors/cli/resources.hpp"
#include "actors/cli/run_recorder.hpp"
#include "actors/hosts/caf/caf_host.hpp"
#include "actors/ledger/status.hpp"
#include "actors/observe/progress.hpp"
#include "actors/runtime/running_graph.hpp"
#include "actors/stages/engines/real_engines.hpp"
#include "actors/stages/engines/thread_workers.hpp"

namespace troupe::cli {
namespace {

// How often the main thread looks for signals and stop requests.
constexpr auto kPoll = std::chrono::milliseconds(100);

// The number of interrupts so far; a signal handler can do no more than count.
volatile std::sig_atomic_t interrupts = 0;

extern "C" void count_interrupt(int) { interrupts = interrupts + 1; }

void watch_signals() {
  interrupts = 0;
  struct sigaction action = {};
  action.sa_handler = count_interrupt;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

/// Shows the numbers of steps as they come. Any thread: numbers come on the coordinator's, and what
/// a person asked for on the main one.
class Narrator {
 public:
  Narrator(const graphs::Plan& plan, const SessionOptions& options, const Clock& clock)
      : quiet_(options.quiet),
        clock_(clock),
        writer_(stderr, isatty(STDERR_FILENO) != 0, observe::detect_style(stderr)) {
    state_.steps = plan.run.steps;
    if (options.resume) state_.step = options.resume->step;
  }

  /// Of an earlier life: for the summary only.
  void remember(const RunRecorder::Measured& earlier) {
    summary_.add(earlier.stage, earlier.step, earlier.metrics);
  }
  void metrics(const std::string& stage, std::uint32_t step, const runtime::Metrics& metrics) {
    const std::lock_guard lock(mutex_);
    summary_.add(stage, step, metrics);
    if (stage.empty()) state_.step = step;
    if (quiet_) return;
    if (!stage.empty()) {
      if (const auto it = metrics.find(stage + "/accuracy"); it != metrics.end()) {
        writer_.line(
            fmt::format("{}: accuracy {:.1f} % at step {}", stage, 100 * it->second, step));
      }
      return;
    }
    eta_.step_done(clock_.now());
    state_.reward_mean = metrics.at("reward/mean");
    if (state_.steps > step) state_.seconds_left = eta_.seconds_left(state_.steps - step);
    const TimePoint now = clock_.now();
    if (last_) {
      const double seconds = std::chrono::duration<double>(now - *last_).count();
      state_.tokens_per_second =
          metrics.at("completion/length_mean") * metrics.at("learner/samples") / seconds;
    }
    last_ = now;
    writer_.update(state_);
  }
  void line(const std::string& text) {
    const std::lock_guard lock(mutex_);
    if (!quiet_) writer_.line(text);
  }
  std::uint32_t step() const { return state_.step; }
  void finish() {
    if (!quiet_) writer_.finish();
  }
  const LearningSummary& summary() const { return summary_; }

 private:
  std::mutex mutex_;
  bool quiet_;
  const Clock& clock_;
  observe::ProgressState state_;
  observe::ProgressWriter writer_;
  observe::EtaEstimator eta_;
  LearningSummary summary_;
  std::optional<TimePoint> last_;
};

/// Filled by the coordinator's thread, waited for by the main one.
struct OutcomeSlot {
  std::mutex mutex;
  std::condition_variable wake;
  std::optional<runtime::RunOutcome> outcome;
  void put(runtime::RunOutcome value) {
    const std::lock_guard lock(mutex);
    outcome = std::move(value);
    wake.notify_all();
  }
};

struct Awaited {
  runtime::RunOutcome outcome;
  bool forced = false;  // the coordinator did not say so: it may be in the middle of something
};

Awaited wait_for_outcome(OutcomeSlot& slot, hosts::CafHost& host, const graphs::Plan& plan,
                         const runtime::RunningGraph& graph, const ledger::RunDirectory& directory,
                         Narrator& narrator) {
  using State = runtime::RunOutcome::State;
  int seen = 0;
  bool asked = false;
  Pulse pulse(graph, plan, host);
  const auto ask = [&](const std::string& reason, const std::string& told) {
    narrator.line(told);
    host.post(runtime::kCoordinator, runtime::kCoordinator, runtime::StopRun{reason});
    asked = true;
  };
  for (;;) {
    {
      std::unique_lock lock(slot.mutex);
      if (slot.wake.wait_for(lock, kPoll, [&] { return slot.outcome.has_value(); }))
        return {*slot.outcome};
    }
    if (auto stopped = pulse.stopped()) return {std::move(*stopped), true};
    if (interrupts > seen) {
      seen = interrupts;
      if (seen > 1) return {{State::Stopped, "interrupted twice", "", 0}, true};
      if (!asked)
        ask("interrupted",
            "Stopping: what is in flight is finished and saved. Once more Ctrl-C "
            "stops at once.");
    }
    if (const auto request = directory.stop_requested(); request && (!asked || !request->drain)) {
      if (!request->drain) return {{State::Stopped, "asked to stop at once", "", 0}, true};
      ask("asked by `troupe stop`",
          "Stopping, as `troupe stop` asked: what is in flight is "
          "finished and saved.");
    }
  }
}

void print_summary(const runtime::RunOutcome& outcome, const graphs::Plan& plan,
                   const ledger::RunDirectory& directory, const ledger::Accounts& accounts,
                   const LearningSummary& summary, double seconds) {
  const std::string path = directory.path().string();
  using State = runtime::RunOutcome::State;
  const char* word = outcome.state == State::Finished  ? "Finished"
                     : outcome.state == State::Stopped ? "Stopped"
                                                       : "Failed";
  std::cout << "\n"
            << fmt::format("{} after {} ({} of {} steps).\n", word, observe::duration_text(seconds),
                           outcome.step,
                           plan.run.steps == 0 ? "any number of" : std::to_string(plan.run.steps));
  for (const std::string& line : summary.lines()) std::cout << "  " << line << "\n";
  std::cout << ledger::print_equation(accounts) << "  run directory: " << path << "\n";
  switch (outcome.state) {
    case State::Finished:
      std::cout << "Try next:\n  troupe status " << path << "\n  troupe eval " << path
                << "\n  tensorboard --logdir " << path << "/events\n";
      return;
    case State::Stopped:
    case State::Failed:
      std::cout << "Go on with:\n  troupe resume " << path << "\n";
      return;
  }
}

/// Shows what went wrong, if anything did; the exit status.
int status_of(const runtime::RunOutcome& outcome, const ledger::Accounts& accounts,
              std::initializer_list<const Result<void>*> written) {
  if (outcome.state == runtime::RunOutcome::State::Failed) {
    complain(Error{ErrorCode::Internal, outcome.reason, outcome.help});
    return kRunFailed;
  }
  for (const Result<void>* result : written) {
    if (!result->ok()) return complain(result->error(), kRunFailed);
  }
  if (!accounts.holds()) {
    complain(Error{ErrorCode::Internal, "the equation above does not hold: samples were lost", ""});
    return kRunFailed;
  }
  return outcome.state == runtime::RunOutcome::State::Stopped ? kInterrupted : kDone;
}

}  // namespace

int run_session(const graphs::Plan& plan, ledger::RunDirectory directory,
                const SessionOptions& options) {
  Disk& disk = real_disk();
  hosts::CafHost host(kEventThreads);
  Narrator narrator(plan, options, host.clock());
  const auto fail_early = [&](const Error& error) {
    (void)directory.set_state(ledger::RunState::Failed, error.message, host.clock().wall_seconds());
    return complain(error);
  };
  watch_signals();  // Ctrl-C while a model is read is a stop too
  auto recorder = RunRecorder::open(
      directory, disk, host.clock(), plan, options.resume,
      [&](const std::string& stage, std::uint32_t step, const runtime::Metrics& metrics) {
        narrator.metrics(stage, step, metrics);
      });
  if (!recorder.ok()) {
    (void)fail_early(recorder.error());
    return kRunFailed;
  }
  std::jthread keeping;  // one segment after another; each job has ended when the next one begins
  (*recorder)->keep_samples_on(
      [&keeping](std::function<void()> job) { keeping = std::jthread(std::move(job)); });
  for (const std::string& repair : (*recorder)->repairs())
    std::cerr << "warning: " << repair << "\n";
  for (const RunRecorder::Measured& earlier : (*recorder)->history()) narrator.remember(earlier);

  const TimePoint began = host.clock().now();
  stages::RealEngines engines(
      plan, {engine_threads(plan), options.resume ? options.resume->folder : std::nullopt});
  stages::ThreadWorkers workers(kWorkerThreads);
  runtime::RunServices services;
  services.workers = &workers;
  services.disk = &disk;
  services.engines = &engines;
  services.recorder = recorder->get();
  runtime::Coordinator::Options rules;
  rules.start = {directory.info().incarnation, options.resume ? options.resume->step : 0};
  rules.stall_timeout = plan.run.stall_timeout;
  if (options.resume) {
    services.cursors = (*recorder)->cursors();
    if (auto ready = (*recorder)->go_on_with(rules); !ready.ok()) return fail_early(ready.error());
  }
  auto data = DataLog::open(
      disk, directory.path(), services.cursors,
      [&](runtime::Severity severity, const std::string& stage, const std::string& text) {
        (*recorder)->note(severity, stage, text);
        if (severity != runtime::Severity::Info)
          narrator.line("warning: stage '" + stage + "': " + text);
      });
  if (!data.ok()) return fail_early(data.error());
  services.data = data->get();
  OutcomeSlot slot;
  auto graph = runtime::RunningGraph::build(
      plan, all_kinds(), services, rules, host,
      [&slot](runtime::RunOutcome outcome) { slot.put(std::move(outcome)); });
  if (!graph.ok()) return fail_early(graph.error());
  narrator.line("Run directory: " + directory.path().string());
  for (const auto& [address, runner] : (*graph)->runners()) host.adopt(address, *runner);
  host.adopt(runtime::kCoordinator, (*graph)->coordinator());
  Awaited awaited;
  runtime::RunOutcome& outcome = awaited.outcome;
  if (interrupts > 0) {  // while models were read: nothing is in flight that could be finished
    outcome = {runtime::RunOutcome::State::Stopped, "interrupted before it began", "", 0};
  } else {
    (*graph)->coordinator().begin();
    awaited = wait_for_outcome(slot, host, plan, **graph, directory, narrator);
  }
  const bool stopped = stops_in_time(host, awaited.forced);
  if (!stopped && awaited.forced) {
    // The coordinator may be writing: the ledger is left as a crash would leave it.
    narrator.finish();
    const bool failed = outcome.state == runtime::RunOutcome::State::Failed;
    (void)directory.set_state(failed ? ledger::RunState::Failed : ledger::RunState::Stopped,
                              outcome.reason, host.clock().wall_seconds());
    complain(Error{ErrorCode::Internal, outcome.reason, outcome.help});
    end_process_now(failed ? kRunFailed : kInterrupted);
  }
  outcome.step = narrator.step();  // a forced stop does not know it
  narrator.finish();
  // What was cut off, or came back with a resume and was not begun again.
  const auto cut = (*recorder)->ledger().end_left_over("the run ended");
  const Result<void> cut_off = cut.ok() ? Result<void>() : cut.error();
  const ledger::Accounts accounts = (*recorder)->ledger().accounts();
  auto written = (*recorder)->commit();

  using State = runtime::RunOutcome::State;
  const auto state = outcome.state == State::Finished  ? ledger::RunState::Finished
                     : outcome.state == State::Stopped ? ledger::RunState::Stopped
                                                       : ledger::RunState::Failed;
  auto recorded = directory.set_state(state, outcome.reason, host.clock().wall_seconds());
  const double seconds = std::chrono::duration<double>(host.clock().now() - began).count();
  print_summary(outcome, plan, directory, accounts, narrator.summary(), seconds);
  const int status = status_of(outcome, accounts, {&cut_off, &written, &recorded});
  // Engines and stages that never return must not keep the process.
  if (!stopped) end_process_now(status);
  end_process_in_time(status);
  return status;
}

}  // namespace troupe::cli
