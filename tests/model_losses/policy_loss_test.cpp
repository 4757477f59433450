// Properties of the losses that finite differences do not see.
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>

#include "model/losses/names.hpp"
#include "tests/catch.hpp"
#include "tests/model_losses/batch.hpp"

using namespace troupe;
using namespace troupe::model;
using troupe::tests::Batch;
using troupe::tests::random_batch;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Batch single(double lp, double old, double advantage) {
  Batch b;
  b.offsets = {0, 1};
  b.logprobs = {lp};
  b.old_logprobs = {old};
  b.advantages = {advantage};
  return b;
}

PolicyLossResult whole(const Batch& b, const PolicyLossOptions& o) {
  return policy_loss(b.input(), o, count(b.input()));
}

/// The sequences [first, last) of a batch.
Batch part(const Batch& b, std::size_t first, std::size_t last) {
  Batch p;
  const auto cut = [&](const auto& from, auto& to) {
    to.assign(from.begin() + static_cast<std::ptrdiff_t>(b.offsets[first]),
              from.begin() + static_cast<std::ptrdiff_t>(b.offsets[last]));
  };
  for (std::size_t i = first; i < last; ++i) {
    p.offsets.push_back(b.offsets[i + 1] - b.offsets[first]);
    p.advantages.push_back(b.advantages[i]);
  }
  cut(b.logprobs, p.logprobs);
  cut(b.old_logprobs, p.old_logprobs);
  cut(b.rollout, p.rollout);
  cut(b.ref, p.ref);
  cut(b.mask, p.mask);
  return p;
}

}  // namespace

TEST_CASE("the_loss_does_not_depend_on_how_a_step_is_cut_into_micro_batches") {
  for (const auto form : {PolicyLossForm::Clipped, PolicyLossForm::Sequence, PolicyLossForm::Gspo,
                          PolicyLossForm::Cispo, PolicyLossForm::Sapo, PolicyLossForm::Gpg}) {
    for (int r = 0; r <= static_cast<int>(Reduction::TokenSum); ++r) {
      PolicyLossOptions o;
      o.form = form;
      o.reduction = static_cast<Reduction>(r);
      o.length_norm = 6;
      o.kl_coefficient = 0.1;
      o.dual_clip = 3;
      o.mismatch.level = MismatchLevel::Token;
      const Batch b = random_batch(77, 9, 0.8);
      const Normaliser n = count(b.input());
      const PolicyLossResult all = policy_loss(b.input(), o, n);
      PolicyLossResult shares;
      for (const auto& [first, last] : {std::pair{0, 2}, std::pair{2, 3}, std::pair{3, 9}}) {
        const PolicyLossResult s = policy_loss(part(b, first, last).input(), o, n);
        shares.loss += s.loss;
        shares.gradient.insert(shares.gradient.end(), s.gradient.begin(), s.gradient.end());
        shares.metrics.kl += s.metrics.kl;
        shares.metrics.mean_ratio += s.metrics.mean_ratio;
        shares.metrics.ppo_kl += s.metrics.ppo_kl;
        shares.metrics.mismatch_weight += s.metrics.mismatch_weight;
        shares.metrics.mismatch_ratio += s.metrics.mismatch_ratio;
        shares.metrics.clip_fraction_high += s.metrics.clip_fraction_high;
      }
      CHECK(shares.loss == Approx(all.loss));
      for (std::size_t t = 0; t < all.gradient.size(); ++t) {
        CHECK(shares.gradient[t] == Approx(all.gradient[t]).margin(1e-15));
      }
      CHECK(shares.metrics.kl == Approx(all.metrics.kl));
      CHECK(shares.metrics.mean_ratio == Approx(all.metrics.mean_ratio));
      CHECK(shares.metrics.ppo_kl == Approx(all.metrics.ppo_kl));
      CHECK(shares.metrics.mismatch_weight == Approx(all.metrics.mismatch_weight));
      CHECK(shares.metrics.mismatch_ratio == Approx(all.metrics.mismatch_ratio));
      CHECK(shares.metrics.clip_fraction_high == Approx(all.metrics.clip_fraction_high));
    }
  }
}

