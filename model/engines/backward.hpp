#pragma once
// Backward: the gradient of a micro-batch through the layers, after `forward` with a tape that
// keeps. Gradients of matrices are products in T added in f32; everything else is f32 between
// products. Deterministic for any number of threads: work is cut by size, never by thread.
#include <vector>

#include "model/engines/forward.hpp"
#include "model/engines/packed_batch.hpp"

namespace troupe::model {

template <class T>
class Backward {
 public:
  /// d_normed: gradient of tape.normed as the forward left it, [rows, hidden]. Adds to `gradient`,
  /// f32 [architecture.elements]. The tape is used up.
  void run(const LlamaWeights<T>& weights, const MicroBatch& batch, const T* d_normed,
           Tape<T>& tape, float* gradient);

 private:
  /// Some completions of one group, whose gradients of the prompt's keys are added in one place.
  struct Part {
    std::int64_t group, first_segment, segment_count;
    std::int64_t prefix_gradient;  // offset into prefix_; -1 for the prompt itself
  };
  void plan(const Architecture& a, const MicroBatch& batch);
  void attention(const Architecture& a, const MicroBatch& batch, const LayerTape<T>& l,
                 const T* d_attended, T* d_qkv);
  void norm(const LlamaWeights<T>& weights, std::int64_t rows, const float* x, const float* rstd,
            std::int64_t at, const T* dy, float* gradient);
  void renorm(const LlamaWeights<T>& weights, std::int64_t rows, float* x, std::int64_t at, T* y);

  std::vector<Part> parts_;
  std::int64_t prefix_elements_ = 0;
  Scratch<float> dx_, prefix_, norm_partials_;
  Scratch<T> dy_, d_wide_, d_attended_, d_weights_;
  std::vector<Scratch<float>> scratch_;
};

}  // namespace troupe::model
