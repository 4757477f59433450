#include <condition_variable>
#include <iostream>
#include <mutex>
#include <nlohmann/json.hpp>

#include "actors/cli/commands.hpp"
#include "actors/cli/context.hpp"
#include "actors/cli/ending.hpp"
#include "actors/cli/invocation.hpp"
#include "actors/cli/resources.hpp"
#include "actors/hosts/caf/caf_host.hpp"
#include "actors/ledger/checkpoints.hpp"
#include "actors/ledger/run_directory.hpp"
#include "actors/runtime/running_graph.hpp"
#include "actors/stages/engines/real_engines.hpp"
#include "actors/stages/engines/thread_workers.hpp"

namespace troupe::cli {
namespace {

/// An evaluation records nothing but its numbers: nothing is admitted.
class EvaluationRecorder final : public runtime::Recorder {
 public:
  Result<std::vector<std::uint16_t>> admitted(const GroupId&, std::uint64_t, Version,
                                              std::uint32_t) override {
    return unexpected();
  }
  Result<void> refilled(const runtime::EndedSample&, const SampleId&) override {
    return unexpected();
  }
  Result<void> used(Version, const std::vector<GroupId>&) override { return unexpected(); }
  Result<void> ended(const runtime::EndedSample&, std::uint32_t) override { return unexpected(); }
  Result<void> stepped(Version, const runtime::Metrics&) override { return unexpected(); }
  Result<void> measured(const std::string& stage, std::uint32_t,
                        const runtime::Metrics& metrics) override {
    results[stage] = metrics;
    return {};
  }
  Result<std::filesystem::path> begin_checkpoint(std::uint32_t) override { return unexpected(); }
  Result<void> commit_checkpoint(Version) override { return unexpected(); }
  void note(runtime::Severity, const std::string& stage, const std::string& text) override {
    std::cerr << stage << ": " << text << "\n";
  }
  Result<void> commit() override { return {}; }

  std::map<std::string, runtime::Metrics> results;

 private:
  static Error unexpected() {
    return Error{ErrorCode::Internal, "an evaluation tried to train", "This is a bug of Troupe"};
  }
};

/// The plan with nothing left but its evaluators, which then measure the model as it is loaded.
bool keep_evaluators(graphs::Plan& plan) {
  bool any = false;
  for (graphs::StagePlan& stage : plan.stages) {
    const bool evaluator = stage.kind == "evaluator";
    any |= evaluator;
    stage.in_flow = evaluator;
  }
  plan.edges.clear();
  plan.joins.clear();
  plan.gate.reset();
  return any;
}

/// The model of a run's newest checkpoint. Only looks: the run may be alive, and then it may remove
/// the folder as it writes newer ones; opening the model fails then.
Result<std::string> newest_model(const std::filesystem::path& run) {
  const std::filesystem::path folder = run / "checkpoints";
  std::vector<std::uint32_t> steps;
  if (real_disk().exists(folder)) {
    TROUPE_ASSIGN(steps, ledger::checkpoint_steps(real_disk(), folder));
  }
  if (steps.empty())
    return Error{ErrorCode::NotFound, run.string() + " has no checkpoint yet",
                 "Wait for one, or name the graph file to evaluate the model it starts from"};
  return std::filesystem::absolute(ledger::checkpoint_folder(folder, steps.back()) / "model")
      .string();
}

/// What to evaluate: a plan and, when it is not as the plan says, a model.
struct Target {
  graphs::Plan plan;
  std::string model;
};
/// Without a target the problem has been shown, and `status` is what to exit with.
std::optional<Target> target_of(const GraphArguments& arguments, const std::string& model,
                                int& status) {
  const std::string& name = arguments.file;
  if (name.ends_with(".toml")) {
    status = kConfiguration;
    auto plan = load(arguments, Asks::Files).plan;
    if (!plan) return std::nullopt;
    return Target{std::move(*plan), model};
  }
  const auto shown = [&](const Error& error, int with) -> std::optional<Target> {
    status = complain(error, with);
    return std::nullopt;
  };
  if (!arguments.overlays.empty())
    return shown(Error{ErrorCode::InvalidArgument, "--with lies over a graph file, not over a run",
                       "Use --set, or name the graph file and the checkpoint: troupe eval FILE "
                       "--with OVERLAY --model RUN/checkpoints/STEP/model"},
                 kUsage);
  auto run = find_run(name);
  if (!run.ok()) return shown(run.error(), kUsage);
  auto invocation = read_invocation(*run);
  if (!invocation.ok()) return shown(invocation.error(), kRunFailed);
  auto plan = load_run(*run, *invocation, arguments.sets, Asks::Files);
  if (!plan.ok()) return shown(plan.error(), kRunFailed);
  status = kConfiguration;
  if (!*plan) return std::nullopt;
  if (!model.empty()) return Target{std::move(**plan), model};
  auto newest = newest_model(*run);
  if (!newest.ok()) return shown(newest.error(), kRunFailed);
  return Target{std::move(**plan), *newest};
}

}  // namespace

int eval(const GraphArguments& arguments, const std::string& model) {
  int status = kDone;
  auto target = target_of(arguments, model, status);
  if (!target) return status;
  graphs::Plan* const plan = &target->plan;
  if (!keep_evaluators(*plan))
    return complain(Error{ErrorCode::InvalidArgument, arguments.file + " has no evaluator stage",
                          "Add a stage of kind evaluator that names its questions and judges"});
  if (!target->model.empty()) {
    for (graphs::ModelPlan& entry : plan->models) {
      if (entry.from.empty()) entry.load = target->model;
    }
  }
  hosts::CafHost host(2);
  stages::RealEngines engines(*plan, {engine_threads(*plan), std::nullopt});
  stages::ThreadWorkers workers(1);
  EvaluationRecorder recorder;
  runtime::RunServices services{&workers, &real_disk(), &engines, &recorder, nullptr};
  std::mutex mutex;
  std::condition_variable wake;
  std::optional<runtime::RunOutcome> outcome;
  runtime::Coordinator::Options rules;
  rules.stall_timeout = plan->run.stall_timeout;
  auto graph = runtime::RunningGraph::build(*plan, all_kinds(), services, rules, host,
                                            [&](runtime::RunOutcome ended) {
                                              const std::lock_guard lock(mutex);
                                              outcome = std::move(ended);
                                              wake.notify_all();
                                            });
  if (!graph.ok()) return complain(graph.error());
  for (const auto& [address, runner] : (*graph)->runners()) host.adopt(address, *runner);
  host.adopt(runtime::kCoordinator, (*graph)->coordinator());
  (*graph)->coordinator().begin();
  {
    std::unique_lock lock(mutex);
    wake.wait(lock, [&] { return outcome.has_value(); });
  }
  const bool stopped = stops_in_time(host, false);
  if (outcome->state == runtime::RunOutcome::State::Failed) {
    const int failed = complain(Error{ErrorCode::Internal, outcome->reason, outcome->help});
    if (!stopped) end_process_now(failed);
    end_process_in_time(failed);
    return failed;
  }
  if (arguments.json) {
    nlohmann::json out = nlohmann::json::object();
    for (const auto& [stage, metrics] : recorder.results) out[stage] = metrics;
    std::cout << out.dump(2) << "\n";
    return kDone;
  }
  for (const auto& [stage, metrics] : recorder.results) {
    std::cout << stage << ":\n";
    for (const auto& [key, value] : metrics) {
      const std::string prefix = stage + "/";
      std::cout << "  " << (key.starts_with(prefix) ? key.substr(prefix.size()) : key) << " "
                << value << "\n";
    }
  }
  return kDone;
}

}  // namespace troupe::cli
