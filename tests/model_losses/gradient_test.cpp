// The analytic gradients against central finite differences, for every form, reduction and option.
#include <cmath>
#include <string>

#include "tests/catch.hpp"
#include "tests/model_losses/batch.hpp"

using namespace troupe;
using namespace troupe::model;
using troupe::tests::Batch;
using troupe::tests::random_batch;

namespace {

constexpr double kStep = 1e-6;

/// True when any quantity whose kink the loss has is within reach of the finite difference.
bool near_kink(const Batch& b, const PolicyLossOptions& o) {
  const auto near = [](double x, double edge) { return std::abs(x - edge) < 1e-4; };
  const auto bad_ratio = [&](double x) {
    const double r = std::exp(x);
    return near(r, 1 - o.clip_low) || near(r, 1 + o.clip_high) ||
           (o.dual_clip && near(r, *o.dual_clip)) || (o.delta && near(r, *o.delta)) ||
           near(std::abs(x), 20) || near(x, 10);
  };
  for (std::size_t i = 0; i + 1 < b.offsets.size(); ++i) {
    double sum = 0, n = 0, d_sum = 0, drift = 0;
    for (std::size_t t = b.offsets[i]; t < b.offsets[i + 1]; ++t) {
      if (b.mask[t] == 0) continue;
      const double x = b.logprobs[t] - b.old_logprobs[t];
      const double d = b.logprobs[t] - b.ref[t];
      if (bad_ratio(x) || near(d, 0)) return true;
      if (near(kl_term(d, KlEstimator::K3).value, 10)) return true;
      sum += x, n += 1, d_sum += d, drift += b.rollout[t] - b.logprobs[t];
    }
    if (bad_ratio(sum) || bad_ratio(sum / n) || near(d_sum, 0)) return true;
    if (near(kl_term(d_sum, KlEstimator::K3).value, 10)) return true;
    if (o.off_policy_mask && near(drift / n, *o.off_policy_mask)) return true;
  }
  return false;
}

/// The loss as a function of the log-probabilities. Weights that the gradient treats as constants
/// (Cispo's) are held at `frozen`.
double loss_at(const Batch& b, const Batch& frozen, const PolicyLossOptions& o,
               const Normaliser& n) {
  if (o.form != PolicyLossForm::Cispo) return policy_loss(b.input(), o, n).loss;
  // -sg(w) A logp: the Gpg loss with the frozen weights as further detached factors.
  std::vector<double> weights(b.logprobs.size());
  for (std::size_t i = 0; i + 1 < b.offsets.size(); ++i) {
    for (std::size_t t = b.offsets[i]; t < b.offsets[i + 1]; ++t) {
      const double r = std::exp(frozen.logprobs[t] - frozen.old_logprobs[t]);
      weights[t] = o.cispo_cap ? std::min(r, *o.cispo_cap)
                               : std::min(std::max(r, 1 - o.clip_low), 1 + o.clip_high);
    }
  }
  PolicyLossInput in = b.input();
  in.weights = weights;
  PolicyLossOptions gpg = o;
  gpg.form = PolicyLossForm::Gpg;
  return policy_loss(in, gpg, n).loss;
}

void check_gradient(const PolicyLossOptions& o, const std::string& what) {
  int checked = 0;
  for (std::uint64_t seed = 1; checked < 3 && seed < 60; ++seed) {
    const Batch b = random_batch(seed, 4, 1.2);
    if (near_kink(b, o)) continue;
    ++checked;
    const Normaliser n = count(b.input());
    const PolicyLossResult got = policy_loss(b.input(), o, n);
    INFO(what << " seed " << seed);
    CHECK(got.loss == Approx(loss_at(b, b, o, n)).margin(1e-12));
    for (std::size_t t = 0; t < b.logprobs.size(); ++t) {
      Batch up = b, down = b;
      up.logprobs[t] += kStep;
      down.logprobs[t] -= kStep;
      const double numeric = (loss_at(up, b, o, n) - loss_at(down, b, o, n)) / (2 * kStep);
      INFO("token " << t);
      CHECK(got.gradient[t] == Approx(numeric).epsilon(1e-6).margin(2e-8));
    }
  }
  REQUIRE(checked == 3);
}

std::vector<std::pair<std::string, PolicyLossOptions>> option_sets() {
  std::vector<std::pair<std::string, PolicyLossOptions>> sets;
  const auto add = [&](std::string name, auto change) {
    PolicyLossOptions o;
    change(o);
    sets.emplace_back(std::move(name), o);
  };
  add("default", [](auto&) {});
  add("clip_higher", [](auto& o) { o.clip_high = 0.5; });
  add("dual_clip", [](auto& o) { o.dual_clip = 1.5; });
  add("delta", [](auto& o) { o.delta = 1.6; });
  add("delta_below_clip", [](auto& o) { o.delta = 1.1; });
  add("no_clamp", [](auto& o) { o.clamp_log_ratio = false; });
  add("cispo_relative", [](auto& o) { o.cispo_cap.reset(); });
  add("length_norm", [](auto& o) { o.length_norm = 7; });
  for (auto kl : {KlEstimator::K1, KlEstimator::K2, KlEstimator::K3, KlEstimator::Abs}) {
    add("kl" + std::to_string(static_cast<int>(kl)), [&](auto& o) {
      o.kl = kl;
      o.kl_coefficient = 0.3;
    });
  }
  add("kl_clamp", [](auto& o) {
    o.kl_coefficient = 0.3;
    o.kl_clamp = true;
  });
  add("tis_token", [](auto& o) {
    o.mismatch.level = MismatchLevel::Token;
    o.mismatch.high = 1.05;
  });
  add("icepop_sequence", [](auto& o) { o.mismatch = {MismatchLevel::Sequence, 0.7, 1.4}; });
  add("off_policy_mask", [](auto& o) { o.off_policy_mask = 0.1; });
  return sets;
}

}  // namespace

TEST_CASE("the_gradient_is_the_derivative_of_the_loss_for_every_form_reduction_and_option") {
  for (const auto& [name, base] : option_sets()) {
    for (auto form : {PolicyLossForm::Clipped, PolicyLossForm::Sequence, PolicyLossForm::Gspo,
                      PolicyLossForm::Cispo, PolicyLossForm::Sapo, PolicyLossForm::Gpg}) {
      for (auto reduction :
           {Reduction::TokenMean, Reduction::SeqMeanTokenMean, Reduction::SeqMeanTokenSum,
            Reduction::SeqMeanTokenSumNorm, Reduction::TokenSum}) {
        PolicyLossOptions o = base;
        o.form = form;
        o.reduction = reduction;
        check_gradient(o, name + " form " + std::to_string(static_cast<int>(form)) + " reduction " +
                              std::to_string(static_cast<int>(reduction)));
      }
    }
  }
}
