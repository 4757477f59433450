#include "graphs/flow.hpp"

#include <numeric>

#include "schemas/base/rng.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::graphs;

namespace {

FlowPlaces places_of(std::string_view text) {
  std::vector<std::uint32_t> map(text.size() + 1);
  std::iota(map.begin(), map.end(), 0u);
  return FlowPlaces(Span{0, 0, static_cast<std::uint32_t>(text.size())}, map);
}

struct Parsed {
  FlowChain chain;
  std::vector<Diagnostic> problems;
};

Parsed parse(std::string_view text) {
  Findings findings;
  Parsed out;
  out.chain = parse_flow(text, places_of(text), findings);
  out.problems = findings.take();
  return out;
}

std::string name(Rng& rng) {
  static const char* kNames[] = {"a", "b", "check_math", "r1-zero", "_x", "learn2", "else_where"};
  return kNames[rng.below(std::size(kNames))];
}

/// A random flow, as text in its normal form.
std::string chain(Rng& rng, int depth);

std::string node(Rng& rng, int depth) {
  const auto choice = depth > 0 ? rng.below(4) : 3;
  if (choice == 0 || choice == 1) {
    const bool route = choice == 1;
    std::string out = route ? "[" : "(";
    const auto branches = 1 + rng.below(3);
    for (std::uint64_t i = 0; i < branches; ++i) {
      if (i > 0) out += route ? ", " : " & ";
      if (route) out += (i + 1 == branches ? "else" : name(rng)) + ": ";
      out += chain(rng, depth - 1);
    }
    return out + (route ? "]" : ")");
  }
  std::string out = name(rng);
  if (rng.below(3) == 0) out += "." + std::string(rng.below(2) ? "weights" : "samples");
  return out;
}

std::string chain(Rng& rng, int depth) {
  static const char* kArrows[] = {" -> ", " -> ", " ~> ", " <-> "};
  std::string out = node(rng, depth);
  for (auto i = rng.below(4); i > 0; --i) out += kArrows[rng.below(4)] + node(rng, depth);
  return out;
}

/// The same flow with other blanks; a name and the '-' of an arrow may touch.
std::string respaced(Rng& rng, const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c != ' ') {
      out += c;
    } else if (rng.below(2)) {
      out += rng.below(2) ? "  " : "\t ";
    }
  }
  return out;
}

}  // namespace

TEST_CASE("a_flow_reads_back_what_it_prints") {
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    Rng rng(seed);
    const std::string text = chain(rng, 4);
    const Parsed parsed = parse(text);
    INFO("seed " << seed << ": " << text);
    REQUIRE(parsed.problems.empty());
    REQUIRE(text_of(parsed.chain) == text);
  }
}

TEST_CASE("blanks_do_not_change_a_flow") {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    Rng rng(seed, 1);
    const std::string text = chain(rng, 3);
    const std::string other = respaced(rng, text);
    const Parsed parsed = parse(other);
    INFO("seed " << seed << ": " << other);
    REQUIRE(parsed.problems.empty());
    REQUIRE(text_of(parsed.chain) == text);
  }
}

TEST_CASE("every_reference_of_a_flow_knows_its_place") {
  const std::string text = "questions -> (check_math & b.samples) ~> learn.weights";
  const Parsed parsed = parse(text);
  REQUIRE(parsed.problems.empty());
  const auto at = [&](const Span& span) { return text.substr(span.begin, span.end - span.begin); };
  CHECK(at(parsed.chain.nodes[0].ref.span) == "questions");
  CHECK(at(parsed.chain.nodes[1].span) == "(check_math & b.samples)");
  const FlowRef& b = parsed.chain.nodes[1].branches[1].chain.nodes[0].ref;
  CHECK(at(b.span) == "b.samples");
  CHECK(at(b.stage_span) == "b");
  CHECK(at(b.port_span) == "samples");
  CHECK(at(parsed.chain.arrows[1].span) == "~>");
}

TEST_CASE("a_mistake_in_a_flow_does_not_hide_the_next") {
  const Parsed parsed = parse("a -> -> b (c & d) => e)");
  std::vector<std::string> codes;
  for (const Diagnostic& problem : parsed.problems) codes.push_back(problem.code);
  CHECK(codes == std::vector<std::string>{"E0301", "E0302", "E0304", "E0303"});
}

TEST_CASE("deep_brackets_end_in_a_diagnostic_and_not_in_a_crash") {
  for (const char* open : {"(", "[a: ", "(b & ("}) {
    std::string text;
    for (int i = 0; i < 20000; ++i) text += open;
    const Parsed parsed = parse(text + "x");
    REQUIRE(parsed.problems.size() == 1);
    CHECK(parsed.problems.front().code == "E0306");
  }
}

TEST_CASE("any_bytes_are_read_as_a_flow_without_a_crash") {
  static const char kBytes[] = "ab.()[]&,:-<>~= \t\n\\\"\xc3\xa9\xff";
  for (std::uint64_t seed = 0; seed < 20000; ++seed) {
    Rng rng(seed, 2);
    std::string text;
    for (auto length = rng.below(30); length > 0; --length) {
      text += kBytes[rng.below(sizeof(kBytes) - 1)];
    }
    const Parsed parsed = parse(text);
    for (const Diagnostic& problem : parsed.problems) {
      INFO("seed " << seed);
      REQUIRE(problem.primary.span.begin <= problem.primary.span.end);
      REQUIRE(problem.primary.span.end <= text.size() + 1);
    }
  }
}

TEST_CASE("names_of_stages_are_those_a_flow_can_hold") {
  for (const char* good : {"a", "_a", "A1", "check_math", "r1-zero"}) CHECK(is_stage_name(good));
  for (const char* bad : {"", "1a", "-a", "a-", "a b", "a.b", "else", "é", "a>"}) {
    CHECK_FALSE(is_stage_name(bad));
  }
  CHECK_FALSE(is_stage_name(std::string(65, 'a')));
}
