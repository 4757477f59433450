#pragma once
// Kernels over one row of logits. A row is walked in blocks whose sums are added in double, in the
// same order by row_statistics and find_cumulative. Included only by kernels_body.hpp.
namespace troupe::model::TROUPE_KERNELS {

constexpr std::int64_t kVocabBlock = 1024;
constexpr float kNever = -1e30f;  // padding: its exponential is zero

template <class T>
TROUPE_INLINE V load_padded(const T* logits, std::int64_t i, std::int64_t end) {
  return i + kLanes <= end ? load(logits + i) : load_tail(logits + i, end - i, kNever);
}

template <class T>
float row_max(const T* logits, std::int64_t vocab) {
  V best[2] = {splat(-INFINITY), splat(-INFINITY)};
  std::int64_t i = 0;
  for (; i + 2 * kLanes <= vocab; i += 2 * kLanes) {
    best[0] = max(load(logits + i), best[0]);
    best[1] = max(load(logits + i + kLanes), best[1]);
  }
  for (; i < vocab; i += kLanes) best[0] = max(load_padded(logits, i, vocab), best[0]);
  return max(max(best[0], best[1]));
}

template <class T>
RowStatistics row_statistics(const T* logits, std::int64_t vocab, float inverse_temperature) {
  RowStatistics out;
  out.max = row_max(logits, vocab) * inverse_temperature;
  for (std::int64_t block = 0; block < vocab; block += kVocabBlock) {
    const std::int64_t end = least(vocab, block + kVocabBlock);
    V total = {}, weighted = {};
    for (std::int64_t i = block; i < end; i += kLanes) {
      const V x = load_padded(logits, i, end) * inverse_temperature - out.max;
      const V e = exp(x);
      total += e;
      weighted += e * max(x, splat(-88.0f));
    }
    out.sum += sum(total);
    out.weighted += sum(weighted);
  }
  return out;
}

template <class T>
std::int64_t argmax(const T* logits, std::int64_t vocab) {
  const float best = row_max(logits, vocab);
  for (std::int64_t i = 0; i < vocab; ++i) {
    if (to_float(logits[i]) == best) return i;
  }
  return 0;  // only NaN
}

template <class T>
std::int64_t find_cumulative(const T* logits, std::int64_t vocab, float inverse_temperature,
                             float max_value, double target) {
  double passed = 0;
  std::int64_t last = 0;  // last index with any probability, for a target lost to rounding
  for (std::int64_t block = 0; block < vocab; block += kVocabBlock) {
    const std::int64_t end = least(vocab, block + kVocabBlock);
    V total = {};
    for (std::int64_t i = block; i < end; i += kLanes) {
      total += exp(load_padded(logits, i, end) * inverse_temperature - max_value);
    }
    const double here = sum(total);
    if (here <= 0) continue;
    if (passed + here <= target) {
      last = end - 1;
      passed += here;
      continue;
    }
    for (std::int64_t i = block; i < end; i += kLanes) {
      const V e = exp(load_padded(logits, i, end) * inverse_temperature - max_value);
      for (std::int64_t lane = 0; lane < least(kLanes, end - i); ++lane) {
        if (e[lane] <= 0) continue;
        passed += e[lane];
        last = i + lane;
        if (passed > target) return last;
      }
    }
    return last;
  }
  return last;
}

template <class T>
void scaled_softmax(T* logits, std::int64_t vocab, float inverse_temperature, float max_value,
                    float weight_over_sum) {
  std::int64_t i = 0;
  for (; i + kLanes <= vocab; i += kLanes) {
    store(logits + i, exp(load(logits + i) * inverse_temperature - max_value) * weight_over_sum);
  }
  if (i < vocab) {
    const V e = exp(load_padded(logits, i, vocab) * inverse_temperature - max_value);
    store_tail(logits + i, vocab - i, e * weight_over_sum);
  }
}

}  // namespace troupe::model::TROUPE_KERNELS
