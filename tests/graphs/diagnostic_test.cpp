#include "graphs/diagnostic.hpp"

#include <nlohmann/json.hpp>

#include "graphs/load.hpp"
#include "tests/catch.hpp"
#include "tests/graphs/test_kinds.hpp"

using namespace troupe::graphs;

namespace {

Diagnostic at(std::uint32_t begin, std::uint32_t end, std::string label) {
  Diagnostic out;
  out.code = "E0000";
  out.message = "m";
  out.primary = {Span{0, begin, end}, std::move(label)};
  return out;
}

}  // namespace

TEST_CASE("columns_count_characters_and_lines_count_line_breaks") {
  const Source source{"f", "é = 1\r\n\tx = 2\n", true};
  CHECK(position_of(source, 0).column == 1);
  CHECK(position_of(source, 3).column == 3);  // é has two bytes
  const Position x = position_of(source, 9);
  CHECK(x.line == 2);
  CHECK(x.column == 2);
  CHECK(position_of(source, 1000).line == 3);  // behind the end
}

TEST_CASE("underlines_stand_below_wide_and_combined_characters_and_tabs") {
  Sources sources;
  sources.push_back({"f", "\t数 e\xCC\x81 x\n", true});
  const std::string text = sources[0].text;
  const auto x = static_cast<std::uint32_t>(text.find('x'));
  const std::string shown = render({at(x, x + 1, "here")}, sources, false);
  // Four columns for the tab, two for the ideograph, one for e with its accent.
  CHECK(shown.find("1 |     数 e\xCC\x81 x\n") != std::string::npos);
  CHECK(shown.find("  |          ^ here\n") != std::string::npos);
}

TEST_CASE("control_characters_of_a_file_never_reach_the_terminal") {
  Sources sources;
  sources.push_back({"f", "a = \x1b[31m \x07\xff\n", true});
  const std::string shown = render({at(0, 1, "")}, sources, false);
  CHECK(shown.find('\x1b') == std::string::npos);
  CHECK(shown.find('\x07') == std::string::npos);
  CHECK(shown.find('\xff') == std::string::npos);
}

TEST_CASE("colour_is_written_only_when_asked_for") {
  Sources sources;
  sources.push_back({"f", "abc\n", true});
  CHECK(render({at(0, 1, "x")}, sources, false).find('\x1b') == std::string::npos);
  CHECK(render({at(0, 1, "x")}, sources, true).find("\x1b[1;31merror") != std::string::npos);
  CHECK(render({}, sources, true).empty());
}

TEST_CASE("json_says_the_same_as_the_text") {
  const Kinds kinds = test_kinds();
  const LoadResult result = load_graph(
      std::string(TROUPE_SOURCE_DIR) + "/tests/golden/graphs/types_do_not_fit.toml", {}, kinds);
  const auto json = nlohmann::json::parse(result.rendered_json());
  REQUIRE(json.at("errors") == 1);
  const auto& first = json.at("diagnostics").at(0);
  CHECK(first.at("code") == "E0401");
  CHECK(first.at("line") == 36);
  CHECK(first.at("column") == 17);
  CHECK(first.at("end_column") == 27);
  CHECK(first.at("secondary").at(0).at("column") == 4);
  CHECK_FALSE(first.at("help").empty());
}

TEST_CASE("windows_line_ends_and_a_byte_order_mark_change_nothing") {
  const Kinds kinds = test_kinds();
  std::string text =
      "\xEF\xBB\xBF"
      "format = 1\r\n[run]\r\nsteps = 1\r\nnam = 2\r\n";
  const LoadResult result = load_graph_text(text, "f.toml", {}, kinds);
  bool found = false;
  for (const Diagnostic& diagnostic : result.diagnostics) {
    if (diagnostic.code != "E0106") continue;
    found = true;
    const Position position = position_of(result.sources[0], diagnostic.primary.span.begin);
    CHECK(position.line == 4);
    CHECK(position.column == 1);
  }
  CHECK(found);
  CHECK(result.rendered(false).find('\r') == std::string::npos);
}
