#pragma once
// Policy-gradient losses per token, in double precision, with their analytic gradient with respect
// to the log-probabilities. The training engine computes log-probabilities, calls this, and
// back-propagates the gradient it returns; nothing else in Troupe knows a loss formula. Pure
// functions, any thread. Formulas and conventions: docs/losses.md and the papers named here.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "model/losses/kl.hpp"
#include "model/losses/mismatch.hpp"

namespace troupe::model {

/// Which objective a token contributes. r is exp(new - old), A the advantage of the sequence.
enum class PolicyLossForm {
  Clipped,   // PPO / GRPO: -min(r A, clip(r) A), with dual clip and two-sided delta as options
  Sequence,  // GRPO as printed in the R1 report: ratio and KL of the whole output (for comparison);
             // one loss per sequence, always averaged over sequences whatever the reduction
  Gspo,      // sequence ratio, length-normalised: exp(mean log-ratio); clip as Clipped
  Cispo,     // -sg(weight) A logp
  Sapo,      // soft gate: -A sigmoid(tau (r - 1)) 4 / tau
  Gpg,       // -A logp
};

enum class Reduction {
  TokenMean,            // sum over tokens / valid tokens of the whole step
  SeqMeanTokenMean,     // mean over sequences of the mean over tokens: original GRPO
  SeqMeanTokenSum,      // mean over sequences of the sum over tokens
  SeqMeanTokenSumNorm,  // Dr. GRPO: sum / (sequences * length_norm)
  TokenSum,             // no normaliser
};

struct PolicyLossOptions {
  PolicyLossForm form = PolicyLossForm::Clipped;
  Reduction reduction = Reduction::TokenMean;
  double clip_low = 0.2;
  double clip_high = 0.2;
  std::optional<double> dual_clip;        // c > 1: for A < 0 the loss is at most -A c
  std::optional<double> delta;            // two-sided: r := min(r, delta) in the unclipped term
  bool clamp_log_ratio = true;            // log-ratio into [-20, 20], of Gspo to at most 10 (verl);
                                          // false: none (TRL)
  std::optional<double> cispo_cap = 5.0;  // weight min(r, cap) (TRL); none: clip(r) (verl)
  double sapo_tau_positive = 1.0, sapo_tau_negative = 1.05;  // for A > 0, for A <= 0
  double length_norm = 1.0;                                  // L_max of SeqMeanTokenSumNorm
  double kl_coefficient = 0.0;                               // beta
  KlEstimator kl = KlEstimator::K3;
  bool kl_clamp = false;  // verl: d into [-20, 20], value into [-10, 10] (K3, K3Plus)
  MismatchOptions mismatch;
  std::optional<double> off_policy_mask;  // drop the policy term of a sequence (keeps_sequence)
};

/// A ragged batch of sequences: token t of sequence i is at offsets[i] + t. All arrays have
/// offsets.back() elements, advantages one per sequence. Values at masked tokens are never read.
struct PolicyLossInput {
  std::span<const std::size_t> offsets;      // [sequences + 1], starts at 0
  std::span<const double> logprobs;          // under the weights being trained
  std::span<const double> old_logprobs;      // under the policy that starts the update
  std::span<const double> rollout_logprobs;  // as the generator reported; may be empty without
                                             // mismatch correction
  std::span<const double> ref_logprobs;      // reference model; may be empty without KL
  std::span<const std::uint8_t> mask;        // 1: carries loss; may be empty: all do
  std::span<const double> advantages;        // [sequences]
  std::span<const double> weights{};         // further detached factors of the policy term; may be
                                             // empty: all 1
};

/// Counts over the whole optimizer step, so that the loss does not depend on micro-batches.
struct Normaliser {
  double tokens = 0;     // with mask 1
  double sequences = 0;  // with at least one such token (verl; TRL counts the others too)
};

/// Means over the tokens with mask 1 of the step; each micro-batch returns its share of them.
struct PolicyLossMetrics {
  double clip_fraction_low = 0;   // A < 0 and the lower clip took the gradient; Cispo: floored
  double clip_fraction_high = 0;  // A > 0 and the upper clip took the gradient; Cispo: capped
  double dual_clip_fraction = 0;  // A < 0 and dual clip or delta took the gradient
  double ppo_kl = 0;              // mean of old - new
  double mean_ratio = 0;
  double kl = 0;               // mean of the estimator against the reference, if one is given
  double mismatch_ratio = 0;   // mean of exp(old - rollout), uncorrected, if rollout is given
  double mismatch_weight = 0;  // mean of the weight applied
};

struct PolicyLossResult {
  double loss = 0;               // this micro-batch's share: shares of a step add up to its loss
  std::vector<double> gradient;  // d loss / d logprobs, 0 at masked tokens
  PolicyLossMetrics metrics;     // this micro-batch's share: shares add up to the step's means
};

/// The whole batch's own counts.
Normaliser count(const PolicyLossInput& input);

/// One token's (or sequence's) policy term before reduction, and its derivative with respect to the
/// log-probability. At a kink the derivative is the one of the unclipped side, as in PyTorch.
struct PolicyTerm {
  double value = 0;
  double derivative = 0;
  bool clipped_low = false, clipped_high = false, clipped_dual = false;
};

/// The term of `form` for the log-ratio `log_ratio` (already summed or averaged for Sequence and
/// Gspo) and the log-probability `logprob` (read by Cispo and Gpg only). `log_ratio` is clamped
/// here as the options say; where the clamp binds the derivative of a ratio is 0.
PolicyTerm policy_term(double log_ratio, double logprob, double advantage,
                       const PolicyLossOptions& options);

/// Off-policy sequence mask (DeepSeek-V3.2; TRL): a sequence with a negative advantage is dropped
/// when the policy has moved away from it by more than `threshold` nats per token on average.
/// `mean_drift`: mean over valid tokens of behaviour minus new log-probability.
bool keeps_sequence(double advantage, double mean_drift, double threshold);

/// Loss, gradient and metrics of one micro-batch. Every sequence must be whole in it. A normaliser
/// of zero counts gives zeros. Where KL or mismatch is asked for, its log-probabilities are needed.
PolicyLossResult policy_loss(const PolicyLossInput& input, const PolicyLossOptions& options,
                             const Normaliser& normaliser);

}  // namespace troupe::model
