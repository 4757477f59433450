// pipeline_run GRAPH FOLDER [--seconds S] [--set KEY=VALUE]... [--acks] [--resume] [--sample FILE]
// Runs the graph through the production host and recorder for a while, drains it, and prints one
// JSON line of figures. --acks: also a line "ack ADMITTED ENDED" after every commit, for a test
// that kills this process; --resume: goes on in the run directory that is in FOLDER. --sample:
// writes one sample as it travels, for the peer that passes the same bytes.
#include <sys/resource.h>

#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <mutex>
#include <thread>

#include <nlohmann/json.hpp>

#include "actors/cli/run_recorder.hpp"
#include "actors/hosts/caf/caf_host.hpp"
#include "actors/ledger/status.hpp"
#include "actors/runtime/running_graph.hpp"
#include "actors/stages/engines/thread_workers.hpp"
#include "graphs/load.hpp"
#include "graphs/print.hpp"
#include "tests/pipeline/stages.hpp"

using namespace troupe;

namespace {

struct Arguments {
  std::string graph, folder, sample;
  double seconds = 5.0;
  std::vector<std::string> sets;
  bool acks = false, resume = false;
};

template <class T>
T checked(Result<T> result) {
  if (!result.ok()) {
    std::cerr << "pipeline_run: " << result.error().text() << "\n";
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(result).value();
}

double seconds_of(Duration duration) { return std::chrono::duration<double>(duration).count(); }

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double resident_mib() {
  long pages = 0, resident = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr || std::fscanf(file, "%ld %ld", &pages, &resident) != 2) resident = 0;
  if (file != nullptr) std::fclose(file);
  return static_cast<double>(resident) * 4096 / (1 << 20);
}

void acknowledge(const ledger::Ledger& ledger) {
  const ledger::Accounts accounts = ledger.accounts();
  std::printf("ack %llu %llu\n", static_cast<unsigned long long>(accounts.samples.admitted),
              static_cast<unsigned long long>(accounts.samples.ended()));
  std::fflush(stdout);
}

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  int place = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto value = [&]() -> std::string { return i + 1 < argc ? argv[++i] : ""; };
    if (word == "--seconds")
      arguments.seconds = std::stod(value());
    else if (word == "--set")
      arguments.sets.push_back(value());
    else if (word == "--sample")
      arguments.sample = value();
    else if (word == "--acks")
      arguments.acks = true;
    else if (word == "--resume")
      arguments.resume = true;
    else if (place++ == 0)
      arguments.graph = word;
    else
      arguments.folder = word;
  }
  if (place != 2) {
    std::cerr << "usage: pipeline_run GRAPH FOLDER [--seconds S] [--set KEY=VALUE] [--acks] "
                 "[--resume] [--sample FILE]\n";
    std::exit(2);
  }
  return arguments;
}

void write_sample(const std::string& file) {
  Prompt prompt;
  prompt.task = "math";
  prompt.question = "What is 123 + 234?";
  prompt.answer = "357";
  prompt.prompt_template = "chatml";
  const Payload payload = encode(pipeline::make_sample(prompt, 0, 1, {}, 64));
  checked(real_disk().replace(
      file, std::string_view(reinterpret_cast<const char*>(payload->data()), 8 * payload->size())));
}

