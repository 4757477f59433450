#pragma once
// Importance weights for samples whose rollout distribution is not the trainer's (other kernels,
// precision or expert routing): rho = exp(old - rollout), per token or of the whole sequence.
// Truncated importance sampling (TIS) and IcePop; weights are constants for the gradient.
// Conventions of verl's rollout correction: docs/losses.md. Pure functions, any thread.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace troupe::model {

enum class MismatchLevel {
  None,      // every weight is 1
  Token,     // one ratio per token
  Sequence,  // the ratio of the sum over the sequence's valid tokens, for each of them
};

struct MismatchOptions {
  MismatchLevel level = MismatchLevel::None;
  std::optional<double> low;  // with it: weight 0 outside [low, high] (IcePop)
  double high = 2.0;          // without `low`: min(rho, high) (truncated importance sampling)
};

/// Weight of one log-ratio x = old - rollout (of a token, or summed over a sequence):
/// rho = exp(clamp(x, -20, 20)), then as the options say.
double mismatch_weight(double log_ratio, const MismatchOptions& options);

/// Weights of a ragged batch: `offsets` [sequences + 1], `log_ratios` and `mask` (empty: all 1)
/// [offsets.back()]. Weight 0 where the mask is 0; log-ratios there are not read.
std::vector<double> mismatch_weights(std::span<const std::size_t> offsets,
                                     std::span<const double> log_ratios,
                                     std::span<const std::uint8_t> mask,
                                     const MismatchOptions& options);

}  // namespace troupe::model
