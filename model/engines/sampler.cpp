#include "model/engines/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace troupe::model {
namespace {

/// Token ids by falling logit, `count` of them in order, ties by id.
template <class T>
std::vector<std::int32_t> largest(const T* logits, std::int64_t vocab, std::int64_t count) {
  std::vector<std::int32_t> ids(static_cast<std::size_t>(vocab));
  std::iota(ids.begin(), ids.end(), 0);
  const auto before = [&](std::int32_t a, std::int32_t b) {
    const float x = to_float(logits[a]), y = to_float(logits[b]);
    return x != y ? x > y : a < b;
  };
  const auto middle = ids.begin() + std::min(count, vocab);
  if (middle != ids.end()) std::nth_element(ids.begin(), middle, ids.end(), before);
  ids.erase(middle, ids.end());
  std::sort(ids.begin(), ids.end(), before);
  return ids;
}

template <class T>
Token draw_truncated(const T* logits, std::int64_t vocab, const SamplingOptions& options,
                     const RowStatistics& row, double uniform) {
  const float scale = inverse_temperature(options);
  std::int64_t count = options.top_k > 0 ? options.top_k : std::min<std::int64_t>(64, vocab);
  for (;;) {
    std::vector<std::int32_t> ids = largest(logits, vocab, count);
    std::vector<double> weights;
    double kept = 0;
    for (const std::int32_t id : ids) {
      weights.push_back(std::exp(static_cast<double>(to_float(logits[id]) * scale - row.max)));
      kept += weights.back();
      if (kept >= options.top_p * row.sum) break;
    }
    const bool reached = weights.size() < ids.size() || kept >= options.top_p * row.sum;
    if (!reached && options.top_k == 0 && count < vocab) {
      count = std::min(count * 8, vocab);  // the nucleus is larger than what was sorted
      continue;
    }
    double left = uniform * kept;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      left -= weights[i];
      if (left < 0) return ids[i];
    }
    return ids[weights.size() - 1];
  }
}

}  // namespace

float inverse_temperature(const SamplingOptions& options) {
  return options.temperature > 0 ? static_cast<float>(1.0 / options.temperature) : 1.0f;
}

Result<void> check(const SamplingOptions& options) {
  const auto wrong = [](std::string what) -> Error {
    return {ErrorCode::InvalidArgument, std::move(what), "Correct the generator's options"};
  };
  if (!(options.temperature == 0 || (options.temperature >= 1e-3 && options.temperature <= 1e3))) {
    return wrong("temperature " + std::to_string(options.temperature) +
                 " is neither 0 nor from 0.001 to 1000");
  }
  if (!(options.top_p > 0 && options.top_p <= 1)) {
    return wrong("top_p " + std::to_string(options.top_p) + " is not in (0, 1]");
  }
  if (options.top_k < 0) return wrong("top_k is negative");
  if (options.max_new_tokens < 1) return wrong("max_new_tokens is less than 1");
  return {};
}

template <class T>
Draw draw(const T* logits, std::int64_t vocab, const SamplingOptions& options,
          const RowStatistics& row, Rng& rng) {
  Draw out;
  const float scale = inverse_temperature(options);
  const double uniform = rng.uniform();  // also when greedy: one number per token
  if (options.temperature == 0) {
    out.token = static_cast<Token>(kernels<T>().argmax(logits, vocab));
  } else if (options.top_p < 1 || (options.top_k > 0 && options.top_k < vocab)) {
    out.token = draw_truncated(logits, vocab, options, row, uniform);
  } else {
    out.token = static_cast<Token>(
        kernels<T>().find_cumulative(logits, vocab, scale, row.max, uniform * row.sum));
  }
  out.logprob = static_cast<float>(static_cast<double>(to_float(logits[out.token])) * scale -
                                   row.log_sum());
  return out;
}

template Draw draw<Bf16>(const Bf16*, std::int64_t, const SamplingOptions&, const RowStatistics&,
                         Rng&);
template Draw draw<float>(const float*, std::int64_t, const SamplingOptions&, const RowStatistics&,
                          Rng&);

}  // namespace troupe::model
