#include "model/losses/policy_loss.hpp"

#include <algorithm>
#include <cmath>

#include "schemas/base/assert.hpp"

namespace troupe::model {
namespace {

constexpr double kLogRatioLimit = 20.0;
constexpr double kGspoLogRatioLimit = 10.0;

struct Branch {
  double value;
  double derivative;  // with respect to the log-ratio
};

double clamped(double log_ratio, const PolicyLossOptions& options) {
  if (!options.clamp_log_ratio) return log_ratio;
  if (options.form == PolicyLossForm::Gspo) return std::min(log_ratio, kGspoLogRatioLimit);
  return std::clamp(log_ratio, -kLogRatioLimit, kLogRatioLimit);
}

/// max(-A min(r, delta), -A clip(r)), then min(-A c, that) for A < 0.
PolicyTerm clipped_term(double ratio, double d_ratio, double a, const PolicyLossOptions& options) {
  const double low = 1 - options.clip_low, high = 1 + options.clip_high;
  const bool over_delta = options.delta && ratio > *options.delta;
  const Branch first =
      over_delta ? Branch{-a * *options.delta, 0} : Branch{-a * ratio, -a * d_ratio};
  const bool inside = ratio >= low && ratio <= high;
  const Branch second = inside        ? Branch{-a * ratio, -a * d_ratio}
                        : ratio < low ? Branch{-a * low, 0}
                                      : Branch{-a * high, 0};
  const bool take_second = second.value > first.value;
  PolicyTerm term;
  term.value = take_second ? second.value : first.value;
  term.derivative = take_second ? second.derivative : first.derivative;
  term.clipped_low = take_second && a < 0;
  term.clipped_high = take_second && a > 0;
  term.clipped_dual = !take_second && over_delta && a < 0;
  if (a < 0 && options.dual_clip && term.value > -a * *options.dual_clip) {
    term.value = -a * *options.dual_clip;
    term.derivative = 0;
    term.clipped_dual = true;
  }
  return term;
}

PolicyTerm cispo_term(double ratio, double logprob, double a, const PolicyLossOptions& options) {
  PolicyTerm term;
  double weight = ratio;
  if (options.cispo_cap) {
    weight = std::min(ratio, *options.cispo_cap);
  } else {
    weight = std::clamp(ratio, 1 - options.clip_low, 1 + options.clip_high);
  }
  term.clipped_low = weight > ratio;
  term.clipped_high = weight < ratio;
  term.value = -weight * a * logprob;
  term.derivative = -weight * a;
  return term;
}

PolicyTerm sapo_term(double ratio, double d_ratio, double a, const PolicyLossOptions& options) {
  const double tau = a > 0 ? options.sapo_tau_positive : options.sapo_tau_negative;
  const double x = tau * (ratio - 1);
  const double e = std::exp(-std::abs(x));  // in (0, 1]: neither side of the sigmoid overflows
  const double sigmoid = x >= 0 ? 1 / (1 + e) : e / (1 + e);
  PolicyTerm term;
  term.value = -a * sigmoid * 4 / tau;
  term.derivative = e == 0 ? 0 : -a * 4 * e / ((1 + e) * (1 + e)) * d_ratio;
  return term;
}

void check(const PolicyLossInput& input, const PolicyLossOptions& options) {
  TROUPE_ASSERT(!input.offsets.empty() && input.offsets.front() == 0, "offsets start at 0");
  TROUPE_ASSERT(std::is_sorted(input.offsets.begin(), input.offsets.end()), "offsets ascend");
  const std::size_t total = input.offsets.back();
  const auto fits = [&](auto span, bool may_be_empty) {
    return span.size() == total || (may_be_empty && span.empty());
  };
  TROUPE_ASSERT(fits(input.logprobs, false), "one log-probability per token");
  TROUPE_ASSERT(fits(input.old_logprobs, false), "one old log-probability per token");
  TROUPE_ASSERT(fits(input.rollout_logprobs, options.mismatch.level == MismatchLevel::None),
                "mismatch weights need the rollout log-probabilities");
  TROUPE_ASSERT(fits(input.ref_logprobs, options.kl_coefficient == 0),
                "a KL term needs the reference log-probabilities");
  TROUPE_ASSERT(fits(input.mask, true), "one mask value per token");
  TROUPE_ASSERT(fits(input.weights, true), "one weight per token");
  TROUPE_ASSERT(input.advantages.size() + 1 == input.offsets.size(), "one advantage per sequence");
}

/// The factor by which the sum over a sequence's tokens enters the loss.
double reduction_factor(const PolicyLossOptions& options, const Normaliser& normaliser,
                        double tokens) {
  const auto inverse = [](double n) { return n > 0 ? 1 / n : 0.0; };
  switch (options.reduction) {
    case Reduction::TokenMean:
      return inverse(normaliser.tokens);
    case Reduction::SeqMeanTokenMean:
      return inverse(normaliser.sequences) * inverse(tokens);
    case Reduction::SeqMeanTokenSum:
      return inverse(normaliser.sequences);
    case Reduction::SeqMeanTokenSumNorm:
      return inverse(normaliser.sequences) * inverse(options.length_norm);
    case Reduction::TokenSum:
      return 1;
  }
  return 0;
}

/// One sequence's valid tokens, gathered, so that the loops below need no mask.
struct Sequence {
  std::vector<std::size_t> tokens;  // positions in the batch
  std::vector<double> weights;      // detached factor of the policy term
  double advantage = 0;
  double factor = 0;  // reduction
};

class Accumulator {
 public:
  Accumulator(const PolicyLossInput& input, const PolicyLossOptions& options,
              const Normaliser& normaliser)
      : input_(input),
        options_(options),
        per_token_(normaliser.tokens > 0 ? 1 / normaliser.tokens : 0),
        per_sequence_(normaliser.sequences > 0 ? 1 / normaliser.sequences : 0) {
    result_.gradient.assign(input.offsets.back(), 0.0);
  }

