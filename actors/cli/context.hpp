#pragma once
// What commands share: the kinds, how a graph is loaded and its problems are shown, exit statuses.
#include <optional>
#include <string>
#include <vector>

#include "actors/cli/commands.hpp"
#include "actors/runtime/kinds.hpp"
#include "graphs/load.hpp"

namespace troupe::cli {

// Exit statuses, as `troupe --help` lists them.
inline constexpr int kDone = 0;
inline constexpr int kRunFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kConfiguration = 78;
inline constexpr int kInterrupted = 130;

inline constexpr const char* kVersion = "0.1.0";

/// Every kind, registered once. Lives as long as the process.
const runtime::KindSet& all_kinds();

/// Whether standard error is a terminal that wants colour.
bool colour_on_stderr();

/// How much is asked of a graph besides its text.
enum class Asks {
  Nothing,  // not even whether the files that it names are there
  Files,    // that they are there
  Fits,     // and that there is the memory: a warning where this machine has too little
  ToRun,    // the same, and that is an error
};
/// For LoadOptions::estimate.
graphs::Estimate estimate_for(Asks asks);
/// Loads a graph; shows its problems on standard error (or, with `json`, on standard output).
graphs::LoadResult load(const GraphArguments& arguments, Asks asks);

/// Shows an error and what to do next on standard error. Returns `status`.
int complain(const Error& error, int status);
/// The same with the status for its code: what the graph names is wrong, or the run failed.
int complain(const Error& error);

/// A run as a person names it: a directory, or a name under runs/ (the newest of that name).
Result<std::filesystem::path> find_run(const std::string& name);

}  // namespace troupe::cli
