#include "model/losses/names.hpp"

#include <array>

namespace troupe::model {
namespace {

// Each list in the order of its enumeration.
constexpr std::array<std::string_view, 6> kForms{"clipped", "sequence", "gspo",
                                                 "cispo",   "sapo",     "gpg"};
constexpr std::array<std::string_view, 5> kReductions{"token_mean", "seq_mean_token_mean",
                                                      "seq_mean_token_sum", "dr_grpo", "token_sum"};
constexpr std::array<std::string_view, 5> kKl{"k1", "k2", "k3", "abs", "k3_plus"};
constexpr std::array<std::string_view, 3> kMismatch{"none", "token", "sequence"};
constexpr std::array<std::string_view, 3> kScales{"group", "batch", "none"};

template <class Enum>
std::optional<Enum> find(std::span<const std::string_view> names, std::string_view name) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

}  // namespace

std::optional<PolicyLossForm> policy_loss_form(std::string_view name) {
  return find<PolicyLossForm>(kForms, name);
}
std::optional<Reduction> reduction(std::string_view name) {
  return find<Reduction>(kReductions, name);
}
std::optional<KlEstimator> kl_estimator(std::string_view name) {
  return find<KlEstimator>(kKl, name);
}
std::optional<MismatchLevel> mismatch_level(std::string_view name) {
  return find<MismatchLevel>(kMismatch, name);
}
std::optional<AdvantageScale> advantage_scale(std::string_view name) {
  return find<AdvantageScale>(kScales, name);
}

std::span<const std::string_view> policy_loss_form_names() { return kForms; }
std::span<const std::string_view> reduction_names() { return kReductions; }
std::span<const std::string_view> kl_estimator_names() { return kKl; }
std::span<const std::string_view> mismatch_level_names() { return kMismatch; }
std::span<const std::string_view> advantage_scale_names() { return kScales; }

}  // namespace troupe::model