  void add(const Sequence& sequence) {
    switch (options_.form) {
      case PolicyLossForm::Sequence:
        add_whole(sequence);
        break;
      case PolicyLossForm::Gspo:
        add_gspo(sequence);
        break;
      default:
        add_tokens(sequence);
        break;
    }
    if (!input_.ref_logprobs.empty()) add_kl(sequence);
  }

  PolicyLossResult take() { return std::move(result_); }
  PolicyLossMetrics& metrics() { return result_.metrics; }
  double per_token() const { return per_token_; }

 private:
  double log_ratio(std::size_t t) const { return input_.logprobs[t] - input_.old_logprobs[t]; }

  void observe(const PolicyTerm& term, double ratio, double tokens) {
    const double share = tokens * per_token_;
    if (term.clipped_low) result_.metrics.clip_fraction_low += share;
    if (term.clipped_high) result_.metrics.clip_fraction_high += share;
    if (term.clipped_dual) result_.metrics.dual_clip_fraction += share;
    result_.metrics.mean_ratio += share * ratio;
  }

  void add_tokens(const Sequence& s) {
    for (std::size_t k = 0; k < s.tokens.size(); ++k) {
      const std::size_t t = s.tokens[k];
      const double x = log_ratio(t);
      const PolicyTerm term = policy_term(x, input_.logprobs[t], s.advantage, options_);
      observe(term, std::exp(clamped(x, options_)), 1);
      if (s.weights[k] == 0) continue;  // rejected: its term may have overflowed
      result_.loss += s.factor * s.weights[k] * term.value;
      result_.gradient[t] += s.factor * s.weights[k] * term.derivative;
    }
  }

  /// Every token carries the loss of its sequence, and every token moves the sequence's ratio.
  void add_gspo(const Sequence& s) {
    const double n = static_cast<double>(s.tokens.size());
    double mean = 0, weight = 0;
    for (const std::size_t t : s.tokens) mean += log_ratio(t) / n;
    for (const double w : s.weights) weight += w;
    const PolicyTerm term = policy_term(mean, 0, s.advantage, options_);
    observe(term, std::exp(clamped(mean, options_)), n);
    if (weight == 0) return;
    result_.loss += s.factor * weight * term.value;
    for (const std::size_t t : s.tokens) {
      result_.gradient[t] += s.factor * weight * term.derivative / n;
    }
  }

  void add_whole(const Sequence& s) {
    const double n = static_cast<double>(s.tokens.size());
    double sum = 0, weight = 0;
    for (const std::size_t t : s.tokens) sum += log_ratio(t);
    for (const double w : s.weights) weight += w / n;
    const PolicyTerm term = policy_term(sum, 0, s.advantage, options_);
    observe(term, std::exp(clamped(sum, options_)), n);
    if (weight == 0) return;
    result_.loss += per_sequence_ * weight * term.value;
    for (const std::size_t t : s.tokens) {
      result_.gradient[t] += per_sequence_ * weight * term.derivative;
    }
  }

  void add_kl(const Sequence& s) {
    const double beta = options_.kl_coefficient;
    double sum = 0;
    for (const std::size_t t : s.tokens) {
      const double d = input_.logprobs[t] - input_.ref_logprobs[t];
      sum += d;
      const KlTerm term = kl_term(d, options_.kl, options_.kl_clamp);
      result_.metrics.kl += per_token_ * term.value;
      // Without a coefficient the KL is only watched: infinity times 0 must not reach the loss.
      if (options_.form == PolicyLossForm::Sequence || beta == 0) continue;
      result_.loss += s.factor * beta * term.value;
      result_.gradient[t] += s.factor * beta * term.derivative;
    }
    if (options_.form != PolicyLossForm::Sequence || beta == 0) return;
    const KlTerm term = kl_term(sum, options_.kl, options_.kl_clamp);
    result_.loss += per_sequence_ * beta * term.value;
    for (const std::size_t t : s.tokens) {
      result_.gradient[t] += per_sequence_ * beta * term.derivative;
    }
  }

