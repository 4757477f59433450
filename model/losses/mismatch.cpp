#include "model/losses/mismatch.hpp"

#include <algorithm>
#include <cmath>

#include "schemas/base/assert.hpp"

namespace troupe::model {

double mismatch_weight(double log_ratio, const MismatchOptions& options) {
  if (options.level == MismatchLevel::None) return 1.0;
  const double rho = std::exp(std::clamp(log_ratio, -20.0, 20.0));
  if (!options.low) return std::min(rho, options.high);
  return rho >= *options.low && rho <= options.high ? rho : 0.0;
}

std::vector<double> mismatch_weights(std::span<const std::size_t> offsets,
                                     std::span<const double> log_ratios,
                                     std::span<const std::uint8_t> mask,
                                     const MismatchOptions& options) {
  TROUPE_ASSERT(!offsets.empty() && offsets.front() == 0, "offsets start at 0");
  const std::size_t total = offsets.back();
  const bool active = options.level != MismatchLevel::None;
  TROUPE_ASSERT(!active || log_ratios.size() == total, "one log-ratio per token");
  TROUPE_ASSERT(mask.empty() || mask.size() == total, "one mask value per token");
  const auto valid = [&](std::size_t t) { return mask.empty() || mask[t] != 0; };

  std::vector<double> weights(total, 0.0);
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    double sum = 0;
    if (options.level == MismatchLevel::Sequence) {
      for (std::size_t t = offsets[i]; t < offsets[i + 1]; ++t) {
        if (valid(t)) sum += log_ratios[t];
      }
    }
    for (std::size_t t = offsets[i]; t < offsets[i + 1]; ++t) {
      if (!valid(t)) continue;
      const double x = options.level == MismatchLevel::Token ? log_ratios[t] : sum;
      weights[t] = mismatch_weight(x, options);
    }
  }
  return weights;
}

}  // namespace troupe::model
