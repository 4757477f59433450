#pragma once
// TestPlan: one checked [[test]] table: which samples enter the graph where, which part of it runs,
// and what is expected of them. `troupe test` runs it (actors/cli/test_run.hpp). Only load_graph
// makes one, with the Plan that its indices point into. A value; read-only; any thread.
#include <string>
#include <variant>
#include <vector>

#include "graphs/plan.hpp"

namespace troupe::graphs {

/// One completion that a test sends.
struct TestSample {
  std::string text;
  bool finished = true;      // the model ended it by itself
  std::uint32_t tokens = 0;  // that it would have had
};

/// What a test expects of one thing. A number is a score or a reward. A text: for a verdict its
/// outcome, or "absent"; for the reward "none"; for the end its name.
struct Expectation {
  using Expected = std::variant<double, std::string>;
  std::string what;              // "reward", "end", or the stage that judges
  std::vector<Expected> values;  // one per sample
};

struct TestPlan {
  std::string name;
  Origin origin;
  std::string to;  // the stage that [[test]] names
  /// The output that gives the samples: the one that feeds `to`, or where the outermost ( & )
  /// begins that `to` stands in, so that all of its branches see them.
  PortRef entry;
  std::vector<TestSample> samples;  // one group
  std::string question, answer, task;
  double tolerance = 1e-6;  // of numbers
  std::vector<Expectation> expectations;

  std::vector<bool> runs;  // by stage: takes part as it is
  std::vector<bool> ends;  // by stage: a learner or a sink, which samples only reach
};

/// What stands in for the stages at the border of a test's part of the graph. `troupe test` gives
/// each a kind; `contracts` of TestGraph declare their ports.
inline constexpr std::string_view kTestSource = "test.source";
inline constexpr std::string_view kTestEntry = "test.entry";
inline constexpr std::string_view kTestEnd = "test.end";

/// The part of a graph that a test runs, as a plan of its own: one prompt, from a source that was
/// added, goes through the gate to the stage of `entry`, which gives the samples; learners and
/// sinks are ends. Stages keep their indices.
struct TestGraph {
  Plan plan;
  std::vector<Contract> contracts;  // of the kinds that stand in; of kind "test.end.NAME" ...
};
TestGraph graph_of_test(const Plan& plan, const TestPlan& test);

}  // namespace troupe::graphs
