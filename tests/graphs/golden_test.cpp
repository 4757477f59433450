// tests/golden/graphs/*.toml are wrong (or doubtful) graphs, the .txt beside each is what a person
// sees. good/*.toml are right ones, with their plans and drawings. After a change of a message:
//   TROUPE_UPDATE_GOLDEN=1 build/tests/graphs_test '[golden]'
// and then read the difference: the file says what the message is, an eye says whether it is good.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "graphs/load.hpp"
#include "graphs/print.hpp"
#include "graphs/recipe.hpp"
#include "tests/catch.hpp"
#include "tests/graphs/test_kinds.hpp"

using namespace troupe::graphs;
namespace fs = std::filesystem;

namespace {

const fs::path kGolden = fs::path(TROUPE_SOURCE_DIR) / "tests/golden/graphs";

std::string content(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream out;
  out << stream.rdbuf();
  return out.str();
}

std::vector<fs::path> graphs_in(const fs::path& folder) {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".toml") out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

/// Graphs named memory_* are held against a machine of 4 GiB, as `troupe check` would; those named
/// memory_run_* as `troupe run` would.
Estimate estimate_for(const fs::path& path) {
  const std::string name = path.filename().string();
  if (name.rfind("memory_", 0) != 0) return {};
  const bool run = name.rfind("memory_run_", 0) == 0;
  return [run](const Plan& plan) {
    constexpr std::uint64_t kMiB = 1 << 20;
    const auto number = [&](const char* stage, const char* option) {
      return static_cast<std::uint64_t>(plan.stage(stage).option(option).as_int());
    };
    Resources out;
    out.machine_bytes = 4096 * kMiB;
    out.must_fit = run;
    out.memory.push_back({"model policy", "weights, 4 versions", 1024 * kMiB, "as trained", {}});
    const std::uint64_t made = number("generate", "max_new_tokens");
    out.memory.push_back({"stage generate", "cache of keys and values", made * 4 * kMiB,
                          std::to_string(made) + " tokens",
                          Lever{"generate", "max_new_tokens", made, 16, 4 * kMiB}});
    const std::uint64_t step = number("learn", "prompts_per_step");
    out.memory.push_back({"stage learn", "activations of a micro-batch", step * 64 * kMiB,
                          std::to_string(step) + " prompts",
                          Lever{"learn", "prompts_per_step", step, 1, 64 * kMiB}});
    return out;
  };
}

/// "# --set a.b=c" and "# --with FILE" lines at the top are arguments of the command.
GraphInput input_of(const fs::path& path, const std::string& text) {
  GraphInput out{path.filename()};
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line) && line.rfind("# --", 0) == 0;) {
    if (line.rfind("# --set ", 0) == 0) out.sets.push_back(line.substr(8));
    if (line.rfind("# --with ", 0) == 0) out.overlays.push_back(line.substr(9));
  }
  return out;
}

void compare(const fs::path& file, const std::string& actual) {
  if (std::getenv("TROUPE_UPDATE_GOLDEN")) {
    std::ofstream(file, std::ios::binary) << actual;
    return;
  }
  INFO(file.string());
  CHECK(content(file) == actual);
}

/// Files are named as if the command ran in their folder: messages are the same everywhere.
LoadOptions beside(const fs::path& path) {
  LoadOptions options;
  options.read = [folder = path.parent_path()](const fs::path& name) {
    return files_on_disk()(folder / name);
  };
  return options;
}

LoadResult load(const fs::path& path, const Kinds& kinds) {
  LoadOptions options = beside(path);
  options.estimate = estimate_for(path);
  return load_graph(input_of(path, content(path)), kinds, options);
}

/// What a person sees, of a graph or a recipe, and every diagnostic behind it.
struct Shown {
  std::string text;
  std::vector<Diagnostic> diagnostics;
};
Shown show(const fs::path& path, const Kinds& kinds) {
  const std::string name = path.filename().string();
  if (name.rfind("recipe_", 0) != 0 || name == "recipe_instead_of_graph.toml") {
    const LoadResult result = load(path, kinds);
    return {result.rendered(false), result.diagnostics};
  }
  const RecipeResult result = load_recipe(path.filename(), kinds, beside(path));
  Shown out{result.rendered(false), result.diagnostics};
  for (const auto& phase : result.graphs) {
    out.diagnostics.insert(out.diagnostics.end(), phase.graph.diagnostics.begin(),
                           phase.graph.diagnostics.end());
  }
  return out;
}

}  // namespace

TEST_CASE("wrong_graphs_get_the_messages_that_were_read_and_found_good", "[golden]") {
  const Kinds kinds = test_kinds();
  const auto graphs = graphs_in(kGolden);
  REQUIRE(graphs.size() >= 40);
  for (const fs::path& path : graphs) {
    const Shown shown = show(path, kinds);
    INFO(path.string());
    CHECK_FALSE(shown.diagnostics.empty());
    compare(fs::path(path).replace_extension(".txt"), shown.text);
  }
}

TEST_CASE("right_graphs_have_the_plan_and_drawings_that_were_looked_at", "[golden]") {
  const Kinds kinds = test_kinds();
  for (const fs::path& path : graphs_in(kGolden / "good")) {
    const LoadResult result = load(path, kinds);
    INFO(path.string() << "\n" << result.rendered(false));
    REQUIRE(result.ok());
    CHECK(result.diagnostics.empty());
    compare(fs::path(path).replace_extension(".plan"), print_plan(*result.plan));
    compare(fs::path(path).replace_extension(".txt"), draw_text(*result.plan));
    compare(fs::path(path).replace_extension(".dot"), draw_dot(*result.plan));
    compare(fs::path(path).replace_extension(".mmd"), draw_mermaid(*result.plan));
    compare(fs::path(path).replace_extension(".svg"), draw_svg(*result.plan));
  }
}

TEST_CASE("every_code_is_explained_and_met_by_a_golden_graph", "[golden]") {
  const Kinds kinds = test_kinds();
  std::set<std::string> met = {"E0101", "E0114", "E0306"};  // load_test.cpp, flow_test.cpp
  for (const fs::path& path : graphs_in(kGolden)) {
    for (const Diagnostic& diagnostic : show(path, kinds).diagnostics) {
      met.insert(diagnostic.code);
      INFO(path.string() << " " << diagnostic.code);
      CHECK(explain(diagnostic.code).size() > 60);
      // Every message ends with what to do, or is so plain that its label says it.
      CHECK((!diagnostic.help.empty() || !diagnostic.primary.text.empty()));
    }
  }
  for (const std::string_view code : all_codes()) {
    INFO(code);
    CHECK(met.count(std::string(code)) == 1);
  }
  CHECK(explain("E9999").empty());
}
