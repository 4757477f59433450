#include "model/engines/forward.hpp"

#include <algorithm>

#include "model/engines/matmul.hpp"

namespace troupe::model {
namespace {

// Rows below which a second thread does not pay.
constexpr std::int64_t kNormGrain = 64, kRopeGrain = 32, kSwigluGrain = 8;

/// Cuts one block of memory into aligned arrays; with a null base it only measures.
class Carver {
 public:
  explicit Carver(char* base) : base_(base) {}
  template <class E>
  E* take(std::int64_t n) {
    E* out = base_ ? reinterpret_cast<E*>(base_ + used_) : nullptr;
    used_ += (static_cast<std::size_t>(n) * sizeof(E) + 63) / 64 * 64;
    return out;
  }
  std::size_t used() const { return used_; }

 private:
  char* base_;
  std::size_t used_ = 0;
};

}  // namespace

template <class T>
void Tape<T>::reserve(const Architecture& a, std::int64_t rows, bool keep) {
  rows_ = rows;
  layers_.resize(a.layers);
  const auto carve = [&](char* base) {
    Carver carver(base);
    final_input = carver.take<float>(rows * a.hidden);
    final_rstd = carver.take<float>(rows);
    normed = carver.take<T>(rows * a.hidden);
    delta = carver.take<T>(rows * a.hidden);
    activated = carver.take<T>(rows * a.intermediate);
    for (std::int64_t i = 0; i < a.layers; ++i) {
      if (i > 0 && !keep) {
        layers_[i] = layers_[0];
        continue;
      }
      LayerTape<T>& l = layers_[i];
      l.input = carver.take<float>(rows * a.hidden);
      l.middle = keep ? carver.take<float>(rows * a.hidden) : l.input;
      l.input_rstd = carver.take<float>(rows);
      l.middle_rstd = carver.take<float>(rows);
      l.qkv = carver.take<T>(rows * a.heads.qkv_width());
      l.attended = carver.take<T>(rows * a.heads.q_width());
      l.lse = carver.take<float>(rows * a.heads.heads);
      l.gate_up = carver.take<T>(rows * 2 * a.intermediate);
    }
    return carver.used();
  };
  const std::size_t bytes = carve(nullptr);
  carve(memory_.get(static_cast<std::int64_t>(bytes)));
}

template <class T>
void forward(const LlamaWeights<T>& weights, const std::int32_t* tokens,
             const std::int32_t* positions, Attend<T> attend, Tape<T>& tape) {
  const Architecture& a = weights.architecture();
  const Kernels<T>& kernel = kernels<T>();
  const std::int64_t n = tape.rows(), hidden = a.hidden;
  const HeadShape& heads = a.heads;

  float* x = tape.layer(0).input;
  parallel_ranges(n, kNormGrain, [&](std::int64_t begin, std::int64_t end) {
    kernel.embed(weights.at(a.embedding), tokens + begin, end - begin, hidden, x + begin * hidden);
  });
  // to = from + delta; normed = norm(to)
  const auto norm = [&](const float* from, const T* delta, std::int64_t weight, float* to,
                        float* rstd) {
    parallel_ranges(n, kNormGrain, [&](std::int64_t begin, std::int64_t end) {
      kernel.add_rmsnorm(from + begin * hidden, delta ? delta + begin * hidden : nullptr,
                         weights.at(weight), a.epsilon, end - begin, hidden, to + begin * hidden,
                         tape.normed + begin * hidden, rstd + begin);
    });
  };

  for (std::int64_t i = 0; i < a.layers; ++i) {
    const LayerOffsets& at = a.layer[i];
    const LayerTape<T>& l = tape.layer(i);
    norm(x, i > 0 ? tape.delta : nullptr, at.attention_norm, l.input, l.input_rstd);
    linear(tape.normed, weights.at(at.qkv), n, heads.qkv_width(), hidden, l.qkv,
           a.exact);
    parallel_ranges(n, kRopeGrain, [&](std::int64_t begin, std::int64_t end) {
      kernel.rope(l.qkv + begin * heads.qkv_width(), end - begin, heads.qkv_width(),
                  heads.heads + heads.kv_heads, heads.dim, positions + begin, a.cos_sin.data(),
                  1.0f);
    });
    attend(i, l);
    linear(l.attended, weights.at(at.output), n, hidden, heads.q_width(), tape.delta,
           a.exact);
    norm(l.input, tape.delta, at.mlp_norm, l.middle, l.middle_rstd);
    linear(tape.normed, weights.at(at.gate_up), n, 2 * a.intermediate, hidden, l.gate_up,
           a.exact);
    parallel_ranges(n, kSwigluGrain, [&](std::int64_t begin, std::int64_t end) {
      kernel.swiglu(l.gate_up + begin * 2 * a.intermediate, end - begin, a.intermediate,
                    tape.activated + begin * a.intermediate);
    });
    linear(tape.activated, weights.at(at.down), n, hidden, a.intermediate, tape.delta,
           a.exact);
    x = l.middle;
  }
  norm(x, tape.delta, a.final_norm, tape.final_input, tape.final_rstd);
}

template <class T>
void attend_segments(const Architecture& a, const std::vector<AttentionSegment>& segments,
                     const LayerTape<T>& tape, std::vector<Scratch<float>>& scratch) {
  const Kernels<T>& kernel = kernels<T>();
  std::int64_t keys = 0;
  for (const AttentionSegment& s : segments) keys = std::max(keys, s.prefix_rows + s.rows);
  const std::int64_t floats = attention_scratch(keys, a.heads.dim);
  if (scratch.size() < static_cast<std::size_t>(team_size())) scratch.resize(team_size());
  for (Scratch<float>& s : scratch) s.get(floats);
  const std::int64_t count = static_cast<std::int64_t>(segments.size());
  parallel_tasks(count * a.heads.kv_heads, [&](std::int64_t task, int thread) {
    kernel.attention(tape.qkv, a.heads, task % a.heads.kv_heads,
                     segments[task / a.heads.kv_heads], tape.attended, tape.lse,
                     scratch[thread].get(floats));
  });
}

#define TROUPE_INSTANTIATE(T)                                                              \
  template class Tape<T>;                                                                  \
  template void forward<T>(const LlamaWeights<T>&, const std::int32_t*, const std::int32_t*, \
                           Attend<T>, Tape<T>&);                                           \
  template void attend_segments<T>(const Architecture&, const std::vector<AttentionSegment>&, \
                                   const LayerTape<T>&, std::vector<Scratch<float>>&);
TROUPE_INSTANTIATE(Bf16)
TROUPE_INSTANTIATE(float)

}  // namespace troupe::model
