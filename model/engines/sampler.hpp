#pragma once
// Drawing a token from one row of logits with a sample's own random stream: one uniform number per
// token, inverted through the cumulative distribution in index order. Pure but for the stream.
#include "model/engine.hpp"
#include "model/engines/kernels.hpp"
#include "schemas/base/rng.hpp"

namespace troupe::model {

struct Draw {
  Token token = 0;
  float logprob = 0;  // under softmax(logits / temperature) of the whole vocabulary; at
                      // temperature 0 (greedy) under softmax(logits)
};

/// 1 / temperature; 1 for greedy.
float inverse_temperature(const SamplingOptions& options);

/// InvalidArgument when an option is out of range.
Result<void> check(const SamplingOptions& options);

/// `row`: row_statistics of these logits at inverse_temperature(options). Truncation keeps the
/// top_k largest (lowest id on ties), then the smallest prefix of them whose probability under the
/// temperature-scaled distribution reaches top_p.
template <class T>
Draw draw(const T* logits, std::int64_t vocab, const SamplingOptions& options,
          const RowStatistics& row, Rng& rng);

}  // namespace troupe::model
