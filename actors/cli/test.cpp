#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "actors/cli/commands.hpp"
#include "actors/cli/context.hpp"
#include "actors/cli/recipe.hpp"
#include "actors/cli/test_run.hpp"

namespace troupe::cli {
namespace {

using Json = nlohmann::ordered_json;

bool colour_on_stdout() { return isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr; }

std::string coloured(const char* code, const std::string& text) {
  return colour_on_stdout() ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
}

std::string verdict_line(const Verdict& verdict) {
  return fmt::format("{}: {}{}", verdict.component,
                     verdict.outcome == Outcome::Scored ? fmt::format("{:.6g}", verdict.score)
                                                        : std::string(name_of(verdict.outcome)),
                     verdict.detail.empty() ? "" : ": " + verdict.detail);
}

/// The verdicts of one sample, once each.
std::vector<Verdict> verdicts_of(const TestedSample& tested) {
  std::vector<Verdict> out = tested.sample.verdicts;
  for (const Verdict& verdict : tested.watched) {
    const bool known = std::any_of(out.begin(), out.end(), [&](const Verdict& other) {
      return other.component == verdict.component;
    });
    if (!known) out.push_back(verdict);
  }
  return out;
}

void print_failure(const graphs::TestPlan& test, const TestResult& result) {
  if (!result.failure.empty()) {
    std::cout << "      could not be run: " << result.failure << "\n";
    return;
  }
  for (std::size_t i = 0; i < result.samples.size(); ++i) {
    const auto of_sample = [&](const TestFinding& finding) {
      return finding.sample == i && !finding.holds;
    };
    if (std::none_of(result.findings.begin(), result.findings.end(), of_sample)) continue;
    const std::string sample = result.samples.size() > 1 ? fmt::format("sample {}: ", i + 1) : "";
    for (const TestFinding& finding : result.findings) {
      if (!of_sample(finding)) continue;
      std::cout << fmt::format("      {}{}: expected {}, came {}\n", sample, finding.what,
                               finding.expected, finding.came);
    }
    const TestedSample& tested = result.samples[i];
    std::cout << "        sent to " << test.to << ": "
              << Json(test.samples[i].text).dump(-1, ' ', false, Json::error_handler_t::replace)
              << "\n";
    for (const Verdict& verdict : verdicts_of(tested))
      std::cout << "        " << verdict_line(verdict) << "\n";
    if (tested.sample.reward)
      std::cout << fmt::format("        reward: {:.6g}\n", *tested.sample.reward);
    if (tested.end)
      std::cout << "        end: " << name_of(*tested.end)
                << (tested.reason.empty() ? "" : ": " + tested.reason) << "\n";
  }
}

void print_result(const graphs::TestPlan& test, const TestResult& result) {
  const bool passed = result.passed();
  std::cout << (passed ? coloured("32", "ok  ") : coloured("1;31", "FAIL")) << "  " << test.name;
  if (!passed) std::cout << "  (" << test.origin.place << ")";
  std::cout << "\n";
  if (!passed) print_failure(test, result);
}

Json json_of(const graphs::TestPlan& test, const TestResult& result) {
  Json out = {{"name", test.name}, {"from", test.origin.place}, {"passed", result.passed()}};
  if (!result.failure.empty()) out["failure"] = result.failure;
  out["expectations"] = out["samples"] = Json::array();
  for (const TestFinding& finding : result.findings) {
    out["expectations"].push_back({{"sample", finding.sample},
                                   {"of", finding.what},
                                   {"expected", finding.expected},
                                   {"came", finding.came},
                                   {"holds", finding.holds}});
  }
  for (const TestedSample& tested : result.samples) {
    Json sample = {{"end", tested.end ? Json(name_of(*tested.end)) : Json()},
                   {"reason", tested.reason},
                   {"reward", tested.sample.reward ? Json(*tested.sample.reward) : Json()}};
    sample["verdicts"] = Json::object();
    for (const Verdict& verdict : verdicts_of(tested)) {
      sample["verdicts"][verdict.component] = {{"outcome", name_of(verdict.outcome)},
                                               {"score", verdict.score},
                                               {"detail", verdict.detail}};
    }
    out["samples"].push_back(std::move(sample));
  }
  return out;
}

/// A graph whose tests are run; of a recipe, the graph of one phase.
struct Tested {
  std::string phase;  // empty: there are no phases
  const graphs::Plan* plan;
  const std::vector<graphs::TestPlan>* tests;
};

Error no_such_test(const std::string& only, const std::string& file,
                   const std::vector<Tested>& graphs) {
  std::string names;
  for (const Tested& graph : graphs) {
    for (const graphs::TestPlan& test : *graph.tests)
      names += fmt::format("\n          \"{}\"", test.name);
  }
  return Error{ErrorCode::InvalidArgument, fmt::format("no test of {} is named \"{}\"", file, only),
               "Its tests:" + names};
}

int run_tests(const GraphArguments& arguments, const std::string& only,
              const std::vector<Tested>& graphs) {
  const auto chosen = [&](const graphs::TestPlan& test) {
    return only.empty() || test.name == only;
  };
  std::size_t all = 0, fitting = 0;
  for (const Tested& graph : graphs) {
    all += graph.tests->size();
    fitting +=
        static_cast<std::size_t>(std::count_if(graph.tests->begin(), graph.tests->end(), chosen));
  }
  if (all == 0)
    return complain(Error{ErrorCode::NotFound, arguments.file + " has no [[test]] tables",
                          "docs/testing_rewards.md shows how to write one"},
                    kConfiguration);
  if (fitting == 0) return complain(no_such_test(only, arguments.file, graphs), kUsage);
  std::size_t passed = 0, failed = 0;
  Json tests = Json::array();
  for (const Tested& graph : graphs) {
    const bool any = std::any_of(graph.tests->begin(), graph.tests->end(), chosen);
    if (any && !graph.phase.empty() && !arguments.json)
      std::cout << "phase " << graph.phase << "\n";
    for (const graphs::TestPlan& test : *graph.tests) {
      if (!chosen(test)) continue;
      const TestResult result = run_test(*graph.plan, test, all_kinds());
      ++(result.passed() ? passed : failed);
      if (arguments.json) {
        tests.push_back(json_of(test, result));
        if (!graph.phase.empty()) tests.back()["phase"] = graph.phase;
      } else {
        print_result(test, result);
      }
    }
  }
  if (arguments.json) {
    const Json out = {{"passed", passed}, {"failed", failed}, {"tests", tests}};
    std::cout << out.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
  } else {
    std::cout << fmt::format("\n{} passed, {} failed\n", passed, failed);
  }
  return failed == 0 ? kDone : kRunFailed;
}

}  // namespace

int test(const GraphArguments& arguments, const std::string& only) {
  if (names_recipe(arguments)) {
    int status = kDone;
    const graphs::RecipeResult loaded = load_recipe(arguments, false, status);
    if (!loaded.ok()) return status;
    std::vector<Tested> graphs;
    for (const auto& phase : loaded.graphs)
      graphs.push_back({phase.phase, &*phase.graph.plan, &phase.graph.tests});
    return run_tests(arguments, only, graphs);
  }
  const graphs::LoadResult loaded = load(arguments, Asks::Nothing);
  if (!loaded.ok()) return kConfiguration;
  return run_tests(arguments, only, {{"", &*loaded.plan, &loaded.tests}});
}

}  // namespace troupe::cli
