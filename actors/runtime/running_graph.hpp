#pragma once
// RunningGraph: the actors of one run, built from a plan: a runner for every stage of the flow, and
// the coordinator. Owns them; a host carries their events. Build errors are of configuration (a
// file that cannot be read, an engine that cannot be made), and nothing has started yet.
#include <memory>
#include <vector>

#include "actors/runtime/coordinator.hpp"
#include "actors/runtime/kinds.hpp"
#include "actors/runtime/stage_runner.hpp"

namespace troupe::runtime {

/// What all stages of a run share; outlives the graph.
struct RunServices {
  Workers* workers = nullptr;
  Disk* disk = nullptr;
  stages::EngineSet* engines = nullptr;
  Recorder* recorder = nullptr;
  std::shared_ptr<const std::map<std::uint32_t, ResumeCursor>> cursors;
  DataWatch* data = nullptr;
};

class RunningGraph {
 public:
  static Result<std::unique_ptr<RunningGraph>> build(const graphs::Plan& plan, const KindSet& kinds,
                                                     const RunServices& services,
                                                     const Coordinator::Options& options,
                                                     Host& host, Coordinator::OnOutcome on_outcome);

  Coordinator& coordinator() { return *coordinator_; }
  const Coordinator& coordinator() const { return *coordinator_; }
  /// (address, actor) of every stage that runs.
  const std::vector<std::pair<Address, std::unique_ptr<StageRunner>>>& runners() const {
    return runners_;
  }

 private:
  RunningGraph() = default;
  std::unique_ptr<Coordinator> coordinator_;
  std::vector<std::pair<Address, std::unique_ptr<StageRunner>>> runners_;
};

}  // namespace troupe::runtime
