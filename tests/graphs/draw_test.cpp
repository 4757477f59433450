#include "graphs/canvas.hpp"
#include "graphs/display.hpp"
#include "graphs/load.hpp"
#include "graphs/print.hpp"
#include "tests/catch.hpp"
#include "tests/graphs/test_kinds.hpp"

using namespace troupe::graphs;

TEST_CASE("lines_of_a_canvas_meet_in_the_right_corners") {
  Canvas canvas;
  canvas.box(0, 0, 7, {"abc"});
  canvas.vertical(3, 2, 4);
  canvas.horizontal(4, 3, 8);
  canvas.vertical(8, 4, 5, true);
  CHECK(canvas.str() ==
        "┌─────┐\n"
        "│ abc │\n"
        "└──┬──┘\n"
        "   │\n"
        "   └────┐\n"
        "        ┆\n");
}

TEST_CASE("a_graph_too_wide_for_boxes_is_drawn_as_lines") {
  const Kinds kinds = test_kinds();
  const LoadResult result = load_graph(
      std::string(TROUPE_SOURCE_DIR) + "/tests/golden/graphs/good/quickstart.toml", {}, kinds);
  REQUIRE(result.ok());
  const std::string drawn = draw_text(*result.plan, 20);
  CHECK(drawn.find("┌") == std::string::npos);
  CHECK(drawn.find("(check_math & check_finished)") != std::string::npos);
  CHECK(drawn.find("gate: at most 32 groups of 8") != std::string::npos);
}

TEST_CASE("no_line_of_a_drawing_is_wider_than_asked_but_for_notes") {
  const Kinds kinds = test_kinds();
  const LoadResult result = load_graph(
      std::string(TROUPE_SOURCE_DIR) + "/tests/golden/graphs/good/many_sources.toml", {}, kinds);
  REQUIRE(result.ok());
  const std::string drawn = draw_text(*result.plan, 100);
  for (std::size_t begin = 0; begin < drawn.size();) {
    const std::size_t end = drawn.find('\n', begin);
    CHECK(display_width(std::string_view(drawn).substr(begin, end - begin)) <= 110);
    begin = end + 1;
  }
}

TEST_CASE("kinds_are_listed_and_explained_from_their_contracts") {
  const Kinds kinds = test_kinds();
  const std::string all = print_kinds(kinds);
  for (const Contract& contract : kinds.all()) {
    CHECK(all.find(contract.kind) != std::string::npos);
    const std::string one = print_kind(contract);
    for (const OptionSpec& option : contract.options) {
      CHECK(one.find(option.name) != std::string::npos);
      CHECK(one.find(option.doc) != std::string::npos);
    }
  }
  CHECK(kinds_json(kinds).find("\"group_size\"") != std::string::npos);
}

TEST_CASE("names_mean_nothing_to_mermaid") {
  Kinds kinds = test_kinds();
  const LoadResult result = load_graph_text(
      "format = 1\n[stage.end]\nkind = \"samples\"\n[stage.__init__]\nkind = \"sink.jsonl\"\n"
      "path = \"x\"\n[graph]\nflow = [\"end -> __init__\"]\n",
      "odd.toml", {}, kinds);
  INFO(result.rendered(false));
  REQUIRE(result.ok());
  const std::string drawn = draw_mermaid(*result.plan);
  CHECK(drawn.find("s0[\"end<br/>samples\"]") != std::string::npos);
  // Markdown would make __init__ bold.
  CHECK(drawn.find("[\"#95;#95;init#95;#95;<br/>") != std::string::npos);
  CHECK(drawn.find("  s0 --> s1\n") != std::string::npos);
}