ledger::RunDirectory directory_for(const Arguments& arguments, const graphs::Plan& plan,
                                   const Clock& clock) {
  if (arguments.resume)
    return checked(ledger::RunDirectory::open_to_resume(
        real_disk(), checked(ledger::find_run(real_disk(), arguments.folder, plan.run.name)),
        clock.wall_seconds()));
  ledger::NewRun fresh;
  fresh.name = plan.run.name;
  fresh.troupe_version = "test";
  fresh.graph_text = checked(real_disk().read(arguments.graph));
  fresh.plan_json = graphs::plan_json(plan);
  fresh.graph_hash = plan.hash;
  fresh.wall_seconds = clock.wall_seconds();
  return checked(ledger::RunDirectory::create(real_disk(), arguments.folder, fresh));
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments = parse(argc, argv);
  if (!arguments.sample.empty()) write_sample(arguments.sample);
  pipeline::Counts counts;
  runtime::KindSet kinds;
  pipeline::register_kinds(kinds, counts);
  auto loaded = graphs::load_graph(arguments.graph, arguments.sets, kinds.contracts());
  if (!loaded.ok()) {
    std::cerr << loaded.rendered(false);
    return 78;
  }
  const graphs::Plan& plan = *loaded.plan;

  hosts::CafHost host(2);
  ledger::RunDirectory directory = directory_for(arguments, plan, host.clock());
  std::optional<cli::ResumePoint> resume;
  if (arguments.resume) resume.emplace();
  auto recorder = checked(
      cli::RunRecorder::open(directory, real_disk(), host.clock(), plan, resume,
                             [](const std::string&, std::uint32_t, const runtime::Metrics&) {}));
  std::jthread keeping;  // compresses closed segments of the sample log, as in a session
  recorder->keep_samples_on(
      [&keeping](std::function<void()> job) { keeping = std::jthread(std::move(job)); });
  if (arguments.acks) {
    acknowledge(recorder->ledger());
    recorder->ledger().on_commit([&] { acknowledge(recorder->ledger()); });
  }
  stages::ThreadWorkers workers(2);
  runtime::RunServices services;
  services.workers = &workers;
  services.disk = &real_disk();
  services.recorder = recorder.get();
  runtime::Coordinator::Options rules;
  rules.start = {directory.info().incarnation, 0};
  if (arguments.resume) {
    auto cursors = std::make_shared<std::map<std::uint32_t, runtime::ResumeCursor>>();
    for (const ledger::DatasetCursor& from : recorder->ledger().cursors())
      (*cursors)[from.dataset] = {
          from.next, from.last, {from.resolved.begin(), from.resolved.end()}};
    services.cursors = std::move(cursors);
    rules.first_admission = recorder->ledger().next_admission();
  }

  std::mutex mutex;
  std::condition_variable wake;
  std::optional<runtime::RunOutcome> outcome;
  auto graph = checked(runtime::RunningGraph::build(plan, kinds, services, rules, host,
                                                    [&](runtime::RunOutcome ended) {
                                                      const std::lock_guard lock(mutex);
                                                      outcome = std::move(ended);
                                                      wake.notify_all();
                                                    }));
  for (const auto& [address, runner] : graph->runners()) host.adopt(address, *runner);
  host.adopt(runtime::kCoordinator, graph->coordinator());
  const double resident_before = resident_mib();
  graph->coordinator().begin();

  // The first moments belong to nobody: caches, allocator, first segment of the log.
  const auto pause = std::chrono::duration<double>(std::min(0.5, arguments.seconds / 4));
  std::this_thread::sleep_for(pause);
  const TimePoint began = host.clock().now();
  const std::uint64_t samples_before = counts.samples;
  const double cpu_before = cpu_seconds();
  std::this_thread::sleep_for(std::chrono::duration<double>(arguments.seconds) - pause);
  const double seconds = seconds_of(host.clock().now() - began);
  const std::uint64_t samples = counts.samples - samples_before;
  const double cpu = cpu_seconds() - cpu_before;
  host.post(runtime::kCoordinator, runtime::kCoordinator, runtime::StopRun{"measured"});
  {
    std::unique_lock lock(mutex);
    wake.wait(lock, [&] { return outcome.has_value(); });
  }
  host.stop();
  const ledger::Accounts accounts = recorder->ledger().accounts();
  const ledger::CommitStats commits = recorder->ledger().commit_stats();
  graph = nullptr;
  if (outcome->state == runtime::RunOutcome::State::Failed || !accounts.holds()) {
    std::cerr << "pipeline_run: " << outcome->reason << "\n" << ledger::print_equation(accounts);
    return 1;
  }
  checked(directory.set_state(ledger::RunState::Stopped, "measured", host.clock().wall_seconds()));

  std::uint64_t queue_bytes = 0;
  for (const graphs::EdgePlan& edge : plan.edges) queue_bytes += edge.capacity_bytes;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const nlohmann::json figures = {
      {"samples", samples},
      {"seconds", seconds},
      {"samples_per_s", static_cast<double>(samples) / seconds},
      {"cpu_s", cpu},
      {"behind_ms_max", 1000 * seconds_of(commits.behind_max)},
      {"commits", commits.commits},
      {"ended", accounts.samples.ended()},
      {"peak_rss_mib", static_cast<double>(usage.ru_maxrss) / 1024},
      {"rss_before_mib", resident_before},
      {"queues_mib", static_cast<double>(queue_bytes) / (1 << 20)},
  };
  std::cout << figures.dump() << std::endl;
  return 0;
}
