// What docs/graphs.md shows is what the program does.
#include <fstream>
#include <map>
#include <sstream>

#include "graphs/load.hpp"
#include "graphs/print.hpp"
#include "tests/catch.hpp"
#include "tests/graphs/test_kinds.hpp"

using namespace troupe::graphs;

namespace {

/// The texts between ``` lines.
std::vector<std::string> blocks_of_page() {
  std::ifstream stream(std::string(TROUPE_SOURCE_DIR) + "/docs/graphs.md");
  std::vector<std::string> out;
  bool inside = false;
  for (std::string line; std::getline(stream, line);) {
    if (line.rfind("```", 0) == 0) {
      inside = !inside;
      if (inside) out.emplace_back();
    } else if (inside) {
      out.back() += line + "\n";
    }
  }
  return out;
}

}  // namespace

TEST_CASE("the_graph_of_the_page_about_graphs_is_drawn_as_the_page_shows") {
  const Kinds kinds = test_kinds();
  const auto blocks = blocks_of_page();
  int graphs = 0, drawings = 0;
  std::string drawn;
  for (const std::string& block : blocks) {
    if (block.rfind("format = 1", 0) == 0) {
      ++graphs;
      const LoadResult result = load_graph_text(block, "graph.toml", {}, kinds);
      INFO(result.rendered(false));
      REQUIRE(result.ok());
      CHECK(result.diagnostics.empty());
      drawn = draw_text(*result.plan);
    } else if (block.find("┌") != std::string::npos) {
      ++drawings;
      CHECK(block == drawn);
    }
  }
  CHECK(graphs == 1);
  CHECK(drawings == 1);
}

TEST_CASE("the_files_over_each_other_of_the_page_about_graphs_make_a_graph") {
  const Kinds kinds = test_kinds();
  std::map<std::string, std::string> files;
  for (const std::string& block : blocks_of_page()) {
    if (block.rfind("format = 1", 0) == 0) files["graph.toml"] = block;
    if (block.rfind("# composed: ", 0) == 0) files["greedy.toml"] = block;
    if (block.rfind("# overlay: ", 0) == 0) files["log.toml"] = block;
  }
  REQUIRE(files.size() == 3);
  LoadOptions options;
  options.read = [&](const std::filesystem::path& path) -> troupe::Result<std::string> {
    return files.at(path.string());
  };
  const LoadResult result = load_graph({"greedy.toml", {"log.toml"}}, kinds, options);
  INFO(result.rendered(false));
  REQUIRE(result.ok());
  CHECK(result.diagnostics.empty());
  CHECK(result.plan->stages.size() == 6);
}

TEST_CASE("the_message_of_the_page_about_graphs_is_what_check_prints") {
  std::ifstream stream(std::string(TROUPE_SOURCE_DIR) +
                       "/tests/golden/graphs/flow_unknown_stage.txt");
  std::ostringstream golden;
  golden << stream.rdbuf();
  bool found = false;
  for (std::string block : blocks_of_page()) {
    if (block.rfind("error[", 0) != 0) continue;
    found = true;
    // The page calls the file graph.toml.
    block.replace(block.find("graph.toml"), 10, "flow_unknown_stage.toml");
    CHECK(golden.str().find(block) != std::string::npos);
  }
  CHECK(found);
}
