#include "graphs/load.hpp"

#include <fstream>

#include <fmt/format.h>

#include "graphs/draft.hpp"

namespace troupe::graphs {
namespace {

constexpr std::size_t kLargestFile = 1 << 20;  // a graph is read by people

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

std::optional<Plan> check(Draft& draft, const RawNode& root) {
  read_sections(draft, root);
  check_references(draft);
  read_flow(draft, root);
  read_policies(draft, root);
  check_shape(draft);
  // What follows reasons about ways through the graph: a hole would make it invent problems.
  if (complete(draft) && !draft.cyclic) {
    const std::size_t before = findings_so_far(draft);
    resolve_joins(draft);
    if (findings_so_far(draft) == before) account_ways(draft);
    if (findings_so_far(draft) == before) place_gate(draft);
    if (findings_so_far(draft) == before) check_policies(draft);
    check_weights(draft);
    check_data(draft);
  }
  if (draft.findings.has_errors()) return std::nullopt;
  return make_plan(draft);
}

}  // namespace

LoadResult load_graph_text(std::string text, const std::filesystem::path& file,
                           const std::vector<std::string>& sets, const Kinds& kinds,
                           const LoadOptions& options) {
  LoadResult out;
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);  // the mark that some editors put first
  out.sources.push_back({file.string(), std::move(text), true});
  for (const std::string& set : sets) out.sources.push_back({"--set", set, false});
  Findings findings;
  if (out.sources.front().text.size() > kLargestFile) {
    findings
        .error(codes::kUnreadable, fmt::format("{} is larger than 1 MiB", file.string()),
               Span{0, 0, 1})
        .help.push_back("a graph file is small: is this the right file?");
  } else if (auto root = read_toml(out.sources.front(), 0, findings)) {
    for (std::uint32_t i = 1; i < out.sources.size(); ++i) {
      apply_set(*root, out.sources[i], i, findings);
    }
    Draft draft(kinds, out.sources, findings);
    draft.file = file;
    draft.load_options = options;
    out.plan = check(draft, *root);
  }
  out.diagnostics = findings.take();
  return out;
}

LoadResult load_graph(const std::filesystem::path& file, const std::vector<std::string>& sets,
                      const Kinds& kinds, const LoadOptions& options) {
  std::error_code error;
  std::string why;
  std::string text;
  if (std::filesystem::is_directory(file, error)) {
    why = "it is a folder";
  } else if (!std::filesystem::exists(file, error)) {
    why = "there is no such file";
  } else {
    std::ifstream stream(file, std::ios::binary);
    // One byte more than allowed is enough to know that it is too large.
    text.resize(kLargestFile + 1);
    stream.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(std::max<std::streamsize>(stream.gcount(), 0)));
    if (stream.bad() || !(stream.eof() || stream.good())) why = "the system refused to read it";
  }
  if (why.empty()) return load_graph_text(std::move(text), file, sets, kinds, options);
  LoadResult out;
  out.sources.push_back({file.string(), "", true});
  Findings findings;
  findings.error(codes::kUnreadable, fmt::format("cannot read {}: {}", file.string(), why), Span{})
      .help.push_back("name a graph file; examples/ has some to begin with");
  out.diagnostics = findings.take();
  return out;
}

}  // namespace troupe::graphs
