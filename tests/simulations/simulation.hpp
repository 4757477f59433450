#pragma once
// Simulation: one run of a graph with the production stages on the simulated host, with simulated
// engines and a recorder in memory. One seed, one run; a failing seed is replayed by running the
// test with TROUPE_SEED set.
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "actors/hosts/simulated/simulated_host.hpp"
#include "actors/runtime/running_graph.hpp"
#include "actors/stages/engines/simulated_engines.hpp"
#include "actors/stages/kinds.hpp"
#include "graphs/load.hpp"
#include "tests/simulations/memory_recorder.hpp"

namespace troupe::simulations {

struct SimulationOptions {
  std::uint64_t seed = 1;
  stages::SimulatedCosts costs;
  Duration latency_max = std::chrono::microseconds(200);
  std::optional<Duration> stop_at;  // a person presses Ctrl-C at this virtual time
  runtime::Coordinator::Options coordinator;
  /// Of a resumed run: where its datasets go on.
  std::shared_ptr<const std::map<std::uint32_t, runtime::ResumeCursor>> cursors;
  std::uint64_t events_max = 2'000'000;
  /// Changes the plan before the graph is built, to what no file would say in one line.
  std::function<void(graphs::Plan&)> adjust;
};

class Simulation {
 public:
  Simulation(const runtime::KindSet& kinds, const std::string& graph,
             const SimulationOptions& options);
  /// Runs to the end. Without an outcome the graph stood still for ever: a deadlock.
  std::optional<runtime::RunOutcome> run();

  graphs::Plan& plan() { return *loaded_.plan; }
  MemoryRecorder& recorder() { return recorder_; }
  hosts::SimulatedHost& host() { return host_; }

 private:
  SimulationOptions options_;
  graphs::LoadResult loaded_;
  hosts::SimulatedHost host_;
  stages::SimulatedEngines engines_;
  stages::SimulatedWorkers workers_;
  MemoryRecorder recorder_;
  std::unique_ptr<runtime::RunningGraph> graph_;
  std::optional<runtime::RunOutcome> outcome_;
};

/// Every kind that Troupe has. Lives as long as the process.
const runtime::KindSet& all_kinds();

}  // namespace troupe::simulations
