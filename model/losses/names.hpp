#pragma once
// The names under which TOML files and metrics speak of losses. Pure functions. docs/losses.md
// lists the same names with their formulas; a test holds the two together.
#include <optional>
#include <span>
#include <string_view>

#include "model/losses/advantage.hpp"
#include "model/losses/policy_loss.hpp"

namespace troupe::model {

/// "clipped", "sequence", "gspo", "cispo", "sapo", "gpg".
std::optional<PolicyLossForm> policy_loss_form(std::string_view name);
/// "token_mean", "seq_mean_token_mean", "seq_mean_token_sum", "dr_grpo", "token_sum".
std::optional<Reduction> reduction(std::string_view name);
/// "k1", "k2", "k3", "abs", "k3_plus".
std::optional<KlEstimator> kl_estimator(std::string_view name);
/// "none", "token", "sequence".
std::optional<MismatchLevel> mismatch_level(std::string_view name);
/// "group", "batch", "none".
std::optional<AdvantageScale> advantage_scale(std::string_view name);

/// All names of each, for the contract of a kind and its diagnostics.
std::span<const std::string_view> policy_loss_form_names();
std::span<const std::string_view> reduction_names();
std::span<const std::string_view> kl_estimator_names();
std::span<const std::string_view> mismatch_level_names();
std::span<const std::string_view> advantage_scale_names();

}  // namespace troupe::model
