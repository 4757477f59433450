#pragma once
// What a plan needs, with the models that lie on this machine (their headers are read:
// milliseconds) and what this machine has. A model that cannot be read is no error here: what it
// needs is unknown.
#include "actors/stages/resources.hpp"
#include "graphs/plan.hpp"

namespace troupe::cli {

/// Of the process: the host's event threads and the workers that judge.
inline constexpr unsigned kEventThreads = 2, kWorkerThreads = 2;

/// Cores that engines of this plan share.
unsigned engine_threads(const graphs::Plan& plan);

/// `must_fit`: the plan is to run here.
graphs::Resources resources_here(const graphs::Plan& plan, bool must_fit);

/// Memory of this machine, or of the container around this process if that is less. 0: unknown.
std::uint64_t machine_memory();

}  // namespace troupe::cli
