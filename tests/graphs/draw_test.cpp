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

namespace {

/// A chain of `stages` filters between a source and a sink, with names of `width` letters.
std::string long_graph(int stages, std::size_t width) {
  std::string sections = "format = 1\n[stage.source]\nkind = \"samples\"\n", flow = "source";
  for (int i = 0; i < stages; ++i) {
    std::string name = "s" + std::to_string(i);
    name.resize(std::max(width, name.size()), 'x');
    sections += "[stage." + name + "]\nkind = \"verifier.format\"\n";
    flow += i % 4 == 1 ? " -> (" + name : i % 4 == 2 ? " & " + name + ")" : " -> " + name;
  }
  return sections + "[stage.out]\nkind = \"sink.jsonl\"\npath = \"x\"\n[graph]\nflow = [\"" + flow +
         " -> out\"]\n";
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t out = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
    ++out;
  }
  return out;
}

/// All numbers that follow ` name="`.
std::vector<int> attributes(const std::string& text, const std::string& name) {
  std::vector<int> out;
  const std::string what = " " + name + "=\"";
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
    out.push_back(std::atoi(text.c_str() + at + what.size()));
  }
  return out;
}

}  // namespace

TEST_CASE("a_picture_of_forty_stages_shows_all_of_them_side_by_side_or_below_each_other") {
  const Kinds kinds = test_kinds();
  for (const std::size_t width : {3u, 60u}) {
    const LoadResult result = load_graph_text(long_graph(40, width), "long.toml", {}, kinds);
    INFO(result.rendered(false));
    REQUIRE(result.ok());
    const std::string drawn = draw_svg(*result.plan);
    CHECK(count(drawn, "<rect class=\"box ") == 42);
    CHECK(count(drawn, "<circle class=\"joint\"") == 10);
    // No two boxes touch, and none is wider than a page column.
    struct Rect {
      int x, y, width, height;
    };
    std::vector<Rect> boxes;
    for (std::size_t at = drawn.find("<rect class=\"box "); at != std::string::npos;
         at = drawn.find("<rect class=\"box ", at + 1)) {
      const std::string one = drawn.substr(at, drawn.find("/>", at) - at);
      boxes.push_back({attributes(one, "x").at(0), attributes(one, "y").at(0),
                       attributes(one, "width").at(0), attributes(one, "height").at(0)});
    }
    const int whole = attributes(drawn, "width").at(0);
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      CHECK(boxes[i].width <= 420);
      CHECK(boxes[i].x >= 0);
      CHECK(boxes[i].x + boxes[i].width <= whole);
      for (std::size_t j = i + 1; j < boxes.size(); ++j) {
        const bool apart =
            boxes[i].x + boxes[i].width < boxes[j].x || boxes[j].x + boxes[j].width < boxes[i].x ||
            boxes[i].y + boxes[i].height < boxes[j].y || boxes[j].y + boxes[j].height < boxes[i].y;
        CHECK(apart);
      }
    }
  }
}

TEST_CASE("a_picture_says_what_the_graph_sets_and_escapes_it") {
  const Kinds kinds = test_kinds();
  const LoadResult result = load_graph_text(
      "format = 1\n[model.policy]\nload = \"a<b>&.gguf\"\n[stage.q]\nkind = "
      "\"dataset.arithmetic\"\n"
      "[stage.generate]\nkind = \"generator\"\nmodel = \"policy\"\nstop = [\"</s>\"]\n"
      "[stage.out]\nkind = \"sink.jsonl\"\npath = \"x\"\n[graph]\nflow = [\"q -> generate -> "
      "out\"]\n",
      "x.toml", {}, kinds);
  INFO(result.rendered(false));
  REQUIRE(result.ok());
  const std::string drawn = draw_svg(*result.plan);
  CHECK(drawn.find("stop = [&quot;&lt;/s&gt;&quot;]") != std::string::npos);
  CHECK(drawn.find("</s>") == std::string::npos);
  CHECK(drawn.find("at most 16 groups of 1 in flight") != std::string::npos);
  CHECK(drawn.find("prefers-color-scheme:dark") != std::string::npos);
}

TEST_CASE("routes_and_calls_are_drawn_in_every_format") {
  const Kinds kinds = test_kinds();
  const LoadResult result = load_graph(
      std::string(TROUPE_SOURCE_DIR) + "/tests/golden/graphs/good/routes.toml", {}, kinds);
  INFO(result.rendered(false));
  REQUIRE(result.ok());
  const Plan& plan = *result.plan;
  REQUIRE(plan.routes.size() == 1);
  REQUIRE(plan.calls.size() == 1);
  const std::string svg = draw_svg(plan);
  CHECK(count(svg, "class=\"line call\"") == 1);
  CHECK(count(svg, "class=\"head call\"") == 2);  // a call leads there and back
  CHECK(svg.find(">16 at once<") != std::string::npos);
  CHECK(svg.find(">task<") != std::string::npos);
  const std::string mermaid = draw_mermaid(plan);
  CHECK(mermaid.find("route0{\"task\"}") != std::string::npos);
  CHECK(mermaid.find("<-->|\"calls<br/>16 at once<br/>within 30s\"|") != std::string::npos);
  const std::string text = draw_text(plan, 200);
  CHECK(count(text, "▲") == 1);
  CHECK(text.find("calls, 16 at once, within 30s") != std::string::npos);
  // Every branch says whose samples go down it.
  for (const std::string task : {"math", "code", "small talk"}) {
    CHECK(svg.find(">" + task + "<") != std::string::npos);
    CHECK(mermaid.find("|\"" + task) != std::string::npos);
    CHECK(text.find(task) != std::string::npos);
    CHECK(draw_dot(plan).find("label=\"" + task) != std::string::npos);
  }
}
