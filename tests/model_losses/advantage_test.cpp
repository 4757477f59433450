#include <cmath>
#include <numeric>

#include "model/losses/advantage.hpp"
#include "schemas/base/rng.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::model;

namespace {

AdvantageOptions with(AdvantageScale scale, double epsilon = 1e-6) {
  AdvantageOptions o;
  o.scale = scale;
  o.epsilon = epsilon;
  return o;
}

GroupRewards random_group(Rng& rng, std::size_t size, double missing) {
  GroupRewards rewards;
  for (std::size_t i = 0; i < size; ++i) {
    const double value = std::floor(rng.uniform() * 5) / 4 - 0.5;
    rewards.push_back(rng.uniform() < missing ? Reward() : Reward(value));
  }
  return rewards;
}

double sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

const std::vector<double> kZeros3{0, 0, 0};

}  // namespace

TEST_CASE("equal_rewards_give_exactly_zero_under_every_option") {
  for (const double value : {0.0, 1.0, 0.1, 1.0 / 3, -0.7, 1e300}) {
    const GroupRewards rewards(3, value);
    for (const auto scale : {AdvantageScale::Group, AdvantageScale::Batch, AdvantageScale::None}) {
      for (const double epsilon : {0.0, 1e-6}) {
        for (const auto baseline : {AdvantageBaseline::GroupMean, AdvantageBaseline::LeaveOneOut}) {
          AdvantageOptions o = with(scale, epsilon);
          o.baseline = baseline;
          CHECK(group_advantages(rewards, o) == kZeros3);
          o.sample_std = false;
          CHECK(group_advantages(rewards, o) == kZeros3);
        }
      }
    }
  }
}

TEST_CASE("a_missing_reward_is_not_zero_and_changes_nobody_elses_advantage") {
  Rng rng(1);
  for (int i = 0; i < 300; ++i) {
    const GroupRewards rewards = random_group(rng, 2 + rng.below(8), 0.3);
    GroupRewards there;
    for (const Reward& r : rewards) {
      if (r) there.push_back(r);
    }
    for (const auto scale : {AdvantageScale::Group, AdvantageScale::None}) {
      const auto all = group_advantages(rewards, with(scale));
      const auto without = group_advantages(there, with(scale));
      std::size_t k = 0;
      for (std::size_t j = 0; j < rewards.size(); ++j) {
        CHECK(all[j] == (rewards[j] ? without[k++] : 0.0));
      }
    }
  }
  CHECK(group_advantages(GroupRewards{1.0, std::nullopt, 1.0}) == kZeros3);
  CHECK(group_advantages(GroupRewards{}).empty());
}

TEST_CASE("advantages_of_a_group_sum_to_zero_and_have_unit_spread") {
  Rng rng(2);
  for (int i = 0; i < 300; ++i) {
    const GroupRewards rewards = random_group(rng, 2 + rng.below(14), 0.0);
    for (const bool sample : {true, false}) {
      AdvantageOptions o = with(AdvantageScale::Group, 0.0);
      o.sample_std = sample;
      const auto a = group_advantages(rewards, o);
      CHECK(std::abs(sum(a)) < 1e-12);
      if (!has_spread(rewards)) continue;
      double squares = 0;
      for (const double x : a) squares += x * x;
      CHECK(squares == Approx(static_cast<double>(a.size() - (sample ? 1 : 0))));
    }
  }
}

TEST_CASE("group_scaling_does_not_see_shift_or_scale_of_the_rewards") {
  Rng rng(3);
  for (int i = 0; i < 100; ++i) {
    const GroupRewards rewards = random_group(rng, 6, 0.1);
    GroupRewards moved;
    for (const Reward& r : rewards) moved.push_back(r ? Reward(*r * 3 + 7) : Reward());
    const auto a = group_advantages(rewards, with(AdvantageScale::Group, 0));
    const auto b = group_advantages(moved, with(AdvantageScale::Group, 0));
    for (std::size_t j = 0; j < a.size(); ++j) CHECK(a[j] == Approx(b[j]).margin(1e-12));
  }
}

TEST_CASE("leave_one_out_is_the_distance_from_the_mean_of_the_others") {
  Rng rng(4);
  AdvantageOptions o;
  o.baseline = AdvantageBaseline::LeaveOneOut;
  for (int i = 0; i < 100; ++i) {
    const GroupRewards rewards = random_group(rng, 2 + rng.below(6), 0.2);
    const auto a = group_advantages(rewards, o);
    for (std::size_t j = 0; j < rewards.size(); ++j) {
      double others = 0, n = 0;
      for (std::size_t k = 0; k < rewards.size(); ++k) {
        if (k != j && rewards[k]) others += *rewards[k], n += 1;
      }
      const double expected = rewards[j] && n > 0 ? *rewards[j] - others / n : 0.0;
      CHECK(a[j] == Approx(expected).margin(1e-12));
    }
  }
}

