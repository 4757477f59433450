#include "model/engines/vocabulary_head.hpp"

#include <algorithm>
#include <cstring>

#include "model/engines/matmul.hpp"

namespace troupe::model {
namespace {
constexpr std::int64_t kCopyGrain = 64;  // rows
}

template <class T>
void add_weight_gradient(const T* dy, const T* x, std::int64_t rows, std::int64_t out,
                         std::int64_t in, T* dw, float* gradient) {
  linear_weight_gradient(dy, x, rows, out, in, dw);
  parallel_ranges(out * in, 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    kernels<T>().accumulate(gradient + begin, dw + begin, end - begin);
  });
}

template <class T>
void VocabularyHead<T>::forward(const LlamaWeights<T>& weights, const T* normed,
                                const MicroBatch& batch, double temperature,
                                std::vector<double>& logprobs, std::vector<double>& entropies) {
  const Architecture& a = weights.architecture();
  const std::int64_t rows = static_cast<std::int64_t>(batch.head_rows.size());
  T* input = input_.get(rows * a.hidden);
  parallel_ranges(rows, kCopyGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const T* from = normed + batch.head_rows[i] * a.hidden;
      std::copy(from, from + a.hidden, input + i * a.hidden);
    }
  });
  T* logits = logits_.get(rows * a.vocab);
  linear(input, weights.at(a.head), rows, a.vocab, a.hidden, logits, a.exact);

  const float scale = static_cast<float>(1.0 / temperature);
  rows_.resize(batch.head_rows.size());
  parallel_tasks(rows, [&](std::int64_t i, int) {
    rows_[i] = kernels<T>().row_statistics(logits + i * a.vocab, a.vocab, scale);
  });
  logprobs.resize(batch.targets.size());
  entropies.resize(batch.targets.size());
  for (std::size_t t = 0; t < batch.targets.size(); ++t) {
    const auto [row, token] = batch.targets[t];
    const double logit = to_float(logits[row * a.vocab + token]);
    logprobs[t] = logit * scale - rows_[row].log_sum();
    entropies[t] = rows_[row].entropy();
  }
}

template <class T>
void VocabularyHead<T>::backward(const LlamaWeights<T>& weights, const MicroBatch& batch,
                                 double temperature, const std::vector<double>& gradient,
                                 T* d_normed, float* head_gradient) {
  const Architecture& a = weights.architecture();
  const std::int64_t rows = static_cast<std::int64_t>(batch.head_rows.size());
  const T* input = input_.get(rows * a.hidden);
  T* logits = logits_.get(rows * a.vocab);
  const float scale = static_cast<float>(1.0 / temperature);

  // d logprob(t) / d logit(j) = (delta(t, j) - softmax(j)) / temperature, summed over the targets
  // of a row: the last row of a prompt has one for every completion.
  std::vector<double> total(batch.head_rows.size(), 0.0);
  for (std::size_t t = 0; t < batch.targets.size(); ++t) {
    total[batch.targets[t].head_row] += gradient[t];
  }
  parallel_tasks(rows, [&](std::int64_t i, int) {
    const float weight = static_cast<float>(-total[i] * scale / rows_[i].sum);
    kernels<T>().scaled_softmax(logits + i * a.vocab, a.vocab, scale, rows_[i].max, weight);
  });
  for (std::size_t t = 0; t < batch.targets.size(); ++t) {
    T& logit = logits[batch.targets[t].head_row * a.vocab + batch.targets[t].token];
    logit = from_float<T>(to_float(logit) + static_cast<float>(gradient[t] * scale));
  }

  add_weight_gradient(logits, input, rows, a.vocab, a.hidden, d_weights_.get(a.vocab * a.hidden),
                      head_gradient);
  T* d_input = d_input_.get(rows * a.hidden);
  linear_input_gradient(logits, weights.at(a.head), rows, a.vocab, a.hidden, d_input);
  std::memset(static_cast<void*>(d_normed), 0, batch.tokens.size() * a.hidden * sizeof(T));
  for (std::int64_t i = 0; i < rows; ++i) {
    std::copy(d_input + i * a.hidden, d_input + (i + 1) * a.hidden,
              d_normed + batch.head_rows[i] * a.hidden);
  }
}

#define TROUPE_INSTANTIATE(T)                                                                   \
  template class VocabularyHead<T>;                                                             \
  template void add_weight_gradient<T>(const T*, const T*, std::int64_t, std::int64_t,          \
                                       std::int64_t, T*, float*);
TROUPE_INSTANTIATE(Bf16)
TROUPE_INSTANTIATE(float)

}  // namespace troupe::model
