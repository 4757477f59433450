#pragma once
// Session: one life of a run in this process: engines, recorder, graph and host, from start to
// outcome, with signals and progress. Used by `run` and `resume`.
#include <optional>
#include <string>

#include "actors/cli/resume_point.hpp"
#include "actors/ledger/run_directory.hpp"
#include "graphs/plan.hpp"

namespace troupe::cli {

struct SessionOptions {
  bool quiet = false;                 // no progress
  std::optional<ResumePoint> resume;  // none: a new run
};

/// Runs to the end, records how it ended in the directory, prints the summary. Returns the exit
/// status of the program.
int run_session(const graphs::Plan& plan, ledger::RunDirectory directory,
                const SessionOptions& options);

}  // namespace troupe::cli