TEST_CASE("masked_tokens_are_never_read") {
  Batch b = random_batch(5, 5, 0.5);
  PolicyLossOptions o;
  o.kl_coefficient = 0.2;
  o.mismatch.level = MismatchLevel::Sequence;
  o.off_policy_mask = 0.5;
  for (const auto form : {PolicyLossForm::Clipped, PolicyLossForm::Gspo, PolicyLossForm::Sapo}) {
    o.form = form;
    const PolicyLossResult before = whole(b, o);
    Batch poisoned = b;
    for (std::size_t t = 0; t < b.mask.size(); ++t) {
      if (b.mask[t] != 0) continue;
      poisoned.logprobs[t] = poisoned.ref[t] = kNan;
      poisoned.old_logprobs[t] = kInf;
      poisoned.rollout[t] = -kInf;
    }
    const PolicyLossResult after = whole(poisoned, o);
    CHECK(after.loss == before.loss);
    CHECK(after.gradient == before.gradient);
    CHECK(after.metrics.mismatch_ratio == before.metrics.mismatch_ratio);
  }
}

TEST_CASE("on_policy_every_ratio_form_has_the_gradient_of_the_plain_policy_gradient") {
  Batch b = random_batch(8, 6, 0.5);
  b.old_logprobs = b.logprobs;
  PolicyLossOptions gpg;
  gpg.form = PolicyLossForm::Gpg;
  const auto expected = whole(b, gpg).gradient;
  for (const auto form : {PolicyLossForm::Clipped, PolicyLossForm::Gspo, PolicyLossForm::Cispo,
                          PolicyLossForm::Sapo}) {
    PolicyLossOptions o;
    o.form = form;
    o.dual_clip = 3;
    const auto got = whole(b, o).gradient;
    for (std::size_t t = 0; t < got.size(); ++t) {
      CHECK(got[t] == Approx(expected[t]).margin(1e-15));
    }
  }
}

TEST_CASE("clipping_stops_the_gradient_only_where_the_objective_would_grow") {
  PolicyLossOptions o;
  CHECK(whole(single(0.5, 0, 1), o).gradient[0] == 0);
  CHECK(whole(single(0.5, 0, 1), o).metrics.clip_fraction_high == 1);
  CHECK(whole(single(-0.5, 0, 1), o).gradient[0] < 0);
  CHECK(whole(single(-0.5, 0, -1), o).gradient[0] == 0);
  CHECK(whole(single(-0.5, 0, -1), o).metrics.clip_fraction_low == 1);
  CHECK(whole(single(0.5, 0, -1), o).gradient[0] > 0);
  o.clip_high = 10;  // the R1 recipe: the lower bound 1 - 10 never binds
  o.clip_low = 10;
  CHECK(whole(single(2.3, 0, 1), o).gradient[0] < 0);
  CHECK(whole(single(2.5, 0, 1), o).gradient[0] == 0);
  CHECK(whole(single(-5, 0, -1), o).gradient[0] > 0);
}

TEST_CASE("dual_clip_and_delta_bound_the_loss_of_a_bad_sample_alike") {
  PolicyLossOptions dual, delta;
  dual.dual_clip = 3;
  delta.delta = 3;
  for (const double x : {-1.0, 0.0, 0.5, 1.0, 1.2, 4.0}) {
    const auto a = whole(single(x, 0, -0.7), dual), b = whole(single(x, 0, -0.7), delta);
    CHECK(a.loss == Approx(b.loss));
    CHECK(a.gradient[0] == Approx(b.gradient[0]));
    CHECK(a.metrics.dual_clip_fraction == b.metrics.dual_clip_fraction);
    CHECK(a.loss <= 0.7 * 3 + 1e-12);
  }
}

TEST_CASE("overflowing_ratios_stay_where_they_are_and_never_become_nan") {
  PolicyLossOptions o;
  o.clamp_log_ratio = false;
  for (const auto form : {PolicyLossForm::Clipped, PolicyLossForm::Gspo, PolicyLossForm::Sapo,
                          PolicyLossForm::Sequence}) {
    o.form = form;
    CHECK(std::isfinite(whole(single(2000, 0, 1), o).loss));
    CHECK(whole(single(2000, 0, 1), o).gradient[0] == 0);
    CHECK(whole(single(2000, 0, 0), o).loss == 0);
    CHECK(whole(single(2000, 0, 0), o).gradient[0] == 0);
  }
  o.form = PolicyLossForm::Clipped;
  o.dual_clip = 3;
  CHECK(whole(single(2000, 0, -1), o).loss == 3);
  o.dual_clip.reset();
  o.clamp_log_ratio = true;
  CHECK(whole(single(2000, 0, -1), o).loss == Approx(std::exp(20.0)));
  CHECK(whole(single(2000, 0, -1), o).gradient[0] == 0);
}

