#pragma once
// What the tests of [[test]] tables share: graphs behind which tests are written, and their
// results. One thread; a graph that does not load fails the test that asked for it.
#include <string>
#include <vector>

#include "actors/cli/context.hpp"
#include "actors/cli/test_run.hpp"
#include "graphs/load.hpp"
#include "tests/catch.hpp"

namespace troupe::graph_tests {

/// The results of all tests of a graph.
inline std::vector<cli::TestResult> run(const std::string& graph) {
  const graphs::LoadResult loaded =
      graphs::load_graph_text(graph, "t.toml", {}, cli::all_kinds().contracts());
  INFO(loaded.rendered(false));
  REQUIRE(loaded.ok());
  std::vector<cli::TestResult> out;
  for (const graphs::TestPlan& test : loaded.tests)
    out.push_back(cli::run_test(*loaded.plan, test, cli::all_kinds()));
  return out;
}

inline std::string test(const std::string& send, const std::string& expect) {
  return "[[test]]\nname = \"t\"\nsend = { " + send + " }\nexpect = { " + expect + " }\n";
}

/// Whether the one test behind `graph` holds.
inline bool passes(const std::string& graph, const std::string& send, const std::string& expect) {
  const auto results = run(graph + test(send, expect));
  REQUIRE(results.size() == 1);
  INFO(results[0].failure);
  REQUIRE(results[0].failure.empty());
  REQUIRE_FALSE(results[0].findings.empty());
  for (const cli::TestFinding& finding : results[0].findings)
    UNSCOPED_INFO(finding.what << ": expected " << finding.expected << ", came " << finding.came);
  return results[0].passed();
}

}  // namespace troupe::graph_tests
