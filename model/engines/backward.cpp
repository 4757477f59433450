#include "model/engines/backward.hpp"

#include <algorithm>
#include <cstring>

#include "model/engines/matmul.hpp"
#include "model/engines/vocabulary_head.hpp"

namespace troupe::model {
namespace {

constexpr std::int64_t kRowGrain = 16;
constexpr std::int64_t kNormRows = 128;     // rows whose share of a norm's gradient is one partial
constexpr std::int64_t kSamplesPerPart = 4; // completions that one task takes

}  // namespace

template <class T>
void Backward<T>::plan(const Architecture& a, const MicroBatch& batch) {
  parts_.clear();
  prefix_elements_ = 0;
  for (std::size_t g = 0; g < batch.groups.size(); ++g) {
    const PackedGroup& group = batch.groups[g];
    const std::int64_t index = static_cast<std::int64_t>(g);
    parts_.push_back({index, group.prompt, 1, -1});
    for (std::int64_t i = 0; i < group.sample_count; i += kSamplesPerPart) {
      parts_.push_back({index, group.first_sample + i,
                        std::min(kSamplesPerPart, group.sample_count - i), prefix_elements_});
      prefix_elements_ +=
          a.heads.kv_heads * 2 * batch.segments[group.prompt].rows * a.heads.dim;
    }
  }
}

template <class T>
void Backward<T>::attention(const Architecture& a, const MicroBatch& batch, const LayerTape<T>& l,
                            const T* d_attended, T* d_qkv) {
  const Kernels<T>& kernel = kernels<T>();
  const HeadShape& heads = a.heads;
  std::int64_t keys = 0;
  for (const AttentionSegment& s : batch.segments) keys = std::max(keys, s.prefix_rows + s.rows);
  const std::int64_t floats = attention_backward_scratch(keys, heads.dim);
  if (scratch_.size() < static_cast<std::size_t>(team_size())) scratch_.resize(team_size());
  for (Scratch<float>& s : scratch_) s.get(floats);
  float* prefix = prefix_.get(std::max<std::int64_t>(prefix_elements_, 1));
  std::memset(prefix, 0, prefix_elements_ * sizeof(float));
  const auto prefix_of = [&](const Part& part, std::int64_t head) {
    const std::int64_t rows = batch.segments[batch.groups[part.group].prompt].rows;
    return prefix + part.prefix_gradient + head * 2 * rows * heads.dim;
  };
  const std::int64_t count = static_cast<std::int64_t>(parts_.size());
  parallel_tasks(count * heads.kv_heads, [&](std::int64_t task, int thread) {
    const Part& part = parts_[task / heads.kv_heads];
    const std::int64_t head = task % heads.kv_heads;
    for (std::int64_t i = 0; i < part.segment_count; ++i) {
      kernel.attention_backward(l.qkv, l.attended, d_attended, l.lse, heads, head,
                                batch.segments[part.first_segment + i], d_qkv,
                                part.prefix_gradient < 0 ? prefix : prefix_of(part, head),
                                scratch_[thread].get(floats));
    }
  });
  // What completions added to the keys and values of their prompt, part by part in order.
  parallel_tasks(heads.kv_heads, [&](std::int64_t head, int) {
    for (const Part& part : parts_) {
      if (part.prefix_gradient < 0) continue;
      const AttentionSegment& prompt = batch.segments[batch.groups[part.group].prompt];
      kernel.add_kv_gradient(d_qkv, heads, head, prompt.row, prompt.rows, prefix_of(part, head));
    }
  });
}

template <class T>
void Backward<T>::norm(const LlamaWeights<T>& weights, std::int64_t rows, const float* x,
                       const float* rstd, std::int64_t at, const T* dy, float* gradient) {
  const std::int64_t hidden = weights.architecture().hidden;
  const std::int64_t chunks = (rows + kNormRows - 1) / kNormRows;
  float* dx = dx_.get(rows * hidden);
  float* partials = norm_partials_.get(chunks * hidden);
  parallel_tasks(chunks, [&](std::int64_t chunk, int) {
    const std::int64_t begin = chunk * kNormRows, n = std::min(kNormRows, rows - begin);
    float* partial = partials + chunk * hidden;
    std::memset(partial, 0, hidden * sizeof(float));
    kernels<T>().rmsnorm_backward(x + begin * hidden, weights.at(at), rstd + begin,
                                  dy + begin * hidden, n, hidden, dx + begin * hidden, partial);
  });
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
    for (std::int64_t c = 0; c < hidden; ++c) gradient[at + c] += partials[chunk * hidden + c];
  }
}

