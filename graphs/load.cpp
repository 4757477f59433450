#include "graphs/load.hpp"

#include "graphs/draft.hpp"

namespace troupe::graphs {
namespace {

bool complete(const Draft& draft) {
  for (const DraftStage& stage : draft.stages) {
    if (!stage.contract) return false;
  }
  for (const DraftEdge& edge : draft.edges) {
    if (!edge.out || !edge.in) return false;
  }
  return !draft.flow_broken;
}

std::size_t findings_so_far(const Draft& draft) { return draft.findings.errors(); }

void check(Draft& draft, const RawNode& root, LoadResult& out) {
  read_sections(draft, root);
  check_references(draft);
  read_flow(draft, root);
  read_policies(draft, root);
  read_tests(draft, root);
  check_shape(draft);
  check_calls(draft);
  // What follows reasons about ways through the graph: a hole would make it invent problems.
  if (complete(draft) && !draft.cyclic) {
    const std::size_t before = findings_so_far(draft);
    resolve_joins(draft);
    if (findings_so_far(draft) == before) account_ways(draft);
    if (findings_so_far(draft) == before) check_routes(draft);
    if (findings_so_far(draft) == before) place_gate(draft);
    if (findings_so_far(draft) == before) check_policies(draft);
    if (findings_so_far(draft) == before) check_whole_groups(draft);
    check_weights(draft);
    check_data(draft);
  }
  if (draft.findings.has_errors()) return;
  Plan plan = make_plan(draft);
  check_memory(draft, plan);
  out.tests = check_tests(draft, plan);
  if (draft.findings.has_errors()) {
    out.tests.clear();
  } else {
    out.plan = std::move(plan);
  }
}

}  // namespace

LoadResult load_phase(const GraphInput& input, const PhaseSet& phase, const Kinds& kinds,
                      const LoadOptions& options, std::vector<ArtifactRef>& artifacts) {
  LoadResult out;
  Findings findings;
  const ReadFile read = options.read ? options.read : files_on_disk();
  if (auto composed = compose(input, phase, read, out.sources, findings)) {
    Draft draft(kinds, out.sources, findings);
    draft.file = input.file;
    draft.load_options = options;
    draft.removals = std::move(composed->removals);
    draft.layers = std::move(composed->layers);
    check(draft, composed->root, out);
    artifacts = std::move(draft.artifacts);
  }
  out.diagnostics = findings.take();
  return out;
}

LoadResult load_graph(const GraphInput& input, const Kinds& kinds, const LoadOptions& options) {
  std::vector<ArtifactRef> none;
  return load_phase(input, {}, kinds, options, none);
}

LoadResult load_graph_text(std::string text, const std::filesystem::path& file,
                           const std::vector<std::string>& sets, const Kinds& kinds,
                           const LoadOptions& options) {
  LoadOptions from_memory = options;
  const ReadFile others = options.read ? options.read : files_on_disk();
  from_memory.read = [&](const std::filesystem::path& path) -> Result<std::string> {
    if (path == file) return text;
    return others(path);
  };
  return load_graph({file, {}, sets}, kinds, from_memory);
}

}  // namespace troupe::graphs
