#pragma once
// Ending: how a process with a graph comes to its end although a stage never returns from its
// handler or an engine never answers. What is to be written and printed has been by then. Main
// thread only.
#include <optional>

#include "actors/hosts/caf/caf_host.hpp"
#include "actors/runtime/running_graph.hpp"
#include "graphs/plan.hpp"

namespace troupe::cli {

/// Stops the host; false: an actor is still inside a handler after a while. Its memory must then
/// stay, so leave with end_process_now. `forced`: the coordinator may be one of them, and it may be
/// committing a checkpoint.
bool stops_in_time(hosts::CafHost& host, bool forced);

/// Ends the process without destroying anything.
[[noreturn]] void end_process_now(int status);

/// Lets the caller destroy what it has, but ends the process with `status` if that takes long.
void end_process_in_time(int status);

/// Sees when the coordinator itself gets no thread any more, because stages keep them all: its own
/// watchdog cannot bark then.
class Pulse {
 public:
  Pulse(const runtime::RunningGraph& graph, const graphs::Plan& plan, hosts::CafHost& host);
  /// Asked now and then; how the run ends when nothing has been handled for long.
  std::optional<runtime::RunOutcome> stopped();

 private:
  const runtime::RunningGraph& graph_;
  const graphs::Plan& plan_;
  hosts::CafHost& host_;
  std::uint64_t beat_ = 0;
  TimePoint since_;
};

}  // namespace troupe::cli
