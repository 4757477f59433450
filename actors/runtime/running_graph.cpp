#include "actors/runtime/running_graph.hpp"

namespace troupe::runtime {

Result<std::unique_ptr<RunningGraph>> RunningGraph::build(
    const graphs::Plan& plan, const KindSet& kinds, const RunServices& services,
    const Coordinator::Options& options, Host& host, Coordinator::OnOutcome on_outcome) {
  std::unique_ptr<RunningGraph> graph(new RunningGraph());
  for (const graphs::StagePlan& stage : plan.stages) {
    if (!stage.in_flow) continue;
    StageContext context;
    context.plan = &plan;
    context.stage = &stage;
    context.start_version = options.start;
    context.workers = services.workers;
    context.disk = services.disk;
    context.data = services.data;
    context.engines = services.engines;
    context.cursors = services.cursors;
    const StageFactory& factory = kinds.factory(stage.kind);
    auto made = factory(context);
    if (!made.ok()) return made.error().in("stage '" + stage.name + "'");
    graph->runners_.emplace_back(
        stage.index, std::make_unique<StageRunner>(context, factory, std::move(*made), host));
  }
  TROUPE_ASSIGN(graph->coordinator_, Coordinator::make(plan, options, *services.recorder, host,
                                                       std::move(on_outcome)));
  return graph;
}

}  // namespace troupe::runtime
