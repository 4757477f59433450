#pragma once
// Invocation: what a later command needs beside graph.toml to make the same plan again, without any
// of the files that the run was started from: where graph.toml was (relative paths in it count from
// there), copies of the files that it extends and of the overlays (in sources/), and what --set
// said. Written when a run begins and when a resume changes more; read by `resume` and `eval`.
// Plain functions, one thread at a time.
#include <filesystem>
#include <string>
#include <vector>

#include "actors/cli/commands.hpp"
#include "actors/cli/context.hpp"
#include "graphs/load.hpp"
#include "schemas/base/result.hpp"

namespace troupe::cli {

struct Invocation {
  struct File {
    std::string path;  // where it was: absolute and normal
    std::string text;
  };
  std::string graph;                  // absolute and normal
  std::vector<std::string> overlays;  // of --with, in order; absolute and normal
  std::vector<std::string> sets;      // in order; paths in them are absolute
  std::vector<File> files;            // what `graph` extends, and the overlays
};

/// What `arguments` led to, when that has a plan.
Invocation invocation_of(const GraphArguments& arguments, const graphs::LoadResult& loaded);

Result<void> write_invocation(const std::filesystem::path& run, const Invocation& invocation);
/// NotFound: the process died before it was written. Corrupt: damaged.
Result<Invocation> read_invocation(const std::filesystem::path& run);

/// `sets` with the relative paths in them made absolute, so that they mean the same wherever the
/// next command is typed. `plan`: what the sets led to.
std::vector<std::string> with_absolute_paths(std::vector<std::string> sets,
                                             const graphs::Plan& plan);

/// The graph of a run as it was started, from its own graph.toml, and changed by `more`. Problems
/// are shown as `load` shows them; no plan then.
Result<std::optional<graphs::Plan>> load_run(const std::filesystem::path& run,
                                             const Invocation& invocation,
                                             const std::vector<std::string>& more, Asks asks);

}  // namespace troupe::cli
