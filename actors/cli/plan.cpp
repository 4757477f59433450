#include <filesystem>
#include <iostream>

#include "actors/cli/commands.hpp"
#include "actors/cli/context.hpp"
#include "actors/cli/invocation.hpp"
#include "actors/cli/recipe.hpp"
#include "actors/cli/resources.hpp"
#include "graphs/diff.hpp"
#include "graphs/print.hpp"

namespace troupe::cli {
namespace {

/// The plan of a graph file, or of a run as it was started. Nothing after the problems were shown.
std::optional<graphs::Plan> plan_of(const GraphArguments& arguments) {
  if (std::filesystem::is_regular_file(arguments.file)) {
    // A run knows absolute paths: so must the file, for one model to be the same in both.
    GraphArguments absolute = arguments;
    absolute.file = std::filesystem::absolute(arguments.file).lexically_normal().string();
    auto made = load(absolute, Asks::Nothing).plan;
    if (made) made->file = arguments.file;
    return made;
  }
  const auto run = find_run(arguments.file);
  if (!run) {
    complain(Error{ErrorCode::NotFound,
                   "'" + arguments.file + "' is neither a graph file nor a run",
                   "Name a .toml file, a run directory, or a name under runs/"});
    return std::nullopt;
  }
  const auto invocation = read_invocation(*run);
  if (!invocation) {
    complain(invocation.error());
    return std::nullopt;
  }
  auto made = load_run(*run, *invocation, arguments.sets, Asks::Files);
  if (!made) {
    complain(made.error());
    return std::nullopt;
  }
  if (*made) (*made)->file = *run;  // so that the heading names what was asked for
  return std::move(*made);
}

}  // namespace

int plan(const GraphArguments& arguments) {
  if (names_recipe(arguments)) return plan_recipe(arguments);
  const auto made = load(arguments, Asks::Nothing).plan;
  if (!made) return kConfiguration;
  const graphs::Resources here = resources_here(*made, false);
  std::cout << (arguments.json ? graphs::plan_json(*made, &here) + "\n"
                               : graphs::print_plan(*made, &here));
  return kDone;
}

int plan_difference(const std::string& before, const GraphArguments& after) {
  GraphArguments first;
  first.file = before;
  first.json = after.json;
  const auto old_plan = plan_of(first);
  if (!old_plan) return kConfiguration;
  const auto new_plan = plan_of(after);
  if (!new_plan) return kConfiguration;
  std::cout << (after.json ? graphs::difference_json(*old_plan, *new_plan)
                           : graphs::print_difference(*old_plan, *new_plan));
  return kDone;
}

}  // namespace troupe::cli
