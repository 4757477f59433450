#pragma once
// The forward pass over a whole sequence at once, without cache or engine: what the engines are
// compared with.
#include "model/engines/forward.hpp"
#include "model/engines/matmul.hpp"
#include "model/engines/read_parameters.hpp"
#include "tests/model_engines/tiny_model.hpp"

namespace troupe::model {

/// Straight from a checkpoint, without an engine.
template <class T>
std::shared_ptr<LlamaWeights<T>> load_weights(const std::filesystem::path& path) {
  const auto checkpoint = open_checkpoint(path).value();
  const ArchitecturePtr a = Architecture::make(checkpoint->config()).value();
  auto pool = std::make_shared<BufferPool>(a->elements * sizeof(T));
  auto weights = std::make_shared<LlamaWeights<T>>(a, pool, Version{});
  const auto read = read_parameters(*checkpoint, *a, 2, [&](const Parameter& p, auto values) {
    kernels<T>().convert(values.data(), p.elements, weights->data() + p.offset);
  });
  TROUPE_ASSERT(read.ok(), "test model");
  return weights;
}

/// Logits of every position of one sequence, in f32.
template <class T>
std::vector<float> logits_of(const LlamaWeights<T>& weights, const std::vector<Token>& tokens) {
  const Architecture& a = weights.architecture();
  const std::int64_t n = static_cast<std::int64_t>(tokens.size());
  Tape<T> tape;
  tape.reserve(a, n, false);
  std::vector<std::int32_t> positions(n);
  for (std::int64_t i = 0; i < n; ++i) positions[i] = static_cast<std::int32_t>(i);
  std::vector<Scratch<float>> scratch;
  const std::vector<AttentionSegment> segments = {{.row = 0, .rows = n}};
  const auto attend = [&](std::int64_t, const LayerTape<T>& l) {
    attend_segments(a, segments, l, scratch);
  };
  forward<T>(weights, tokens.data(), positions.data(), attend, tape);
  std::vector<T> logits(n * a.vocab);
  linear(tape.normed, weights.at(a.head), n, a.vocab, a.hidden, logits.data());
  std::vector<float> out;
  for (const T x : logits) out.push_back(to_float(x));
  return out;
}

inline double logprob(const std::vector<float>& logits, std::int64_t vocab, std::int64_t row,
               std::int64_t token) {
  const RowStatistics s = kernels<float>().row_statistics(logits.data() + row * vocab, vocab, 1);
  return logits[row * vocab + token] - s.log_sum();
}

}  // namespace troupe::model
