#include <iostream>

#include "actors/cli/commands.hpp"
#include "actors/cli/context.hpp"
#include "actors/cli/recipe.hpp"

namespace troupe::cli {

int check(const GraphArguments& arguments) {
  if (names_recipe(arguments)) return check_recipe(arguments);
  const graphs::LoadResult loaded = load(arguments, Asks::Fits);
  const auto& plan = loaded.plan;
  if (!plan) return kConfiguration;
  if (arguments.json)
    std::cout << R"({"diagnostics": [], "errors": 0})"
              << "\n";
  else
    std::cout << arguments.file << ": no problems. " << plan->stages.size() << " stages, "
              << plan->edges.size() << " edges"
              << (loaded.tests.empty() ? ""
                                       : ", " + std::to_string(loaded.tests.size()) +
                                             " tests (`troupe test` runs them)")
              << "\n";
  return kDone;
}

}  // namespace troupe::cli
