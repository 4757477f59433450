#include <iostream>

#include "actors/cli/commands.hpp"
#include "actors/cli/context.hpp"
#include "actors/cli/recipe.hpp"
#include "graphs/print.hpp"

namespace troupe::cli {

int draw(const GraphArguments& arguments, const std::string& format) {
  if (names_recipe(arguments)) return draw_recipe(arguments, format);
  const auto made = load(arguments, Asks::Nothing).plan;
  if (!made) return kConfiguration;
  std::cout << (format == "dot"       ? graphs::draw_dot(*made)
                : format == "mermaid" ? graphs::draw_mermaid(*made)
                : format == "svg"     ? graphs::draw_svg(*made)
                                      : graphs::draw_text(*made));
  return kDone;
}

}  // namespace troupe::cli
