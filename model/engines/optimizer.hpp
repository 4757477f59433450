#pragma once
// AdamW with f32 master weights (decoupled weight decay; norms do not decay). Owned by one training
// engine; runs on the calling thread's team. Nothing changes when a step is refused.
#include <cstdint>

#include "model/engine.hpp"
#include "model/engines/architecture.hpp"
#include "model/engines/buffer.hpp"

namespace troupe::model {

class Optimizer {
 public:
  /// Throws std::bad_alloc.
  explicit Optimizer(ArchitecturePtr architecture);

  float* master() { return master_.as<float>(); }
  float* first_moment() { return m_.as<float>(); }
  float* second_moment() { return v_.as<float>(); }
  float* gradient() { return gradient_.as<float>(); }
  const float* master() const { return master_.as<float>(); }
  const float* first_moment() const { return m_.as<float>(); }
  const float* second_moment() const { return v_.as<float>(); }
  std::uint64_t steps() const { return steps_; }
  void set_steps(std::uint64_t steps) { steps_ = steps; }

  void clear_gradient();
  /// Euclidean norm of the whole gradient; not finite if any element is not.
  double gradient_norm() const;
  /// One step with the gradient scaled by `gradient_scale`; the new weights also go to `working`.
  template <class T>
  void step(const TrainingConfig& config, double learning_rate, double gradient_scale, T* working);

 private:
  ArchitecturePtr architecture_;
  Buffer master_, m_, v_, gradient_;
  std::uint64_t steps_ = 0;
};

}  // namespace troupe::model
