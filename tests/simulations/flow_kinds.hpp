#pragma once
// Kinds for simulated flows: a service that judges after a while, may be slow, silent or wrong and
// may throw, and a stage that passes samples on and may throw. What goes wrong is drawn from a
// seed. Owned by the test; single-threaded.
#include <map>
#include <memory>

#include "actors/stages/kinds.hpp"
#include "schemas/base/rng.hpp"

namespace troupe::simulations {

struct Faults {
  double slow = 0;     // an answer after the deadline
  double error = 0;    // no answer, but an error
  double unclear = 0;  // an answer without a verdict
  double silent = 0;   // no answer at all
  int throws = 0;      // times that each stage throws, over all its lives
};

/// All kinds of Troupe, and `oracle`, `asker` (which calls an oracle) and `pass`.
std::unique_ptr<runtime::KindSet> kinds_with_oracle(const Faults& faults, std::uint64_t seed);

}  // namespace troupe::simulations
