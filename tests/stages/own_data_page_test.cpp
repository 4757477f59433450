// The graphs of docs/own_data.md: every option that the page shows exists and means what it says.
#include <fstream>
#include <regex>
#include <sstream>

#include "actors/stages/kinds.hpp"
#include "graphs/load.hpp"
#include "tests/catch.hpp"

using namespace troupe;

namespace {

std::vector<std::string> toml_blocks(const std::string& file) {
  std::ifstream stream(std::string(TROUPE_SOURCE_DIR) + "/" + file);
  std::vector<std::string> out;
  bool inside = false;
  for (std::string line; std::getline(stream, line);) {
    if (line == "```toml") {
      out.emplace_back();
      inside = true;
    } else if (line == "```") {
      inside = false;
    } else if (inside) {
      out.back() += line + "\n";
    }
  }
  return out;
}

}  // namespace

TEST_CASE("the_data_stages_of_the_page_are_right_graphs") {
  runtime::KindSet kinds;
  stages::KindRegistry registry(kinds);
  stages::register_kinds(registry);
  const auto blocks = toml_blocks("docs/own_data.md");
  REQUIRE(blocks.size() >= 5);
  for (const std::string& block : blocks) {
    std::string text =
        "format = 1\n[run]\nname = \"t\"\n[model.policy]\nload = \"x\"\n" + block + R"(
[stage.generate]
kind = "generator"
model = "policy"
[stage.check]
kind = "verifier.math"
[stage.log]
kind = "sink.jsonl"
path = "log.jsonl"
)";
    std::string flow = "\"generate -> check -> log\"";
    const std::regex name("\\[stage\\.([a-z_]+)\\]");
    for (std::sregex_iterator it(block.begin(), block.end(), name), end; it != end; ++it) {
      if ((*it)[1] == "held_out")
        text +=
            "[stage.eval]\nkind = \"evaluator\"\nmodel = \"policy\"\n"
            "questions = \"held_out\"\njudges = [\"check\"]\n";
      else
        flow += ", \"" + (*it)[1].str() + " -> generate\"";
    }
    text += "[graph]\nflow = [" + flow + "]\n";
    const auto loaded = graphs::load_graph_text(text, "own_data.toml", {}, kinds.contracts());
    INFO(text << loaded.rendered(false));
    CHECK(loaded.ok());
    for (const auto& found : loaded.diagnostics) CHECK(found.code != "W0612");
  }
}
