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

/// Loads a graph; shows its problems on standard error (or, with `json`, on standard output).
graphs::LoadResult load(const GraphArguments& arguments, bool check_files);

/// Shows an error and what to do next on standard error. Returns `status`.
int complain(const Error& error, int status);
/// The same with the status for its code: what the graph names is wrong, or the run failed.
int complain(const Error& error);

/// A run as a person names it: a directory, or a name under runs/ (the newest of that name).
Result<std::filesystem::path> find_run(const std::string& name);

}  // namespace troupe::cli
