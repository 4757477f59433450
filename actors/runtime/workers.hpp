#pragma once
// Workers: where short pure work of stages runs (judging a sample), away from their event handlers.
// A real pool has threads; a simulated one runs the work at once and lets virtual time pass.
#include <functional>
#include <vector>

#include "actors/runtime/stage.hpp"

namespace troupe::runtime {

class Workers {
 public:
  virtual ~Workers() = default;
  /// `run` is called soon, and `done` gets what it returns. An exception becomes an error of code
  /// Infra.
  struct Work {
    std::function<EngineResult()> run;
    Completion done;
  };
  /// Begins all of it, in order; the list is empty afterwards. Any thread; never blocks.
  virtual void begin(std::vector<Work>& work) = 0;
};

}  // namespace troupe::runtime
