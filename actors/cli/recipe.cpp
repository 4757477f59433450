#include "actors/cli/recipe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "actors/cli/context.hpp"

namespace troupe::cli {
namespace {

/// What a person names instead of "@phase/artifact".
std::string by_hand(const graphs::Recipe& recipe, const graphs::TakenArtifact& taken) {
  if (taken.artifact == "checkpoint")
    return fmt::format("{}_RUN/checkpoints/STEP/model", taken.phase);
  for (const graphs::Phase& phase : recipe.phases) {
    if (phase.name != taken.phase) continue;
    for (const graphs::Artifact& artifact : phase.leaves) {
      if (artifact.name != taken.artifact) continue;
      const graphs::StagePlan& stage = phase.plan.stage(artifact.stage);
      for (const graphs::OptionSpec& spec : stage.contract->options) {
        if (spec.leaves && stage.has(spec.name)) return stage.option(spec.name).as_string();
      }
    }
  }
  return taken.artifact;
}

std::string shell_word(const std::string& word) {
  const bool plain = word.find_first_of(" '\"\\$`()[]{}&|;<>*?!#~") == std::string::npos;
  if (plain) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string command_of(const graphs::Recipe& recipe, const graphs::Phase& phase) {
  std::string out = "troupe run " + shell_word(phase.graph.string());
  for (std::string set : phase.sets) {
    for (const graphs::TakenArtifact& taken : phase.takes) {
      const std::string name = fmt::format("@{}/{}", taken.phase, taken.artifact);
      if (set.starts_with(taken.key + "=") && set.ends_with(name))
        set.replace(set.size() - name.size(), name.size(), by_hand(recipe, taken));
    }
    out += " --set " + shell_word(set);
  }
  return out;
}

}  // namespace

graphs::RecipeResult load_recipe(const GraphArguments& arguments, bool check_files, int& status) {
  if (!arguments.overlays.empty() || !arguments.sets.empty()) {
    status = complain(Error{ErrorCode::InvalidArgument, "a recipe takes no --with and no --set",
                            "Write the change into the `set` of its phase"},
                      kUsage);
    return {};
  }
  graphs::LoadOptions options;
  options.check_files = check_files;
  graphs::RecipeResult loaded =
      graphs::load_recipe(arguments.file, all_kinds().contracts(), options);
  if (arguments.json && !loaded.ok())
    std::cout << loaded.rendered_json() << std::endl;
  else
    std::cerr << loaded.rendered(colour_on_stderr());
  status = loaded.ok() ? kDone : kConfiguration;
  return loaded;
}

bool names_recipe(const GraphArguments& arguments) { return graphs::is_recipe(arguments.file); }

int check_recipe(const GraphArguments& arguments) {
  int status = kDone;
  const auto recipe = load_recipe(arguments, true, status).recipe;
  if (!recipe) return status;
  if (arguments.json)
    std::cout << R"({"diagnostics": [], "errors": 0})"
              << "\n";
  else
    std::cout << fmt::format("{}: no problems. A recipe of {} phase{}\n", arguments.file,
                             recipe->phases.size(), recipe->phases.size() == 1 ? "" : "s");
  return kDone;
}

int plan_recipe(const GraphArguments& arguments) {
  int status = kDone;
  const auto recipe = load_recipe(arguments, false, status).recipe;
  if (recipe)
    std::cout << (arguments.json ? graphs::recipe_json(*recipe) : graphs::print_recipe(*recipe));
  return status;
}

int draw_recipe(const GraphArguments& arguments, const std::string& format) {
  int status = kDone;
  const auto recipe = load_recipe(arguments, false, status).recipe;
  if (!recipe) return status;
  if (format != "text")
    return complain(Error{ErrorCode::Unsupported, "a recipe is drawn as text only",
                          "Leave out --format, or draw the graph of one phase"},
                    kUsage);
  std::cout << graphs::draw_recipe(*recipe);
  return kDone;
}

int run_recipe(const GraphArguments& arguments) {
  int status = kDone;
  const auto recipe = load_recipe(arguments, true, status).recipe;
  if (!recipe) return status;
  std::string help =
      "Run its phases one after another; PHASE_RUN is the run directory that a phase names at its "
      "end:";
  for (const graphs::Phase& phase : recipe->phases)
    help += fmt::format("\n          {}", command_of(*recipe, phase));
  return complain(
      Error{ErrorCode::Unsupported,
            arguments.file + " is a recipe, and running recipes is not there yet", help},
      kConfiguration);
}

}  // namespace troupe::cli
