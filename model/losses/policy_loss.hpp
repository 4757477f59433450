#pragma once
// Policy-gradient losses per token, in double precision, with their analytic gradient with respect
// to the log-probabilities. The training engine computes log-probabilities, calls this, and
// back-propagates the gradient it returns; nothing else in Troupe knows a loss formula. Pure
// functions, any thread. Formulas and conventions: docs/losses.md and the papers named here.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "schemas/base/result.hpp"

namespace troupe::model {

/// Which objective a token contributes.
enum class PolicyLossForm {
  Clipped,   // PPO / GRPO: -min(r A, clip(r) A), with dual clip and two-sided delta as options
  Sequence,  // GRPO as printed in the R1 report: the ratio of the whole output (for comparison)
  Gspo,      // sequence ratio, length-normalised: exp(mean log-ratio)
  Cispo,     // -sg(weight) A logp
  Sapo,      // soft gate: -A sigmoid(tau (r - 1)) 4 / tau
  Gpg,       // -A logp
};

enum class Reduction {
  TokenMean,           // sum over tokens / valid tokens of the whole step
  SeqMeanTokenMean,    // mean over sequences of the mean over tokens: original GRPO
  SeqMeanTokenSum,
  SeqMeanTokenSumNorm, // Dr. GRPO: sum / (sequences * length_norm)
  TokenSum,
};

enum class KlEstimator { K1, K2, K3, Abs };

enum class MismatchLevel { None, Token, Sequence };

/// Weight for samples whose rollout distribution is not the trainer's: rho = exp(old - rollout).
struct MismatchOptions {
  MismatchLevel level = MismatchLevel::None;
  std::optional<double> low;   // with it: weight 0 outside [low, high] (IcePop)
  double high = 2.0;           // without `low`: min(rho, high) (truncated importance sampling)
};

struct PolicyLossOptions {
  PolicyLossForm form = PolicyLossForm::Clipped;
  Reduction reduction = Reduction::TokenMean;
  double clip_low = 0.2;
  double clip_high = 0.2;
  std::optional<double> dual_clip;    // c > 1: for A < 0 the loss is at most -A c
  std::optional<double> delta;        // two-sided: r := min(r, delta) in the unclipped term
  bool clamp_log_ratio = true;        // log-ratio into [-20, 20] (verl); false: none (TRL)
  double cispo_cap = 5.0;             // absolute cap of the weight
  double sapo_tau_positive = 1.0, sapo_tau_negative = 1.05;
  double length_norm = 1.0;           // L_max of SeqMeanTokenSumNorm
  double kl_coefficient = 0.0;        // beta
  KlEstimator kl = KlEstimator::K3;
  bool kl_clamp = false;              // verl: d into [-20, 20], value into [-10, 10]
  MismatchOptions mismatch;
};

/// A ragged batch of sequences: token t of sequence i is at offsets[i] + t. All arrays have
/// offsets.back() elements, advantages and the counts one per sequence.
struct PolicyLossInput {
  std::span<const std::size_t> offsets;      // [sequences + 1], starts at 0
  std::span<const double> logprobs;          // under the weights being trained
  std::span<const double> old_logprobs;      // under the policy that starts the update
  std::span<const double> rollout_logprobs;  // as the generator reported; may be empty
  std::span<const double> ref_logprobs;      // reference model; may be empty without KL
  std::span<const std::uint8_t> mask;        // 1: carries loss; may be empty: all do
  std::span<const double> advantages;        // [sequences]
};

/// Counts over the whole optimizer step, so that the loss does not depend on micro-batches.
struct Normaliser {
  double tokens = 0;     // with mask 1
  double sequences = 0;
};

/// Sums over tokens with mask 1 (to be divided by the token count of the step).
struct PolicyLossMetrics {
  double clip_fraction_low = 0;   // A < 0 and the lower clip took the gradient
  double clip_fraction_high = 0;  // A > 0 and the upper clip took the gradient
  double dual_clip_fraction = 0;
  double ppo_kl = 0;              // mean of old - new
  double mean_ratio = 0;
  double kl = 0;                  // mean of the estimator against the reference
  double mismatch_weight = 0;     // mean importance weight
};

struct PolicyLossResult {
  double loss = 0;               // this micro-batch's share: shares of a step add up to its loss
  std::vector<double> gradient;  // d loss / d logprobs
  PolicyLossMetrics metrics;     // this micro-batch's share: shares add up to the step's means
};

/// The whole batch's own counts.
Normaliser count(const PolicyLossInput& input);

PolicyLossResult policy_loss(const PolicyLossInput& input, const PolicyLossOptions& options,
                             const Normaliser& normaliser);

}  // namespace troupe::model
