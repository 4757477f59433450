#include <iostream>

#include "actors/cli/commands.hpp"
#include "actors/cli/context.hpp"
#include "graphs/print.hpp"
#include "graphs/schema.hpp"

namespace troupe::cli {

int kinds(const std::string& kind, bool json) {
  const graphs::Kinds& all = all_kinds().contracts();
  if (json) {
    std::cout << graphs::kinds_json(all) << "\n";
    return kDone;
  }
  if (kind.empty()) {
    std::cout << graphs::print_kinds(all) << "\nPorts and options of one kind: troupe kinds KIND\n";
    return kDone;
  }
  const graphs::Contract* found = all.find(kind);
  if (found == nullptr) {
    std::cerr << "error: there is no kind '" << kind
              << "'\n  help: `troupe kinds` lists them all\n";
    return kUsage;
  }
  std::cout << graphs::print_kind(*found);
  return kDone;
}

int schema() {
  std::cout << graphs::graph_schema(all_kinds().contracts());
  return kDone;
}

int explain(const std::string& code) {
  const std::string text = graphs::explain(code);
  if (text.empty()) {
    std::cerr << "error: there is no code '" << code << "'\n  help: codes look like E0107; they "
              << "stand in brackets in what `troupe check` prints\n";
    return kUsage;
  }
  std::cout << text;
  return kDone;
}

}  // namespace troupe::cli
