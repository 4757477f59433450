#pragma once
// compose: the layers of a graph as one RawNode. From the lowest: what `extends` names (and what
// that extends), the file itself, every --with overlay, every assignment of a recipe's phase, every
// --set. Tables merge, other values replace; every value keeps its span, so it keeps its file and
// line. Internal to this folder. Reads files through ReadFile only; problems are findings.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "graphs/load.hpp"
#include "graphs/raw.hpp"

namespace troupe::graphs {

/// What a `remove` took away.
struct Removal {
  std::string path;  // "stage.check_format"
  Span span;
};

struct Composed {
  RawNode root;  // without `extends` and `remove`
  std::vector<Removal> removals;
  std::vector<std::uint32_t> layers;  // sources, from the lowest
};

/// What a phase of a recipe changes: the table of its `set`, with spans in `recipe`.
struct PhaseSet {
  const Source* recipe = nullptr;
  const RawNode* table = nullptr;
};

/// `sources` gets every text that was read: first the file, then its bases, overlays, sets. Nothing
/// when a file could not be read or is not TOML.
std::optional<Composed> compose(const GraphInput& input, const PhaseSet& phase,
                                const ReadFile& read, Sources& sources, Findings& findings);

/// "@phase/artifact" where a recipe gives a path.
struct ArtifactRef {
  std::string text;
  Span span;
};

/// load_graph for a phase. `artifacts`: what its `set` names of earlier phases.
LoadResult load_phase(const GraphInput& input, const PhaseSet& phase, const Kinds& kinds,
                      const LoadOptions& options, std::vector<ArtifactRef>& artifacts);

/// Lays `above` over `below`. `lowest`: there is nothing below that it could remove.
void lay_over(Composed& below, RawNode above, bool lowest, Findings& findings);

}  // namespace troupe::graphs
