#pragma once
// Workers: where short pure work of stages runs (judging a sample), away from their event handlers.
// A real pool has threads; a simulated one runs the work at once and lets virtual time pass.
#include <functional>

#include "actors/runtime/stage.hpp"

namespace troupe::runtime {

class Workers {
 public:
  virtual ~Workers() = default;
  /// Runs `work` soon and passes what it returns to `done`. An exception becomes an error of code
  /// Infra. Any thread; never blocks.
  virtual void run(std::function<EngineResult()> work, Completion done) = 0;
};

}  // namespace troupe::runtime