  const PolicyLossInput& input_;
  const PolicyLossOptions& options_;
  double per_token_;
  double per_sequence_;
  PolicyLossResult result_;
};

/// Mismatch weights times the caller's, and the metrics of both.
std::vector<double> policy_weights(const PolicyLossInput& input, const PolicyLossOptions& options,
                                   double per_token, PolicyLossMetrics& metrics) {
  const bool has_rollout = !input.rollout_logprobs.empty();
  std::vector<double> log_ratios(has_rollout ? input.offsets.back() : 0);
  for (std::size_t t = 0; t < log_ratios.size(); ++t) {
    if (!input.mask.empty() && input.mask[t] == 0) continue;
    log_ratios[t] = input.old_logprobs[t] - input.rollout_logprobs[t];
    metrics.mismatch_ratio +=
        per_token * std::exp(std::clamp(log_ratios[t], -kLogRatioLimit, kLogRatioLimit));
  }
  std::vector<double> weights =
      mismatch_weights(input.offsets, log_ratios, input.mask, options.mismatch);
  for (std::size_t t = 0; t < weights.size(); ++t) {
    metrics.mismatch_weight += per_token * weights[t];
    // Masked tokens keep weight 0 without reading the caller's value there.
    if (!input.weights.empty() && weights[t] != 0) weights[t] *= input.weights[t];
  }
  return weights;
}

bool kept(const PolicyLossInput& input, const PolicyLossOptions& options,
          const Sequence& sequence) {
  if (!options.off_policy_mask) return true;
  const auto behaviour =
      input.rollout_logprobs.empty() ? input.old_logprobs : input.rollout_logprobs;
  double drift = 0;
  for (const std::size_t t : sequence.tokens) drift += behaviour[t] - input.logprobs[t];
  drift /= static_cast<double>(sequence.tokens.size());
  return keeps_sequence(sequence.advantage, drift, *options.off_policy_mask);
}

}  // namespace

bool keeps_sequence(double advantage, double mean_drift, double threshold) {
  return !(advantage < 0 && mean_drift > threshold);
}

PolicyTerm policy_term(double log_ratio, double logprob, double advantage,
                       const PolicyLossOptions& options) {
  // Before any product: 0 times an overflowed ratio is not a number.
  if (advantage == 0) return {};
  const double x = clamped(log_ratio, options);
  const double ratio = std::exp(x);
  const double d_ratio = x == log_ratio ? ratio : 0.0;
  switch (options.form) {
    case PolicyLossForm::Clipped:
    case PolicyLossForm::Sequence:
    case PolicyLossForm::Gspo:
      return clipped_term(ratio, d_ratio, advantage, options);
    case PolicyLossForm::Cispo:
      return cispo_term(ratio, logprob, advantage, options);
    case PolicyLossForm::Sapo:
      return sapo_term(ratio, d_ratio, advantage, options);
    case PolicyLossForm::Gpg: {
      PolicyTerm term;
      term.value = -advantage * logprob;
      term.derivative = -advantage;
      return term;
    }
  }
  return {};
}

Normaliser count(const PolicyLossInput& input) {
  Normaliser normaliser;
  for (std::size_t i = 0; i + 1 < input.offsets.size(); ++i) {
    double tokens = 0;
    for (std::size_t t = input.offsets[i]; t < input.offsets[i + 1]; ++t) {
      tokens += input.mask.empty() || input.mask[t] != 0;
    }
    normaliser.tokens += tokens;
    normaliser.sequences += tokens > 0;
  }
  return normaliser;
}

PolicyLossResult policy_loss(const PolicyLossInput& input, const PolicyLossOptions& options,
                             const Normaliser& normaliser) {
  check(input, options);
  Accumulator sum(input, options, normaliser);
  const std::vector<double> weights =
      policy_weights(input, options, sum.per_token(), sum.metrics());
  Sequence sequence;
  for (std::size_t i = 0; i + 1 < input.offsets.size(); ++i) {
    sequence.tokens.clear();
    sequence.weights.clear();
    for (std::size_t t = input.offsets[i]; t < input.offsets[i + 1]; ++t) {
      if (!input.mask.empty() && input.mask[t] == 0) continue;
      sequence.tokens.push_back(t);
      sequence.weights.push_back(weights[t]);
      const double log_ratio = input.logprobs[t] - input.old_logprobs[t];
      sum.metrics().ppo_kl -=
          sum.per_token() * (options.clamp_log_ratio
                                 ? std::clamp(log_ratio, -kLogRatioLimit, kLogRatioLimit)
                                 : log_ratio);
    }
    if (sequence.tokens.empty()) continue;
    sequence.advantage = input.advantages[i];
    sequence.factor =
        reduction_factor(options, normaliser, static_cast<double>(sequence.tokens.size()));
    if (!kept(input, options, sequence)) {
      sequence.weights.assign(sequence.tokens.size(), 0.0);
    }
    sum.add(sequence);
  }
  return sum.take();
}

}  // namespace troupe::model
