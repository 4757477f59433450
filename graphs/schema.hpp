#pragma once
// graph_schema: a JSON schema of graph files and recipes, made from contracts, with which an editor
// completes and checks them while they are typed. Draft 7, because the TOML plugins (Taplo, Even
// Better TOML, Tombi) know it and it has if/then. A schema sees one file and no flow: what only
// `troupe check` can see (names, ports, cycles, numbers that must fit each other) it lets pass.
// Pure function.
#include <string>

#include "graphs/contract.hpp"

namespace troupe::graphs {

/// JSON, ends with a newline.
std::string graph_schema(const Kinds& kinds);

}  // namespace troupe::graphs
