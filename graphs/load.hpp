#pragma once
// load_graph: from a TOML file, what it extends and what lies over it, to a Plan or to the list of
// everything that is wrong. The only I/O is reading files (and, when asked, looking whether the
// files they name exist). Problems of the person are diagnostics, also an unreadable file. Any
// thread.
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "graphs/contract.hpp"
#include "graphs/diagnostic.hpp"
#include "graphs/plan.hpp"
#include "graphs/resources.hpp"
#include "graphs/tests.hpp"
#include "schemas/base/result.hpp"

namespace troupe::graphs {

struct LoadResult {
  std::optional<Plan> plan;     // present exactly when no diagnostic is an error
  std::vector<TestPlan> tests;  // with a plan: its [[test]] tables
  std::vector<Diagnostic> diagnostics;
  Sources sources;  // what the spans point into: first the file, then what it extends, overlays,
                    // and every --set

  bool ok() const { return plan.has_value(); }
  std::string rendered(bool colour) const { return render(diagnostics, sources, colour); }
  std::string rendered_json() const { return render_json(diagnostics, sources); }
};

/// The text of a file, or why it cannot be read (the message of the error).
using ReadFile = std::function<Result<std::string>(const std::filesystem::path&)>;
ReadFile files_on_disk();

/// What a command was given.
struct GraphInput {
  std::filesystem::path file;
  std::vector<std::filesystem::path> overlays{};  // --with, each over the one before
  /// --set: "stage.generate.temperature=0.8" (a TOML value or a bare text), over all files.
  std::vector<std::string> sets{};
};

struct LoadOptions {
  bool check_files = false;  // also diagnose models and data files that do not exist
  ReadFile read{};           // empty: files_on_disk()
  Estimate estimate{};       // of memory, held against its limits; empty: nobody asks
};

/// `kinds` must outlive the plan.
LoadResult load_graph(const GraphInput& input, const Kinds& kinds, const LoadOptions& options = {});

inline LoadResult load_graph(const std::filesystem::path& file,
                             const std::vector<std::string>& sets, const Kinds& kinds,
                             const LoadOptions& options = {}) {
  return load_graph(GraphInput{file, {}, sets}, kinds, options);
}

/// The same for a text in memory, which `file` names and whose folder anchors relative paths.
LoadResult load_graph_text(std::string text, const std::filesystem::path& file,
                           const std::vector<std::string>& sets, const Kinds& kinds,
                           const LoadOptions& options = {});

}  // namespace troupe::graphs