TEST_CASE("a_group_of_one_follows_its_rule") {
  const GroupRewards one{std::nullopt, 0.5};
  AdvantageOptions pass = with(AdvantageScale::Group);
  pass.singleton = SingletonRule::PassThrough;
  CHECK(group_advantages(one) == std::vector<double>{0, 0});
  CHECK(group_advantages(one, pass)[1] == Approx(0.5 / (1 + 1e-6)));
  pass.baseline = AdvantageBaseline::LeaveOneOut;
  CHECK(group_advantages(one, pass)[1] == 0.5);
  pass.baseline = AdvantageBaseline::GroupMean;
  pass.scale = AdvantageScale::None;
  CHECK(group_advantages(one, pass)[1] == 0.5);
}

TEST_CASE("batch_scaling_divides_every_group_by_the_spread_of_the_batch") {
  const std::vector<GroupRewards> groups{{1.0, 0.0}, {3.0, std::nullopt, 1.0}, {2.0, 2.0}};
  const GroupRewards all{1.0, 0.0, 3.0, 1.0, 2.0, 2.0};
  const double spread = reward_statistics(all).std;
  const auto a = batch_advantages(groups, with(AdvantageScale::Batch, 1e-4));
  CHECK(a[0][0] == Approx(0.5 / (spread + 1e-4)));
  CHECK(a[1][0] == Approx(1.0 / (spread + 1e-4)));
  CHECK(a[1][1] == 0);
  CHECK(a[2] == std::vector<double>{0, 0});
  const auto by_group = batch_advantages(groups, with(AdvantageScale::Group));
  for (std::size_t g = 0; g < groups.size(); ++g) {
    CHECK(by_group[g] == group_advantages(groups[g], with(AdvantageScale::Group)));
  }
}

TEST_CASE("components_that_are_missing_leave_the_sum") {
  const std::vector<double> weights{1.0, 0.5};
  CHECK(weighted_reward(GroupRewards{1.0, 1.0}, weights) == 1.5);
  CHECK(weighted_reward(GroupRewards{std::nullopt, 1.0}, weights) == 0.5);
  CHECK_FALSE(weighted_reward(GroupRewards{std::nullopt, std::nullopt}, weights));
}

TEST_CASE("normalise_then_sum_leaves_out_samples_without_any_component") {
  const std::vector<std::vector<GroupRewards>> groups{
      {{1.0, 0.0}, {std::nullopt, std::nullopt}, {0.0, 1.0}, {1.0, 1.0}}};
  const std::vector<std::vector<GroupRewards>> without{{{1.0, 0.0}, {0.0, 1.0}, {1.0, 1.0}}};
  const std::vector<double> weights{2.0, 1.0};
  const auto a = normalise_then_sum(groups, weights).front();
  const auto b = normalise_then_sum(without, weights).front();
  CHECK(a[1] == 0);
  CHECK(a[0] == b[0]);
  CHECK(a[2] == b[1]);
  CHECK(a[3] == b[2]);
  CHECK(std::abs(sum(a)) < 1e-12);
}

TEST_CASE("whitening_counts_tokens") {
  const std::vector<double> values{1.0, -1.0, 4.0}, counts{2, 1, 0};
  const std::vector<double> repeated{1.0, 1.0, -1.0}, ones{1, 1, 1};
  const auto a = whitened(values, counts);
  const auto b = whitened(repeated, ones);
  CHECK(a[0] == Approx(b[0]));
  CHECK(a[1] == Approx(b[2]));
  CHECK(a[2] == 0);
  CHECK(whitened(std::vector<double>{3.0}, std::vector<double>{1}) == std::vector<double>{0});
  CHECK(whitened(std::vector<double>{3.0, 3.0}, std::vector<double>{5, 5}) ==
        std::vector<double>{0, 0});
}

TEST_CASE("the_share_of_groups_that_teach_nothing_is_counted") {
  const std::vector<GroupRewards> groups{
      {1.0, 1.0}, {1.0, 0.0}, {std::nullopt, 1.0}, {0.1, 0.1, 0.1}};
  CHECK(frac_reward_zero_std(groups) == 0.75);
  CHECK(frac_reward_zero_std({}) == 0);
  CHECK_FALSE(has_spread(GroupRewards{}));
}
