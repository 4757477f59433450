#pragma once
// Forward: the layers of a Llama-family model over a packed list of tokens, used alike by prefill,
// decoding and training. What attention sees is the caller's business (segments of the batch, or a
// cache). The residual stream is f32, everything else T. Not thread-safe: one per engine; runs on
// the calling thread's team.
#include <cstdint>
#include <vector>

#include "model/engines/buffer.hpp"
#include "model/engines/llama_weights.hpp"
#include "model/engines/parallel.hpp"

namespace troupe::model {

/// What the backward pass needs of one layer; n is the number of rows.
template <class T>
struct LayerTape {
  float* input = nullptr;      // [n, hidden] residual stream before attention
  float* middle = nullptr;     // [n, hidden] and before the MLP
  float* input_rstd = nullptr; // [n]
  float* middle_rstd = nullptr;
  T* qkv = nullptr;            // [n, qkv_width], rotated
  T* attended = nullptr;       // [n, q_width]
  float* lse = nullptr;        // [n, heads]; written by attention
  T* gate_up = nullptr;        // [n, 2 intermediate]
};

/// Memory of a forward pass: with `keep` every layer has its own, without they share.
template <class T>
class Tape {
 public:
  void reserve(const Architecture& a, std::int64_t rows, bool keep);
  const LayerTape<T>& layer(std::int64_t i) const { return layers_[i]; }
  std::int64_t rows() const { return rows_; }

  float* final_input = nullptr;  // [n, hidden] residual stream before the last norm
  float* final_rstd = nullptr;   // [n]
  T* normed = nullptr;           // [n, hidden], also the input of the head at the end
  T* delta = nullptr;            // [n, hidden]
  T* activated = nullptr;        // [n, intermediate]

 private:
  std::int64_t rows_ = 0;
  std::vector<LayerTape<T>> layers_;
  Scratch<char> memory_;
};

/// Fills `attended` from `qkv` (rotated) for all rows of the layer.
template <class T>
using Attend = FunctionRef<void(std::int64_t layer, const LayerTape<T>& tape)>;

/// Leaves the normed hidden states in tape.normed. tokens and positions: [tape.rows()], valid.
template <class T>
void forward(const LlamaWeights<T>& weights, const std::int32_t* tokens,
             const std::int32_t* positions, Attend<T> attend, Tape<T>& tape);

/// Attention within the batch: every segment and key/value head, in parallel.
template <class T>
void attend_segments(const Architecture& a, const std::vector<AttentionSegment>& segments,
                     const LayerTape<T>& tape, std::vector<Scratch<float>>& scratch);

}  // namespace troupe::model
