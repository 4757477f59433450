#pragma once
// Recipes on the command line: what `check`, `plan`, `draw` and `run` do when FILE is one.
#include <optional>
#include <string>

#include "actors/cli/commands.hpp"
#include "graphs/recipe.hpp"

namespace troupe::cli {

/// Whether the file that a command was given is a recipe.
bool names_recipe(const GraphArguments& arguments);

/// The recipe and its phases; shows problems as `load` does. Not ok: `status` is what to exit with.
graphs::RecipeResult load_recipe(const GraphArguments& arguments, bool check_files, int& status);

int check_recipe(const GraphArguments& arguments);
int plan_recipe(const GraphArguments& arguments);
int draw_recipe(const GraphArguments& arguments, const std::string& format);
/// Says that recipes are not run yet, and how to run their phases by hand.
int run_recipe(const GraphArguments& arguments);

}  // namespace troupe::cli
