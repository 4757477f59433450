#include "model/losses/kl.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::model {
namespace {

constexpr double kInputLimit = 20.0;
constexpr double kValueLimit = 10.0;

/// exp(-d) + d - 1. Near 0 the terms cancel (the value is d^2/2), so a series takes over.
double k3(double d) {
  if (std::abs(d) < 1e-3) {
    return d * d / 2 * (1 - d / 3 * (1 - d / 4 * (1 - d / 5 * (1 - d / 6))));
  }
  return std::expm1(-d) + d;
}

}  // namespace

KlTerm kl_term(double d, KlEstimator estimator, bool clamp) {
  switch (estimator) {
    case KlEstimator::K1:
      return {d, 1.0};
    case KlEstimator::K2:
      return {d * d / 2, d};
    case KlEstimator::Abs:
      return {std::abs(d), d > 0 ? 1.0 : d < 0 ? -1.0 : 0.0};
    case KlEstimator::K3:
    case KlEstimator::K3Plus:
      break;
  }
  const double inside = clamp ? std::clamp(d, -kInputLimit, kInputLimit) : d;
  KlTerm term{k3(inside), -std::expm1(-inside)};
  if (clamp) {
    if (inside != d || std::abs(term.value) > kValueLimit) term.derivative = 0;
    term.value = std::clamp(term.value, -kValueLimit, kValueLimit);
  }
  if (estimator == KlEstimator::K3Plus) term.derivative = d;
  return term;
}

}  // namespace troupe::model
