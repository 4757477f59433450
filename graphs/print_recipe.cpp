// Recipes and their problems for people, and as JSON.
#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "graphs/canvas.hpp"
#include "graphs/display.hpp"
#include "graphs/recipe.hpp"

namespace troupe::graphs {
namespace {

using Json = nlohmann::ordered_json;

/// "6 stages: policy learns by learner.grpo, 200 steps".
std::string summary_of(const Plan& plan) {
  const auto in_flow = std::count_if(plan.stages.begin(), plan.stages.end(),
                                     [](const StagePlan& stage) { return stage.in_flow; });
  std::string out = fmt::format("{} stages", in_flow);
  for (const StagePlan& stage : plan.stages) {
    if (stage.in_flow && stage.contract->learns)
      out += fmt::format(", {} ({})", stage.name, stage.kind);
  }
  if (plan.gate && plan.gate->learner) {
    out +=
        fmt::format(", {} x {} samples a step", plan.gate->prompts_per_step, plan.gate->group_size);
  }
  out += plan.run.steps > 0 ? fmt::format(", {} steps", plan.run.steps) : ", until the data ends";
  return out;
}

std::string leaves_of(const Phase& phase) {
  std::string out;
  for (const Artifact& artifact : phase.leaves) {
    out += fmt::format("{}@{}/{}", out.empty() ? "" : ", ", phase.name, artifact.name);
  }
  return out;
}

}  // namespace

std::string RecipeResult::rendered(bool colour) const {
  std::string out = render(diagnostics, sources, colour);
  for (const PhaseGraph& phase : graphs) {
    if (phase.graph.diagnostics.empty()) continue;
    out += fmt::format("{}phase `{}`, {}:\n\n", out.empty() ? "" : "\n", phase.phase,
                       phase.graph.sources.front().name);
    out += phase.graph.rendered(colour);
  }
  return out;
}

std::string RecipeResult::rendered_json() const {
  Json out = Json::parse(render_json(diagnostics, sources));
  for (const PhaseGraph& phase : graphs) {
    Json more = Json::parse(phase.graph.rendered_json());
    for (Json& diagnostic : more["diagnostics"]) {
      diagnostic["phase"] = phase.phase;
      out["diagnostics"].push_back(std::move(diagnostic));
    }
    for (const char* count : {"errors", "warnings"}) {
      out[count] = out[count].get<std::size_t>() + more[count].get<std::size_t>();
    }
  }
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string print_recipe(const Recipe& recipe) {
  std::string out = fmt::format("recipe {}: {} phase{}\n", recipe.name, recipe.phases.size(),
                                recipe.phases.size() == 1 ? "" : "s");
  int number = 0;
  for (const Phase& phase : recipe.phases) {
    out += fmt::format("\n{}. {}  ({}, {})\n", ++number, phase.name, phase.graph.string(),
                       phase.origin.place);
    out += fmt::format("     plan    {}  (hash {})\n", summary_of(phase.plan), phase.plan.hash);
    for (const std::string& set : phase.sets) out += fmt::format("     set     {}\n", set);
    for (const TakenArtifact& taken : phase.takes) {
      out += fmt::format("     takes   @{}/{} as {}\n", taken.phase, taken.artifact, taken.key);
    }
    for (const Artifact& artifact : phase.leaves) {
      out +=
          fmt::format("     leaves  @{}/{}, from {}\n", phase.name, artifact.name, artifact.stage);
    }
  }
  return out;
}

std::string recipe_json(const Recipe& recipe) {
  Json out = {{"recipe", recipe.name}, {"file", recipe.file.string()}, {"phases", Json::array()}};
  for (const Phase& phase : recipe.phases) {
    Json one = {{"name", phase.name},
                {"graph", phase.graph.string()},
                {"from", phase.origin.place},
                {"hash", phase.plan.hash},
                {"set", phase.sets}};
    one["takes"] = one["leaves"] = Json::array();
    for (const TakenArtifact& taken : phase.takes) {
      one["takes"].push_back(
          {{"key", taken.key}, {"phase", taken.phase}, {"artifact", taken.artifact}});
    }
    for (const Artifact& artifact : phase.leaves) {
      one["leaves"].push_back({{"artifact", artifact.name}, {"stage", artifact.stage}});
    }
    out["phases"].push_back(std::move(one));
  }
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string draw_recipe(const Recipe& recipe) {
  Canvas canvas;
  std::vector<std::vector<std::string>> boxes;
  int width = 0;
  for (const Phase& phase : recipe.phases) {
    std::vector<std::string> lines{phase.name, phase.graph.filename().string()};
    if (const std::string leaves = leaves_of(phase); !leaves.empty()) {
      lines.push_back("leaves " + leaves);
    }
    for (const std::string& line : lines) width = std::max(width, display_width(line) + 4);
    boxes.push_back(std::move(lines));
  }
  const int middle = width / 2;
  int y = 0;
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    if (i > 0) {
      // One line for each thing that is taken; a phase that takes nothing begins afresh.
      const auto& takes = recipe.phases[i].takes;
      const int rows = std::max<int>(1, static_cast<int>(takes.size()));
      canvas.vertical(middle, y - 1, y + rows - 1, takes.empty());
      for (int row = 0; row < rows; ++row) {
        canvas.text(middle + 2, y + row,
                    takes.empty()
                        ? "then, from the start"
                        : fmt::format("@{}/{}", takes[static_cast<std::size_t>(row)].phase,
                                      takes[static_cast<std::size_t>(row)].artifact));
      }
      canvas.put(middle, y + rows - 1, U'▼');
      y += rows;
    }
    canvas.box(0, y, width, boxes[i]);
    y += static_cast<int>(boxes[i].size()) + 2;
  }
  return canvas.str();
}

}  // namespace troupe::graphs
