#pragma once
// run_test: one [[test]] table, run by the production runtime and the production stages on the
// simulated host: in virtual time, in this thread, without models and without writing a file. What
// is judged is judged for real. Pure but for what verifiers do; one thread.
#include <optional>
#include <string>
#include <vector>

#include "actors/runtime/kinds.hpp"
#include "graphs/tests.hpp"
#include "schemas/messages.hpp"

namespace troupe::cli {

/// What became of one sample of a test.
struct TestedSample {
  Sample sample;                 // as it was last seen
  std::optional<End> end;        // nothing: it stands still somewhere
  std::string reason;            // of the end
  std::vector<Verdict> watched;  // verdicts of ways that only observe
};

/// One expectation about one sample.
struct TestFinding {
  std::size_t sample = 0;
  std::string what;      // "reward", "end", "check_math"
  std::string expected;  // "0.2"
  std::string came;      // "1.1"
  bool holds = false;
};

struct TestResult {
  std::string name;
  std::vector<TestedSample> samples;
  std::vector<TestFinding> findings;
  std::string failure;  // it could not be run; empty: it was

  bool passed() const;
};

/// `kinds` are those that `plan` was made with.
TestResult run_test(const graphs::Plan& plan, const graphs::TestPlan& test,
                    const runtime::KindSet& kinds);

}  // namespace troupe::cli
