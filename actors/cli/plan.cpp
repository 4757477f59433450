#include <iostream>

#include "actors/cli/commands.hpp"
#include "actors/cli/context.hpp"
#include "actors/cli/recipe.hpp"
#include "graphs/print.hpp"

namespace troupe::cli {

int plan(const GraphArguments& arguments) {
  if (names_recipe(arguments)) return plan_recipe(arguments);
  const auto made = load(arguments, false).plan;
  if (!made) return kConfiguration;
  std::cout << (arguments.json ? graphs::plan_json(*made) + "\n" : graphs::print_plan(*made));
  return kDone;
}

}  // namespace troupe::cli
