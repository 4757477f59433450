#pragma once
// load_graph: from a TOML file to a Plan or to the list of everything that is wrong with it. The
// only I/O is reading the file (and, when asked, looking whether the files it names exist).
// Problems of the person are diagnostics, also an unreadable file. Any thread.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "graphs/contract.hpp"
#include "graphs/diagnostic.hpp"
#include "graphs/plan.hpp"

namespace troupe::graphs {

struct LoadResult {
  std::optional<Plan> plan;  // present exactly when no diagnostic is an error
  std::vector<Diagnostic> diagnostics;
  Sources sources;  // what the spans point into

  bool ok() const { return plan.has_value(); }
  std::string rendered(bool colour) const { return render(diagnostics, sources, colour); }
  std::string rendered_json() const { return render_json(diagnostics, sources); }
};

struct LoadOptions {
  bool check_files = false;  // also diagnose models and data files that do not exist
};

/// `sets` are the arguments of --set: "stage.generate.temperature=0.8" (a TOML value or a bare
/// text). `kinds` must outlive the plan.
LoadResult load_graph(const std::filesystem::path& file, const std::vector<std::string>& sets,
                      const Kinds& kinds, const LoadOptions& options = {});

/// The same for text in memory; `file` names it and anchors relative paths.
LoadResult load_graph_text(std::string text, const std::filesystem::path& file,
                           const std::vector<std::string>& sets, const Kinds& kinds,
                           const LoadOptions& options = {});

}  // namespace troupe::graphs
