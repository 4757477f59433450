#pragma once
// Recipe: an ordered set of graphs (phases); what one phase leaves is named "@phase/artifact" in
// the `set` of a later one. load_recipe reads the file and every graph it names, checks all of them
// with what `set` changes, and gives the recipe or everything that is wrong, phase by phase. A
// value; read-only; any thread. The plans point into the Kinds they were made with.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "graphs/load.hpp"

namespace troupe::graphs {

/// What a finished phase leaves for later ones.
struct Artifact {
  std::string name;   // "checkpoint", or the name of a file that a stage writes
  std::string stage;  // that leaves it
};

/// One value that a phase takes from an earlier one.
struct TakenArtifact {
  std::string key;  // "model.policy.load"
  std::string phase, artifact;
};

struct Phase {
  std::string name;
  std::filesystem::path graph;    // as it is found from here
  std::vector<std::string> sets;  // "model.policy.load=@cold_start/checkpoint", as --set writes it
  std::vector<TakenArtifact> takes;
  std::vector<Artifact> leaves;
  Plan plan;  // with `sets`; paths "@phase/artifact" stand in it as they are
  Origin origin;
};

struct Recipe {
  std::filesystem::path file;
  std::string name;  // left out: the file's name
  std::vector<Phase> phases;
};

struct RecipeResult {
  std::optional<Recipe> recipe;         // present exactly when no diagnostic is an error
  std::vector<Diagnostic> diagnostics;  // of the recipe itself
  Sources sources;
  /// The graph of every phase that could be read, with its problems.
  struct PhaseGraph {
    std::string phase;
    LoadResult graph;
  };
  std::vector<PhaseGraph> graphs;

  bool ok() const { return recipe.has_value(); }
  std::string rendered(bool colour) const;
  std::string rendered_json() const;
};

/// Whether `file` is a recipe: it says so by [recipe] or [[phase]].
bool is_recipe(const std::filesystem::path& file, const ReadFile& read = files_on_disk());

RecipeResult load_recipe(const std::filesystem::path& file, const Kinds& kinds,
                         const LoadOptions& options = {});

/// What a run of this plan leaves.
std::vector<Artifact> artifacts_of(const Plan& plan);

/// The phases in order, what each takes and leaves, and its plan in a line.
std::string print_recipe(const Recipe& recipe);
std::string recipe_json(const Recipe& recipe);
/// The phases as boxes below each other, with what goes from one to the next.
std::string draw_recipe(const Recipe& recipe);

}  // namespace troupe::graphs
