// Looks at one graph with the contracts of the tests.
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "graphs/load.hpp"
#include "graphs/print.hpp"
#include "graphs/schema.hpp"
#include "tests/graphs/test_kinds.hpp"

int main(int argc, char** argv) {
  using namespace troupe::graphs;
  const Kinds kinds = test_kinds();
  const std::string command = argc > 1 ? argv[1] : "";
  if (command == "kinds") {
    const Contract* one = argc > 2 ? kinds.find(argv[2]) : nullptr;
    std::cout << (one ? print_kind(*one) : print_kinds(kinds));
    return 0;
  }
  if (command == "schema") {
    std::cout << graph_schema(kinds);
    return 0;
  }
  if (command == "explain") {
    for (const auto code : all_codes()) std::cout << explain(code) << "\n";
    return 0;
  }
  if (argc < 3) {
    std::cerr << "graph_tool check|plan|json|draw|dot|mermaid|svg FILE [--set KEY=VALUE]... | "
                 "kinds [KIND] | schema | "
                 "explain\n";
    return 2;
  }
  GraphInput input{argv[2]};
  bool colour = false;
  LoadOptions options;
  for (int i = 3; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--set" && i + 1 < argc) input.sets.push_back(argv[++i]);
    if (argument == "--with" && i + 1 < argc) input.overlays.push_back(argv[++i]);
    if (argument == "--colour") colour = true;
    if (argument == "--files") options.check_files = true;
  }
  const LoadResult result = load_graph(input, kinds, options);
  std::cerr << (command == "json" && !result.ok() ? result.rendered_json()
                                                  : result.rendered(colour));
  if (!result.ok()) return 78;
  if (command == "plan") std::cout << print_plan(*result.plan);
  if (command == "json") std::cout << plan_json(*result.plan);
  if (command == "draw") std::cout << draw_text(*result.plan);
  if (command == "dot") std::cout << draw_dot(*result.plan);
  if (command == "mermaid") std::cout << draw_mermaid(*result.plan);
  if (command == "svg") std::cout << draw_svg(*result.plan);
  return 0;
}
