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

LoadResult load(const fs::path& path, const Kinds& kinds) {
  // Files are named as if the command ran in their folder: messages are the same everywhere.
  LoadOptions options;
  options.read = [&](const fs::path& name) { return files_on_disk()(path.parent_path() / name); };
  return load_graph(input_of(path, content(path)), kinds, options);
}

}  // namespace

TEST_CASE("wrong_graphs_get_the_messages_that_were_read_and_found_good", "[golden]") {
  const Kinds kinds = test_kinds();
  const auto graphs = graphs_in(kGolden);
  REQUIRE(graphs.size() >= 40);
  for (const fs::path& path : graphs) {
    const LoadResult result = load(path, kinds);
    INFO(path.string());
    CHECK_FALSE(result.diagnostics.empty());
    compare(fs::path(path).replace_extension(".txt"), result.rendered(false));
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
    for (const Diagnostic& diagnostic : load(path, kinds).diagnostics) {
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
