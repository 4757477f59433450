#include <cmath>
#include <optional>

#include "tests/conformance/families.hpp"
#include "tests/conformance/loss_batch.hpp"

namespace troupe::vectors {
namespace {

using namespace troupe::model;

PolicyLossResult run(const LossBatch& b, const PolicyLossOptions& o) {
  return policy_loss(b.input(), o, count(b.input()));
}

std::optional<double> optional_number(const Json& inputs, const char* key) {
  if (!inputs.contains(key) || inputs.at(key).is_null()) return std::nullopt;
  return inputs.at(key).get<double>();
}

Json surrogate(const Json& inputs, const Json& expected) {
  PolicyLossOptions o;
  o.clamp_log_ratio = false;
  o.clip_low = inputs.value("eps_low", o.clip_low);
  o.clip_high = inputs.value("eps_high", o.clip_high);
  o.dual_clip = optional_number(inputs, "c");
  o.delta = optional_number(inputs, "delta");
  if (inputs.contains("tau")) {
    o.form = PolicyLossForm::Sapo;
    o.sapo_tau_positive = o.sapo_tau_negative = inputs.at("tau").get<double>();
  }
  const auto objective = [&](double advantage) {
    Json values = Json::array();
    for (const Json& r : inputs.at("r")) {
      values.push_back(-policy_term(std::log(r.get<double>()), 0, advantage, o).value);
    }
    return values;
  };
  Json out = Json::object();
  if (expected.contains("A+1")) out["A+1"] = objective(1);
  if (expected.contains("A-1")) out["A-1"] = objective(-1);
  if (expected.contains("objective")) out["objective"] = objective(inputs.at("A").get<double>());
  if (expected.contains("value")) out["value"] = objective(1);
  return out;
}

/// Each token as a batch of its own, so that its ratio and loss come out of policy_loss.
Json token_values(const LossBatch& b, PolicyLossOptions o, bool ratio) {
  std::vector<double> values;
  o.reduction = Reduction::TokenSum;
  for (std::size_t i = 0; i + 1 < b.offsets.size(); ++i) {
    for (std::size_t t = b.offsets[i]; t < b.offsets[i + 1]; ++t) {
      const PolicyLossResult r = run(slice(b, i, t, t + 1), o);
      values.push_back(ratio ? r.metrics.mean_ratio : r.loss);
    }
  }
  return by_sequence(values, b.offsets);
}

template <class Value>
Json sequence_values(const LossBatch& b, const PolicyLossOptions& o, Value value) {
  Json values = Json::array();
  for (std::size_t i = 0; i + 1 < b.offsets.size(); ++i) {
    values.push_back(value(run(slice(b, i, b.offsets[i], b.offsets[i + 1]), o)));
  }
  return values;
}

Json aggregated(const LossBatch& b, PolicyLossOptions o, const Json& expected) {
  Json out = Json::object();
  for (const auto& [name, value] : expected.items()) {
    constexpr std::string_view kDrGrpo = "dr_grpo_Lmax";
    if (name == "seq_mean_token_mean") {
      o.reduction = Reduction::SeqMeanTokenMean;
    } else if (name == "token_mean") {
      o.reduction = Reduction::TokenMean;
    } else if (name == "seq_mean_token_sum") {
      o.reduction = Reduction::SeqMeanTokenSum;
    } else if (name == "token_sum") {
      o.reduction = Reduction::TokenSum;
    } else if (name.starts_with(kDrGrpo)) {
      o.reduction = Reduction::SeqMeanTokenSumNorm;
      o.length_norm = std::stod(name.substr(kDrGrpo.size()));
    } else {
      continue;
    }
    out[name] = run(b, o).loss;
  }
  return out;
}

Json policy_loss_two_samples(const Json& inputs, const Json& expected) {
  const LossBatch b = loss_batch(inputs, "new");
  PolicyLossOptions o;
  o.clamp_log_ratio = false;
  o.clip_low = inputs.value("eps_low", inputs.value("eps", o.clip_low));
  o.clip_high = inputs.value("eps_high", inputs.value("eps", o.clip_high));
  o.kl_coefficient = inputs.value("beta", 0.0);
  Json out = Json::object();
  if (expected.contains("sequence_ratio")) {
    o.form = PolicyLossForm::Sequence;
    LossBatch flat_advantage = b;  // without advantages only the KL is left
    flat_advantage.advantages.assign(b.advantages.size(), 0.0);
    PolicyLossOptions kl_only = o;
    kl_only.kl_coefficient = 1;
    const auto ratio = [](const PolicyLossResult& r) { return r.metrics.mean_ratio; };
    const auto loss = [](const PolicyLossResult& r) { return r.loss; };
    out["sequence_ratio"] = sequence_values(b, o, ratio);
    out["sequence_k3"] = sequence_values(flat_advantage, kl_only, loss);
    out["objective"] = -run(b, o).loss;
  } else if (expected.contains("s")) {
    o.form = PolicyLossForm::Gspo;
    o.reduction = Reduction::SeqMeanTokenMean;
    out["s"] = sequence_values(b, o, [](const auto& r) { return r.metrics.mean_ratio; });
    out["objective"] = -run(b, o).loss;
  } else if (inputs.contains("cap")) {
    o.form = PolicyLossForm::Cispo;
    o.cispo_cap = inputs.at("cap").get<double>();
    out["loss"] = out["token_mean"] = run(b, o).loss;
    out["objective"] = -run(b, o).loss;
    out["token_loss"] = token_values(b, o, false);
  } else {
    out["token_ratio"] = token_values(b, o, true);
    out["token_loss"] = token_values(b, o, false);
    if (expected.contains("aggregated")) {
      out["aggregated"] = aggregated(b, o, expected.at("aggregated"));
    }
  }
  return out;
}

/// Options of a peer's case; none when the case uses something that Troupe does not offer.
std::optional<PolicyLossOptions> peer_options(const Json& inputs) {
  PolicyLossOptions o;
  const std::string loss = inputs.value("loss", std::string("vanilla"));
  if (inputs.contains("eps")) {
    o.clip_low = inputs.at("eps").at(0).get<double>();
    o.clip_high = inputs.at("eps").at(1).get<double>();
  }
  o.dual_clip = optional_number(inputs, "dual_clip_c");
  o.delta = optional_number(inputs, "delta");
  o.kl_coefficient = inputs.value("beta", 0.0);
  o.length_norm = inputs.value("max_length", 1.0);
  if (loss == "vanilla") {
    o.kl_clamp = true;
  } else if (loss == "trl" || loss == "grpo") {
    o.clamp_log_ratio = false;
  } else if (loss == "gspo") {
    o.form = PolicyLossForm::Gspo;
  } else if (loss == "gpg") {
    o.form = PolicyLossForm::Gpg;
  } else if (loss == "sapo") {
    o.form = PolicyLossForm::Sapo;
    o.clamp_log_ratio = false;
    o.sapo_tau_positive = inputs.at("tau").at(0).get<double>();
    o.sapo_tau_negative = inputs.at("tau").at(1).get<double>();
  } else if (loss == "cispo") {
    o.form = PolicyLossForm::Cispo;
    o.cispo_cap = optional_number(inputs, "cap");
    if (o.cispo_cap) o.clamp_log_ratio = false;
  } else {
    return std::nullopt;
  }
  const std::string reduction = inputs.value("reduction", std::string("token-mean"));
  if (reduction == "token-mean") {
    o.reduction = Reduction::TokenMean;
  } else if (reduction == "token-sum") {
    o.reduction = Reduction::TokenSum;
  } else if (reduction == "seq-mean-token-sum") {
    o.reduction = Reduction::SeqMeanTokenSum;
  } else if (reduction == "seq-mean-token-mean") {
    o.reduction = Reduction::SeqMeanTokenMean;
  } else if (reduction == "sum/(batch*max_length)" || reduction == "seq-mean-token-sum-norm") {
    o.reduction = Reduction::SeqMeanTokenSumNorm;
  } else {
    return std::nullopt;
  }
  return o;
}

PolicyLossResult run_peer(const LossBatch& b, const PolicyLossOptions& o, const Json& inputs) {
  Normaliser n = count(b.input());
  // TRL counts fully masked sequences; so does every mean over a fixed length.
  const bool all =
      inputs.value("loss", std::string()) == "trl" || o.reduction == Reduction::SeqMeanTokenSumNorm;
  if (all) n.sequences = static_cast<double>(b.advantages.size());
  return policy_loss(b.input(), o, n);
}

Json peer_policy_loss(const Json& inputs, const Json&) {
  const auto o = peer_options(inputs);
  if (!o) return Json::object();
  return {{"loss", run_peer(loss_batch(inputs, "lp"), *o, inputs).loss}};
}

Json peer_policy_gradient(const Json& inputs, const Json&) {
  const auto o = peer_options(inputs);
  if (!o) return Json::object();
  const LossBatch b = loss_batch(inputs, "lp");
  return {{"grad", by_sequence(run_peer(b, *o, inputs).gradient, b.offsets)}};
}

Json peer_policy_metrics(const Json& inputs, const Json&) {
  const auto o = peer_options(inputs);
  if (!o) return Json::object();
  const PolicyLossMetrics m = run_peer(loss_batch(inputs, "lp"), *o, inputs).metrics;
  return {{"pg_clipfrac", m.clip_fraction_low + m.clip_fraction_high},
          {"ppo_kl", m.ppo_kl},
          {"pg_clipfrac_lower", m.dual_clip_fraction}};
}

}  // namespace

Families loss_families() {
  return {{"surrogate", surrogate},
          {"policy_loss_two_samples", policy_loss_two_samples},
          {"peer_policy_loss", peer_policy_loss},
          {"peer_policy_gradient", peer_policy_gradient},
          {"peer_policy_metrics", peer_policy_metrics}};
}

}  // namespace troupe::vectors
