#pragma once
// VocabularyHead: log-probabilities of targets from hidden states, and the gradient back. The
// logits of one micro-batch are held in the element type (rows that predict x vocabulary); those of
// a whole step never are. One owner; runs on the calling thread's team.
#include <vector>

#include "model/engines/forward.hpp"
#include "model/engines/packed_batch.hpp"

namespace troupe::model {

template <class T>
class VocabularyHead {
 public:
  /// normed: [batch.rows(), hidden]. Fills logprobs and entropies [targets]: natural logarithms,
  /// of softmax(logits / temperature).
  void forward(const LlamaWeights<T>& weights, const T* normed, const MicroBatch& batch,
               double temperature, std::vector<double>& logprobs, std::vector<double>& entropies);

  /// After forward with the same arguments, which it consumes. gradient: d loss / d logprobs
  /// [targets]. Writes d_normed [batch.rows(), hidden]; adds to head_gradient [vocab, hidden].
  void backward(const LlamaWeights<T>& weights, const MicroBatch& batch, double temperature,
                const std::vector<double>& gradient, T* d_normed, float* head_gradient);

 private:
  Scratch<T> input_, logits_, d_input_, d_weights_;
  std::vector<RowStatistics> rows_;
};

/// gradient += dy^T x, the product in T, the sum in f32. dw: scratch of [out, in].
template <class T>
void add_weight_gradient(const T* dy, const T* x, std::int64_t rows, std::int64_t out,
                         std::int64_t in, T* dw, float* gradient);

}  // namespace troupe::model