TEST_CASE("a_rejected_token_has_no_loss_even_if_its_ratio_overflowed") {
  Batch b = single(2000, 0, -1);
  b.rollout = {5};  // exp(-5) lies outside the band
  PolicyLossOptions o;
  o.clamp_log_ratio = false;
  o.mismatch = {MismatchLevel::Token, 0.5, 2.0};
  CHECK(whole(b, o).loss == 0);
  CHECK(whole(b, o).gradient[0] == 0);
  CHECK(whole(b, o).metrics.mismatch_weight == 0);
}

TEST_CASE("a_reference_that_is_only_watched_does_not_touch_the_loss") {
  Batch b = single(-1, -1, 1);
  b.ref = {900};  // exp(901) overflows
  PolicyLossOptions o;
  CHECK(whole(b, o).loss == -1);
  CHECK(whole(b, o).gradient[0] == -1);
  b.ref = {-1.5};
  CHECK(whole(b, o).metrics.kl == Approx(std::exp(-0.5) + 0.5 - 1));
}

TEST_CASE("nothing_to_train_on_gives_zeros") {
  Batch b = single(-1, -2, 1);
  b.mask = {0};
  PolicyLossOptions o;
  for (int r = 0; r <= static_cast<int>(Reduction::TokenSum); ++r) {
    o.reduction = static_cast<Reduction>(r);
    CHECK(count(b.input()).sequences == 0);
    CHECK(whole(b, o).loss == 0);
    CHECK(whole(b, o).gradient == std::vector<double>{0});
    CHECK(whole(b, o).metrics.mean_ratio == 0);
    CHECK(whole(Batch{}, o).loss == 0);
  }
}

TEST_CASE("reductions_differ_as_their_names_say") {
  Batch b;  // three tokens against one, all with loss -1
  b.offsets = {0, 3, 4};
  b.logprobs = b.old_logprobs = {-1, -1, -1, -1};
  b.advantages = {1, 3};
  const auto loss = [&](Reduction r) {
    PolicyLossOptions o;
    o.reduction = r;
    o.length_norm = 8;
    return whole(b, o).loss;
  };
  CHECK(loss(Reduction::TokenMean) == Approx(-(3 * 1 + 3) / 4.0));
  CHECK(loss(Reduction::SeqMeanTokenMean) == Approx(-(1 + 3) / 2.0));
  CHECK(loss(Reduction::SeqMeanTokenSum) == Approx(-(3 + 3) / 2.0));
  CHECK(loss(Reduction::SeqMeanTokenSumNorm) == Approx(-(3 + 3) / 16.0));
  CHECK(loss(Reduction::TokenSum) == Approx(-6.0));
}

TEST_CASE("kl_estimators_agree_with_each_other_and_keep_their_digits") {
  CHECK(kl_term(0, KlEstimator::K3).value == 0);
  for (const double d : {-3.0, -0.5, -1e-3, -9.99e-4, 9.99e-4, 1e-3, 0.5, 3.0}) {
    const KlTerm k3 = kl_term(d, KlEstimator::K3);
    const long double exact = std::expm1(-static_cast<long double>(d)) + d;
    CHECK(k3.value == Approx(static_cast<double>(exact)).epsilon(1e-12));
    CHECK(k3.derivative == Approx(1 - std::exp(-d)).epsilon(1e-12));
    CHECK(kl_term(d, KlEstimator::K3Plus).value == k3.value);
    CHECK(kl_term(d, KlEstimator::K3Plus).derivative == d);
    CHECK(kl_term(d, KlEstimator::Abs).value == std::abs(d));
  }
  // d^2 / 2 where the plain formula has lost every digit
  CHECK(kl_term(1e-9, KlEstimator::K3).value == Approx(5e-19).epsilon(1e-8));
  CHECK(kl_term(-30, KlEstimator::K3, true).value == 10);
  CHECK(kl_term(-30, KlEstimator::K3, true).derivative == 0);
  CHECK(kl_term(-2.9, KlEstimator::K3, true).derivative == 0);
  CHECK(kl_term(-2.0, KlEstimator::K3, true).derivative == Approx(1 - std::exp(2.0)));
}

