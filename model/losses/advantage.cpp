#include "model/losses/advantage.hpp"

#include <algorithm>
#include <cmath>

#include "schemas/base/assert.hpp"

namespace troupe::model {
namespace {

std::vector<Reward> flattened(std::span<const GroupRewards> groups) {
  std::vector<Reward> all;
  for (const GroupRewards& group : groups) all.insert(all.end(), group.begin(), group.end());
  return all;
}

/// Leave-one-out advantages: never scaled, so the batch has no part in them.
std::vector<double> leave_one_out(std::span<const Reward> rewards, const RewardStatistics& group) {
  std::vector<double> advantages(rewards.size(), 0.0);
  const double n = static_cast<double>(group.count);
  for (std::size_t i = 0; i < rewards.size(); ++i) {
    // reward - mean of the others = (reward - mean) n / (n - 1)
    if (rewards[i]) advantages[i] = (*rewards[i] - group.mean) * n / (n - 1);
  }
  return advantages;
}

/// `spread`: the standard deviation to divide by; none: do not divide.
std::vector<double> advantages_of(std::span<const Reward> rewards, const AdvantageOptions& options,
                                  std::optional<double> spread) {
  std::vector<double> advantages(rewards.size(), 0.0);
  const RewardStatistics group = reward_statistics(rewards, options.sample_std);
  const bool pass_through = group.count == 1 && options.singleton == SingletonRule::PassThrough;
  if (group.all_equal && !pass_through) return advantages;
  if (options.baseline == AdvantageBaseline::LeaveOneOut && !pass_through) {
    return leave_one_out(rewards, group);
  }
  double divisor = 1.0;
  if (options.baseline == AdvantageBaseline::GroupMean && spread) {
    const bool own = options.scale == AdvantageScale::Group;
    divisor = (own && pass_through ? 1.0 : *spread) + options.epsilon;
  }
  for (std::size_t i = 0; i < rewards.size(); ++i) {
    if (!rewards[i]) continue;
    const double distance = *rewards[i] - (pass_through ? 0.0 : group.mean);
    advantages[i] = divisor > 0 ? distance / divisor : 0.0;
  }
  return advantages;
}

}  // namespace

RewardStatistics reward_statistics(std::span<const Reward> rewards, bool sample_std) {
  RewardStatistics s;
  double sum = 0, low = 0, high = 0;
  for (const Reward& reward : rewards) {
    if (!reward) continue;
    TROUPE_ASSERT(std::isfinite(*reward), "a reward must be finite or missing");
    low = s.count == 0 ? *reward : std::min(low, *reward);
    high = s.count == 0 ? *reward : std::max(high, *reward);
    sum += *reward;
    ++s.count;
  }
  s.all_equal = low == high;
  if (s.count == 0) return s;
  if (s.all_equal) {
    s.mean = low;
    return s;
  }
  s.mean = sum / static_cast<double>(s.count);
  double squares = 0;
  for (const Reward& reward : rewards) {
    if (reward) squares += (*reward - s.mean) * (*reward - s.mean);
  }
  s.std = std::sqrt(squares / static_cast<double>(s.count - (sample_std ? 1 : 0)));
  return s;
}

std::vector<double> group_advantages(std::span<const Reward> rewards,
                                     const AdvantageOptions& options) {
  if (options.scale == AdvantageScale::None) return advantages_of(rewards, options, std::nullopt);
  return advantages_of(rewards, options, reward_statistics(rewards, options.sample_std).std);
}

std::vector<std::vector<double>> batch_advantages(std::span<const GroupRewards> groups,
                                                  const AdvantageOptions& options) {
  std::optional<double> batch_std;
  if (options.scale == AdvantageScale::Batch) {
    batch_std = reward_statistics(flattened(groups), options.sample_std).std;
  }
  std::vector<std::vector<double>> advantages;
  advantages.reserve(groups.size());
  for (const GroupRewards& group : groups) {
    advantages.push_back(options.scale == AdvantageScale::Batch
                             ? advantages_of(group, options, batch_std)
                             : group_advantages(group, options));
  }
  return advantages;
}

Reward weighted_reward(std::span<const Reward> components, std::span<const double> weights) {
  TROUPE_ASSERT(components.size() == weights.size(), "one weight per component");
  Reward sum;
  for (std::size_t k = 0; k < components.size(); ++k) {
    if (components[k]) sum = sum.value_or(0.0) + weights[k] * *components[k];
  }
  return sum;
}

std::vector<std::vector<double>> normalise_then_sum(
    std::span<const std::vector<GroupRewards>> groups, std::span<const double> weights,
    const AdvantageOptions& options) {
  AdvantageOptions group_options;
  group_options.sample_std = options.sample_std;
  group_options.epsilon = options.epsilon;

  std::vector<GroupRewards> sums;
  for (const std::vector<GroupRewards>& rows : groups) {
    GroupRewards sum(rows.size());
    for (std::size_t k = 0; k < weights.size(); ++k) {
      GroupRewards column;
      for (const GroupRewards& row : rows) {
        TROUPE_ASSERT(row.size() == weights.size(), "one weight per component");
        column.push_back(row[k]);
      }
      const std::vector<double> normalised = group_advantages(column, group_options);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        if (column[i]) sum[i] = sum[i].value_or(0.0) + weights[k] * normalised[i];
      }
    }
    sums.push_back(std::move(sum));
  }

  const RewardStatistics batch = reward_statistics(flattened(sums), options.sample_std);
  std::vector<std::vector<double>> advantages;
  for (const GroupRewards& sum : sums) {
    std::vector<double> group(sum.size(), 0.0);
    for (std::size_t i = 0; i < sum.size(); ++i) {
      if (sum[i] && !batch.all_equal) {
        group[i] = (*sum[i] - batch.mean) / (batch.std + options.epsilon);
      }
    }
    advantages.push_back(std::move(group));
  }
  return advantages;
}

std::vector<double> whitened(std::span<const double> values, std::span<const double> counts) {
  TROUPE_ASSERT(values.size() == counts.size(), "one count per value");
  std::vector<double> result(values.size(), 0.0);
  double total = 0, sum = 0;
  std::optional<double> low, high;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (counts[i] <= 0) continue;
    low = low ? std::min(*low, values[i]) : values[i];
    high = high ? std::max(*high, values[i]) : values[i];
    total += counts[i];
    sum += counts[i] * values[i];
  }
  if (total <= 1 || low == high) return result;
  const double mean = sum / total;
  double squares = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (counts[i] > 0) squares += counts[i] * (values[i] - mean) * (values[i] - mean);
  }
  const double scale = 1 / std::sqrt(squares / (total - 1) + 1e-8);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (counts[i] > 0) result[i] = (values[i] - mean) * scale;
  }
  return result;
}

bool has_spread(std::span<const Reward> rewards) { return !reward_statistics(rewards).all_equal; }

double frac_reward_zero_std(std::span<const GroupRewards> groups) {
  if (groups.empty()) return 0;
  const auto flat = std::count_if(groups.begin(), groups.end(),
                                  [](const GroupRewards& g) { return !has_spread(g); });
  return static_cast<double>(flat) / static_cast<double>(groups.size());
}

}  // namespace troupe::model
