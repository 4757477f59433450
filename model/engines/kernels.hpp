#pragma once
// Kernels: the operations of a Llama-family model that are not matrix products, each over a range
// of rows, so that the caller decides how threads share them. T is the storage type (Bf16 or
// float); arithmetic is f32. Results depend only on the row, never on the range it came in.
// `kernels<T>()` picks the fastest build that this processor can run (AVX-512, AVX2, portable);
// all are compiled from kernels_body.hpp. Pure functions of their arguments, any thread.
#include <cstdint>
#include <span>

#include "model/engines/element.hpp"

namespace troupe::model {

/// Geometry of attention. A row of `qkv` is [heads * dim | kv_heads * dim | kv_heads * dim].
struct HeadShape {
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t dim = 0;  // multiple of 16, at most kMaxHeadDim

  std::int64_t q_width() const { return heads * dim; }
  std::int64_t kv_width() const { return kv_heads * dim; }
  std::int64_t qkv_width() const { return q_width() + 2 * kv_width(); }
  std::int64_t repeat() const { return heads / kv_heads; }
};
constexpr std::int64_t kMaxHeadDim = 256;

/// Rows [row, row + rows) of a packed batch attend to rows [prefix, prefix + prefix_rows) and,
/// causally, to themselves. A prompt has no prefix; a completion's prefix is its prompt.
struct AttentionSegment {
  std::int64_t row = 0, rows = 0;
  std::int64_t prefix = 0, prefix_rows = 0;
};

constexpr std::int64_t kPageTokens = 16;  // tokens in a page of the cache; the width of a vector

/// What one sequence sees in the cache, for one layer and key/value head: `count` tokens, 16 to a
/// page. A page of keys is [dim][16] (transposed, so that 16 scores are one vector), a page of
/// values [16][dim]; the values follow the keys.
template <class T>
struct CachePart {
  const T* const* pages = nullptr;
  std::int64_t offset = 0;  // of this layer and head in every page, elements
  std::int64_t count = 0;
};

/// Of one row of logits, divided by the temperature.
struct RowStatistics {
  float max = 0;
  double sum = 0;        // of exp(x - max)
  double weighted = 0;   // of exp(x - max) * (x - max): entropy = log(sum) - weighted / sum
  double log_sum() const;                         // of exp(x), natural
  double entropy() const;                         // nats
};

struct AdamWStep {
  float learning_rate, beta1, beta2, epsilon, weight_decay;
  float correction1, correction2;  // 1 - beta^t
  float gradient_scale;            // clipping
};

template <class T>
struct Kernels {
  const char* name;

  /// x[i] = table[token[i]] * 1; x f32 [n, width].
  void (*embed)(const T* table, const std::int32_t* tokens, std::int64_t n, std::int64_t width,
                float* x);
  /// out = x + delta (delta may be null; out may be x), y = rmsnorm(out) * weight, inverse root
  /// mean square per row into rstd (may be null). [n, width]
  void (*add_rmsnorm)(const float* x, const T* delta, const T* weight, float epsilon,
                      std::int64_t n, std::int64_t width, float* out, T* y, float* rstd);
  /// Rotates pairs (i, i + dim/2) of the first `heads` heads of every row (rotate-half form).
  /// cos_sin: [position][dim] = dim/2 cosines then dim/2 sines. sign -1 rotates back.
  void (*rope)(T* rows, std::int64_t n, std::int64_t stride, std::int64_t heads, std::int64_t dim,
               const std::int32_t* positions, const float* cos_sin, float sign);
  /// out[n, width] = silu(gate) * up; gate_up is [n, gate | up].
  void (*swiglu)(const T* gate_up, std::int64_t n, std::int64_t width, T* out);
  /// In place: gate_up becomes its gradient, given d_out[n, width].
  void (*swiglu_backward)(T* gate_up, const T* d_out, std::int64_t n, std::int64_t width);
  /// dx += the gradient of x through y = x * rstd * weight. dweight[width] += rows' part.
  void (*rmsnorm_backward)(const float* x, const T* weight, const float* rstd, const T* dy,
                           std::int64_t n, std::int64_t width, float* dx, float* dweight);
  /// Columns [begin, end) of gradient[token[i]] += dx[i].
  void (*embed_backward)(const float* dx, const std::int32_t* tokens, std::int64_t n,
                         std::int64_t width, std::int64_t begin, std::int64_t end,
                         float* gradient);

  /// One segment and one key/value head. out [rows of batch, heads * dim]; lse f32 [rows, heads]
  /// (may be null); scratch: attention_scratch(total keys, dim) floats.
  void (*attention)(const T* qkv, const HeadShape& shape, std::int64_t kv_head,
                    const AttentionSegment& segment, T* out, float* lse, float* scratch);
  /// Gradient of the same. d_qkv gets dq of the segment's rows, and dk, dv of them (unrotated by
  /// the caller). dk, dv of the prefix are added to d_prefix, f32 [2][prefix_rows][dim].
  void (*attention_backward)(const T* qkv, const T* out, const T* d_out, const float* lse,
                             const HeadShape& shape, std::int64_t kv_head,
                             const AttentionSegment& segment, T* d_qkv, float* d_prefix,
                             float* scratch);
  /// d_qkv rows [row, row + rows): dk, dv of one head += d_prefix.
  void (*add_kv_gradient)(T* d_qkv, const HeadShape& shape, std::int64_t kv_head, std::int64_t row,
                          std::int64_t rows, const float* d_prefix);
  /// One query row against the cache: the shared prompt, then its own tokens. q, out: the `repeat`
  /// heads of one key/value head, [repeat * dim]. scratch: decode_scratch(tokens, repeat) floats.
  void (*decode_attention)(const T* q, std::int64_t repeat, std::int64_t dim,
                           const CachePart<T>* parts, std::int64_t part_count, T* out,
                           float* scratch);
  /// Writes one token's key and value into slot `slot` of a page.
  void (*cache_store)(const T* k, const T* v, std::int64_t dim, std::int64_t slot, T* page);

  /// logits [vocab] of one row, times inverse_temperature.
  RowStatistics (*row_statistics)(const T* logits, std::int64_t vocab, float inverse_temperature);
  /// Lowest index of the largest logit.
  std::int64_t (*argmax)(const T* logits, std::int64_t vocab);
  /// The first index where the running sum of exp(x - max) passes `target` (0 <= target < sum).
  std::int64_t (*find_cumulative)(const T* logits, std::int64_t vocab, float inverse_temperature,
                                  float max, double target);
  /// In place: logits of one row become weight * softmax * inverse_temperature.
  void (*scaled_softmax)(T* logits, std::int64_t vocab, float inverse_temperature, float max,
                         float weight_over_sum);

  /// gradient += addend.
  void (*accumulate)(float* gradient, const T* addend, std::int64_t n);
  /// Decoupled weight decay; writes the new working copy.
  void (*adamw)(float* master, float* m, float* v, const float* gradient, const AdamWStep& step,
                std::int64_t n, T* working);
  double (*sum_of_squares)(const float* x, std::int64_t n);
  void (*convert)(const float* in, std::int64_t n, T* out);
};

template <class T>
const Kernels<T>& kernels();
/// Every build that this processor can run, fastest first; tests compare them.
template <class T>
std::span<const Kernels<T>* const> all_kernels();

/// Floats of scratch for one call.
std::int64_t attention_scratch(std::int64_t keys, std::int64_t dim);
std::int64_t attention_backward_scratch(std::int64_t keys, std::int64_t dim);
std::int64_t decode_scratch(std::int64_t tokens, std::int64_t repeat);

}  // namespace troupe::model
