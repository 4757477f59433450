#pragma once
// Advantages from rewards: how much better a completion did than its siblings. Pure functions in
// double precision, any thread. A missing reward (unscorable) is not 0: it is left out of every
// statistic and its own advantage is 0. Rewards that are all equal give exactly 0, decided by
// max == min before any division: the mean of three rewards of 0.1 is not 0.1 in binary.
// Formulas: DeepSeekMath 2402.03300 4.1.2, Dr. GRPO 2503.20783, RLOO 2402.14740; docs/losses.md.
// Rewards that are present must be finite; the scorer sees to that.
#include <optional>
#include <span>
#include <vector>

namespace troupe::model {

using Reward = std::optional<double>;  // none: unscorable
using GroupRewards = std::vector<Reward>;

/// By what the distance from the baseline is divided.
enum class AdvantageScale {
  Group,  // standard deviation of the group + epsilon
  Batch,  // standard deviation of all rewards of the batch + epsilon
  None,   // 1 (Dr. GRPO)
};

enum class AdvantageBaseline {
  GroupMean,
  LeaveOneOut,  // mean of the other siblings (RLOO); never scaled
};

/// What a group with one scored sample gets.
enum class SingletonRule {
  Zero,         // nothing to compare with (TRL)
  PassThrough,  // baseline 0 and, with Group scale, standard deviation 1 (verl)
};

struct AdvantageOptions {
  AdvantageScale scale = AdvantageScale::Group;
  bool sample_std = true;  // divide by n - 1; false: by n
  double epsilon = 1e-6;   // verl 1e-6, TRL 1e-4
  AdvantageBaseline baseline = AdvantageBaseline::GroupMean;
  SingletonRule singleton = SingletonRule::Zero;
};

/// Statistics of the rewards that are there.
struct RewardStatistics {
  std::size_t count = 0;
  double mean = 0;
  double std = 0;         // 0 for fewer than two
  bool all_equal = true;  // max == min, also when nothing is there
};
RewardStatistics reward_statistics(std::span<const Reward> rewards, bool sample_std = true);

/// One advantage per reward of one group. With Scale::Batch the group is the whole batch.
std::vector<double> group_advantages(std::span<const Reward> rewards,
                                     const AdvantageOptions& options = {});

/// The same for all groups of a batch.
std::vector<std::vector<double>> batch_advantages(std::span<const GroupRewards> groups,
                                                  const AdvantageOptions& options = {});

/// Weighted sum of the components that are there; none when none is.
/// `components` and `weights` have the same size.
Reward weighted_reward(std::span<const Reward> components, std::span<const double> weights);

/// GDPO (TRL `normalize_then_sum`): every component is normalised inside the group, the weighted
/// sum of them is normalised over the batch. `groups[g][sample][component]`. A sample with no
/// component at all is left out and gets 0. Only `sample_std` and `epsilon` of the options count.
std::vector<std::vector<double>> normalise_then_sum(
    std::span<const std::vector<GroupRewards>> groups, std::span<const double> weights,
    const AdvantageOptions& options = {});

/// (x - mean) / sqrt(variance + 1e-8) with `counts[i]` tokens carrying values[i] and unbiased
/// variance over tokens (verl's masked whitening, REINFORCE++). Fewer than two tokens, or equal
/// values: zeros.
std::vector<double> whitened(std::span<const double> values, std::span<const double> counts);

/// Whether a group teaches anything: at least two different rewards (DAPO's dynamic sampling, for
/// rewards of 0 and 1: 0 < correct < size).
bool has_spread(std::span<const Reward> rewards);

/// Share of groups without spread; 0 for an empty batch.
double frac_reward_zero_std(std::span<const GroupRewards> groups);

}  // namespace troupe::model