/// The norm's output again: cheaper to compute than to keep.
template <class T>
void Backward<T>::renorm(const LlamaWeights<T>& weights, std::int64_t rows, float* x,
                         std::int64_t at, T* y) {
  const Architecture& a = weights.architecture();
  parallel_ranges(rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    kernels<T>().add_rmsnorm(x + begin * a.hidden, nullptr, weights.at(at), a.epsilon, end - begin,
                             a.hidden, x + begin * a.hidden, y + begin * a.hidden, nullptr);
  });
}

template <class T>
void Backward<T>::run(const LlamaWeights<T>& weights, const MicroBatch& batch, const T* d_normed,
                      Tape<T>& tape, float* gradient) {
  const Architecture& a = weights.architecture();
  const Kernels<T>& kernel = kernels<T>();
  const std::int64_t n = batch.rows(), hidden = a.hidden, inner = a.intermediate;
  const HeadShape& heads = a.heads;
  plan(a, batch);
  float* dx = dx_.get(n * hidden);  // gradient of the residual stream
  std::memset(dx, 0, n * hidden * sizeof(float));
  T* dy = dy_.get(n * hidden);
  T* d_wide = d_wide_.get(n * std::max(inner, heads.qkv_width()));
  T* d_attended = d_attended_.get(n * heads.q_width());
  T* dw = d_weights_.get(std::max(2 * inner, heads.qkv_width()) * hidden);

  norm(weights, n, tape.final_input, tape.final_rstd, a.final_norm, d_normed, gradient);
  const auto residual_gradient = [&] {  // dx in T, for the products
    parallel_ranges(n, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
      kernel.convert(dx + begin * hidden, (end - begin) * hidden, dy + begin * hidden);
    });
  };

  for (std::int64_t i = a.layers; i-- > 0;) {
    const LayerOffsets& at = a.layer[i];
    const LayerTape<T>& l = tape.layer(i);
    // MLP: x += down(silu(gate(h)) * up(h)), h = norm(x)
    residual_gradient();
    parallel_ranges(n, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
      kernel.swiglu(l.gate_up + begin * 2 * inner, end - begin, inner,
                    tape.activated + begin * inner);
    });
    add_weight_gradient(dy, tape.activated, n, hidden, inner, dw, gradient + at.down);
    linear_input_gradient(dy, weights.at(at.down), n, hidden, inner, d_wide);
    parallel_ranges(n, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
      kernel.swiglu_backward(l.gate_up + begin * 2 * inner, d_wide + begin * inner, end - begin,
                             inner);
    });
    renorm(weights, n, l.middle, at.mlp_norm, tape.normed);
    add_weight_gradient(l.gate_up, tape.normed, n, 2 * inner, hidden, dw, gradient + at.gate_up);
    linear_input_gradient(l.gate_up, weights.at(at.gate_up), n, 2 * inner, hidden, dy);
    norm(weights, n, l.middle, l.middle_rstd, at.mlp_norm, dy, gradient);

    // Attention: x += output(attention(qkv(h))), h = norm(x)
    residual_gradient();
    add_weight_gradient(dy, l.attended, n, hidden, heads.q_width(), dw, gradient + at.output);
    linear_input_gradient(dy, weights.at(at.output), n, hidden, heads.q_width(), d_attended);
    attention(a, batch, l, d_attended, d_wide);
    parallel_ranges(n, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
      kernel.rope(d_wide + begin * heads.qkv_width(), end - begin, heads.qkv_width(),
                  heads.heads + heads.kv_heads, heads.dim, batch.positions.data() + begin,
                  a.cos_sin.data(), -1.0f);
    });
    renorm(weights, n, l.input, at.attention_norm, tape.normed);
    add_weight_gradient(d_wide, tape.normed, n, heads.qkv_width(), hidden, dw, gradient + at.qkv);
    linear_input_gradient(d_wide, weights.at(at.qkv), n, heads.qkv_width(), hidden, dy);
    norm(weights, n, l.input, l.input_rstd, at.attention_norm, dy, gradient);
  }

  parallel_ranges(hidden, 16, [&](std::int64_t begin, std::int64_t end) {
    kernel.embed_backward(dx, batch.tokens.data(), n, hidden, begin, end, gradient + a.embedding);
  });
}

template class Backward<Bf16>;
template class Backward<float>;

}  // namespace troupe::model
