#include <cmath>

#include "model/losses/kl.hpp"
#include "model/losses/mismatch.hpp"
#include "tests/conformance/families.hpp"
#include "tests/conformance/loss_batch.hpp"

namespace troupe::vectors {
namespace {

using namespace troupe::model;

Json kl_estimators(const Json& inputs, const Json&) {
  const double d = inputs.at("logp").get<double>() - inputs.at("logp_ref").get<double>();
  return {{"k1", kl_term(d, KlEstimator::K1).value},
          {"k2", kl_term(d, KlEstimator::K2).value},
          {"k3", kl_term(d, KlEstimator::K3).value},
          {"abs", kl_term(d, KlEstimator::Abs).value},
          {"k3_clamped_20_10", kl_term(d, KlEstimator::K3, true).value},
          {"dk1_dlogp", kl_term(d, KlEstimator::K1).derivative},
          {"dk2_dlogp", kl_term(d, KlEstimator::K2).derivative},
          {"dk3_dlogp", kl_term(d, KlEstimator::K3).derivative}};
}

Json kl_expectation(const Json& inputs, const Json&) {
  const auto p = inputs.at("p").get<std::vector<double>>();
  const auto q = inputs.at("q").get<std::vector<double>>();
  const auto mean = [&](KlEstimator estimator) {
    double sum = 0;
    for (std::size_t i = 0; i < p.size(); ++i) {
      if (p[i] > 0) sum += p[i] * kl_term(std::log(p[i]) - std::log(q.at(i)), estimator).value;
    }
    return sum;
  };
  // The expectation of k1 over all outcomes is the divergence itself.
  return {{"KL_exact", mean(KlEstimator::K1)},
          {"E_k1", mean(KlEstimator::K1)},
          {"E_k2", mean(KlEstimator::K2)},
          {"E_k3", mean(KlEstimator::K3)}};
}

Json peer_kl(const Json& inputs, const Json&) {
  const LossBatch b = loss_batch(inputs, "lp");
  const auto values = [&](KlEstimator estimator) {
    std::vector<double> list;
    for (std::size_t t = 0; t < b.logprobs.size(); ++t) {
      list.push_back(kl_term(b.logprobs[t] - b.ref[t], estimator, true).value);
    }
    return by_sequence(list, b.offsets);
  };
  PolicyLossOptions o;  // advantages are 0: the KL is the whole loss
  o.kl_coefficient = 1;
  o.kl_clamp = true;
  const PolicyLossResult r = policy_loss(b.input(), o, count(b.input()));
  return {{"k1", values(KlEstimator::K1)},
          {"k2", values(KlEstimator::K2)},
          {"k3_clamped", values(KlEstimator::K3)},
          {"k3_token_mean", r.loss},
          {"k3_token_mean_grad", by_sequence(r.gradient, b.offsets)}};
}

/// The detached weight of Cispo is what its gradient is made of.
Json cispo_weights(const Json& inputs) {
  PolicyLossOptions o;
  o.form = PolicyLossForm::Cispo;
  o.clamp_log_ratio = false;
  o.cispo_cap.reset();
  if (inputs.contains("cap")) o.cispo_cap = inputs.at("cap").get<double>();
  o.clip_low = inputs.value("eps_low", inputs.value("eps", o.clip_low));
  o.clip_high = inputs.value("eps_high", inputs.value("eps", o.clip_high));
  Json weights = Json::array();
  for (const Json& r : inputs.at("r")) {
    weights.push_back(-policy_term(std::log(r.get<double>()), 0, 1, o).derivative);
  }
  return {{"weight", weights}};
}

Json constant_drift(const Json& inputs) {
  LossBatch b;
  const auto tokens = inputs.at("tokens").get<std::size_t>();
  b.offsets = {0, tokens};
  b.logprobs.assign(tokens, inputs.at("drift").get<double>());
  b.old_logprobs.assign(tokens, 0.0);
  b.advantages = {1.0};
  const auto ratio = [&](PolicyLossForm form) {
    PolicyLossOptions o;
    o.form = form;
    o.clamp_log_ratio = false;
    return policy_loss(b.input(), o, count(b.input())).metrics.mean_ratio;
  };
  return {{"sequence_ratio", ratio(PolicyLossForm::Sequence)},
          {"gspo_s", ratio(PolicyLossForm::Gspo)}};
}

Json ratio_rules(const Json& inputs, const Json&) {
  if (inputs.contains("drift")) return constant_drift(inputs);
  if (inputs.contains("mean_old_minus_new")) {
    return {{"keep", keeps_sequence(inputs.at("A").get<double>(),
                                    inputs.at("mean_old_minus_new").get<double>(),
                                    inputs.at("delta").get<double>())}};
  }
  if (inputs.contains("log_ratio")) {
    MismatchOptions o{MismatchLevel::Token, std::nullopt, inputs.at("C").get<double>()};
    Json weights = Json::array();
    for (const Json& x : inputs.at("log_ratio")) {
      weights.push_back(mismatch_weight(x.get<double>(), o));
    }
    return {{"weight", weights}};
  }
  if (inputs.contains("r")) return cispo_weights(inputs);
  return Json::object();
}

Json mismatch(const Json& inputs, const Json&) {
  const LossBatch b = loss_batch(inputs, "x");
  MismatchOptions o;
  const std::string level = inputs.at("level").get<std::string>();
  if (level == "token") {
    o.level = MismatchLevel::Token;
  } else if (level == "sequence") {
    o.level = MismatchLevel::Sequence;
  } else {
    return Json::object();
  }
  if (inputs.contains("low") && !inputs.at("low").is_null()) o.low = inputs.at("low").get<double>();
  o.high = inputs.at("high").get<double>();
  return {{"weights", by_sequence(mismatch_weights(b.offsets, b.logprobs, b.mask, o), b.offsets)}};
}

}  // namespace

Families ratio_families() {
  return {{"kl_estimators", kl_estimators},
          {"kl_expectation", kl_expectation},
          {"peer_kl", peer_kl},
          {"ratio_rules", ratio_rules},
          {"mismatch_weights", mismatch}};
}

}  // namespace troupe::vectors
