#include "model/losses/advantage.hpp"
#include "tests/conformance/families.hpp"

namespace troupe::vectors {
namespace {

using namespace troupe::model;

GroupRewards rewards_of(const Json& json) {
  GroupRewards rewards;
  for (const Json& r : json) {
    rewards.push_back(r.is_null() ? Reward() : Reward(r.get<double>()));
  }
  return rewards;
}

AdvantageOptions sample(double epsilon) {
  AdvantageOptions options;
  options.epsilon = epsilon;
  return options;
}

AdvantageOptions population() {
  AdvantageOptions options;
  options.sample_std = false;
  options.epsilon = 0;
  return options;
}

AdvantageOptions scaled(AdvantageScale scale, double epsilon) {
  AdvantageOptions options = sample(epsilon);
  options.scale = scale;
  return options;
}

Json group_advantage(const Json& inputs, const Json&) {
  const GroupRewards rewards = rewards_of(inputs.at("rewards"));
  AdvantageOptions rloo;
  rloo.baseline = AdvantageBaseline::LeaveOneOut;
  AdvantageOptions verl = sample(1e-6);
  verl.singleton = SingletonRule::PassThrough;
  return {{"population_eps0", group_advantages(rewards, population())},
          {"sample_eps1e-6", group_advantages(rewards, sample(1e-6))},
          {"sample_eps1e-4", group_advantages(rewards, sample(1e-4))},
          {"centred", group_advantages(rewards, scaled(AdvantageScale::None, 0))},
          {"rloo", group_advantages(rewards, rloo)},
          {"verl", group_advantages(rewards, verl)},
          {"trl", group_advantages(rewards, sample(1e-4))}};
}

Json binary_group_advantage(const Json& inputs, const Json&) {
  const auto size = inputs.at("G").get<std::size_t>();
  const auto correct = inputs.at("k").get<std::size_t>();
  GroupRewards rewards(size, 0.0);
  for (std::size_t i = 0; i < correct; ++i) rewards.at(i) = 1.0;
  const auto ends = [&](const AdvantageOptions& options) {
    const auto advantages = group_advantages(rewards, options);
    return Json{advantages.front(), advantages.back()};
  };
  return {{"population", ends(population())}, {"sample_eps1e-6", ends(sample(1e-6))}};
}

Json batch_advantage(const Json& inputs, const Json&) {
  std::vector<GroupRewards> groups;
  GroupRewards all;
  for (const Json& group : inputs.at("groups")) {
    groups.push_back(rewards_of(group));
    all.insert(all.end(), groups.back().begin(), groups.back().end());
  }
  AdvantageOptions centre = scaled(AdvantageScale::None, 0);
  centre.singleton = SingletonRule::PassThrough;
  std::vector<double> centred;
  for (const auto& group : batch_advantages(groups, centre)) {
    centred.insert(centred.end(), group.begin(), group.end());
  }
  const std::vector<double> one_token_each(centred.size(), 1.0);
  return {{"batch_sample_std", reward_statistics(all).std},
          {"scale_rewards_batch_eps1e-4",
           batch_advantages(groups, scaled(AdvantageScale::Batch, 1e-4))},
          {"reinforce_pp_baseline_centred", centred},
          {"reinforce_pp_baseline_whitened", whitened(centred, one_token_each)}};
}

Json multi_reward(const Json& inputs, const Json&) {
  const auto weights = inputs.at("weights").get<std::vector<double>>();
  std::vector<GroupRewards> rows;
  GroupRewards sums;
  for (const Json& row : inputs.at("rows")) {
    rows.push_back(rewards_of(row));
    sums.push_back(weighted_reward(rows.back(), weights));
  }
  const std::vector<std::vector<GroupRewards>> groups{rows};
  return {
      {"sum_then_normalise", group_advantages(sums, sample(1e-4))},
      {"normalise_then_sum_then_batch", normalise_then_sum(groups, weights, sample(1e-4)).front()}};
}

Json dynamic_sampling(const Json& inputs, const Json&) {
  return {{"keep", has_spread(rewards_of(inputs.at("correct")))}};
}

}  // namespace

Families advantage_families() {
  return {{"group_advantage", group_advantage},
          {"binary_group_advantage", binary_group_advantage},
          {"batch_advantage", batch_advantage},
          {"multi_reward", multi_reward},
          {"dynamic_sampling", dynamic_sampling}};
}

}  // namespace troupe::vectors