TEST_CASE("mismatch_weights_truncate_or_cut") {
  MismatchOptions tis{MismatchLevel::Token, std::nullopt, 2.0};
  MismatchOptions band{MismatchLevel::Token, 0.5, 2.0};
  CHECK(mismatch_weight(1000, tis) == 2);
  CHECK(mismatch_weight(-1000, tis) == Approx(std::exp(-20.0)));
  CHECK(mismatch_weight(std::log(2.0) + 1e-9, band) == 0);
  CHECK(mismatch_weight(std::log(0.5) - 1e-9, band) == 0);
  CHECK(mismatch_weight(0.1, band) == Approx(std::exp(0.1)));
  CHECK(mismatch_weight(5, {}) == 1);
  const std::vector<std::size_t> offsets{0, 2};
  const std::vector<double> x{0.3, 0.2};
  MismatchOptions sequence{MismatchLevel::Sequence, std::nullopt, 2.0};
  CHECK(mismatch_weights(offsets, x, {}, sequence)[1] == Approx(std::exp(0.5)));
}

TEST_CASE("the_off_policy_mask_drops_bad_samples_that_drifted_and_keeps_their_kl") {
  CHECK(keeps_sequence(1, 9, 0.5));
  CHECK(keeps_sequence(-1, 0.5, 0.5));
  CHECK_FALSE(keeps_sequence(-1, 0.6, 0.5));
  Batch b = single(-2, -1, -1);
  PolicyLossOptions o;
  o.off_policy_mask = 0.5;
  CHECK(whole(b, o).loss == 0);
  b.rollout = {-2};  // the generator's own log-probability says that nothing drifted
  CHECK(whole(b, o).loss != 0);
  b.rollout.clear();
  b.ref = {-3};
  o.kl_coefficient = 1;
  CHECK(whole(b, o).loss == Approx(kl_term(1, KlEstimator::K3).value));
}

TEST_CASE("names_and_enumerations_belong_together") {
  CHECK(policy_loss_form("clipped") == PolicyLossForm::Clipped);
  CHECK(policy_loss_form("sequence") == PolicyLossForm::Sequence);
  CHECK(policy_loss_form("gspo") == PolicyLossForm::Gspo);
  CHECK(policy_loss_form("cispo") == PolicyLossForm::Cispo);
  CHECK(policy_loss_form("sapo") == PolicyLossForm::Sapo);
  CHECK(policy_loss_form("gpg") == PolicyLossForm::Gpg);
  CHECK_FALSE(policy_loss_form("ppo"));
  CHECK(reduction("token_mean") == Reduction::TokenMean);
  CHECK(reduction("seq_mean_token_mean") == Reduction::SeqMeanTokenMean);
  CHECK(reduction("seq_mean_token_sum") == Reduction::SeqMeanTokenSum);
  CHECK(reduction("dr_grpo") == Reduction::SeqMeanTokenSumNorm);
  CHECK(reduction("token_sum") == Reduction::TokenSum);
  CHECK(kl_estimator("k1") == KlEstimator::K1);
  CHECK(kl_estimator("k3") == KlEstimator::K3);
  CHECK(kl_estimator("k3_plus") == KlEstimator::K3Plus);
  CHECK(mismatch_level("token") == MismatchLevel::Token);
  CHECK(mismatch_level("sequence") == MismatchLevel::Sequence);
  CHECK(advantage_scale("none") == AdvantageScale::None);
  CHECK(advantage_scale("batch") == AdvantageScale::Batch);
  CHECK(policy_loss_form_names().size() == 6);
}

TEST_CASE("every_name_of_a_loss_option_is_explained_in_docs_losses") {
  std::ifstream file(TROUPE_SOURCE_DIR "/docs/losses.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  REQUIRE_FALSE(page.empty());
  for (const auto names : {policy_loss_form_names(), reduction_names(), kl_estimator_names(),
                           mismatch_level_names(), advantage_scale_names()}) {
    for (const std::string_view name : names) {
      INFO(name);
      CHECK(page.find("| `" + std::string(name) + "` |") != std::string::npos);
    }
  }
}
