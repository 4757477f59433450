#pragma once
// Estimators of KL(policy || reference) from one sampled token (Schulman, "Approximating KL
// Divergence", 2020; DeepSeekMath 2402.03300 eq. 4 uses K3). Pure functions, any thread.
// K1 and K3 are unbiased for the value; as a loss only K2 (and K3Plus) has the gradient of KL in
// expectation. docs/losses.md has the table.

namespace troupe::model {

enum class KlEstimator {
  K1,      // d
  K2,      // d^2 / 2
  K3,      // exp(-d) + d - 1
  Abs,     // |d|
  K3Plus,  // value of K3, gradient of K2
};

struct KlTerm {
  double value = 0;
  double derivative = 0;  // with respect to the policy's log-probability
};

/// `d` = log-probability under the policy minus under the reference. With `clamp` the exponential
/// estimators take d into [-20, 20] and their value into [-10, 10]; where either clamp binds the
/// derivative of K3 is 0 (verl's `low_var_kl`).
KlTerm kl_term(double d, KlEstimator estimator, bool clamp = false);

}  // namespace troupe::model
