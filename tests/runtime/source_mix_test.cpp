// The order in which prompts of several sources are taken.
#include "actors/runtime/source_mix.hpp"

#include <cmath>
#include <numeric>

#include "schemas/base/rng.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::runtime;

namespace {

std::vector<double> drawn_weights(Rng& rng) {
  std::vector<double> weights(2 + rng.below(5));
  for (double& weight : weights) weight = 0.01 + static_cast<double>(rng.below(1000)) / 100;
  return weights;
}

/// The first `count` turns; source i ends after lengths[i] prompts (0: never).
std::vector<std::size_t> turns(const std::vector<double>& weights, std::size_t count,
                               std::vector<std::uint64_t> lengths = {}) {
  lengths.resize(weights.size());
  SourceMix mix(weights);
  std::vector<std::uint64_t> taken(weights.size());
  std::vector<std::size_t> out;
  while (out.size() < count) {
    const auto turn = mix.turn();
    if (!turn) break;
    out.push_back(*turn);
    mix.took(*turn);
    if (++taken[*turn] == lengths[*turn]) mix.ended(*turn);
  }
  return out;
}

}  // namespace

TEST_CASE("every_beginning_of_a_mix_keeps_the_weights") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Rng rng(seed);
    const auto weights = drawn_weights(rng);
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    std::vector<double> taken(weights.size());
    double n = 0;
    for (const std::size_t source : turns(weights, 2000)) {
      ++taken[source];
      ++n;
      for (std::size_t i = 0; i < weights.size(); ++i) {
        const double off = std::abs(taken[i] - n * weights[i] / sum);
        if (off > static_cast<double>(weights.size()) / 2 + 1e-9)
          FAIL("seed " << seed << ": source " << i << " is " << off << " prompts off");
      }
    }
  }
}

TEST_CASE("two_sources_are_never_more_than_one_prompt_off_their_share") {
  int math = 0, n = 0;
  for (const std::size_t source : turns({0.8, 0.2}, 10'000)) {
    math += source == 0;
    ++n;
    REQUIRE(std::abs(math - 0.8 * n) <= 1.0);
  }
  CHECK(math == 8000);
}

TEST_CASE("when_a_source_ends_the_others_share_by_what_is_left_of_the_weights") {
  const auto order = turns({2, 1, 1}, 10'000, {10, 0, 0});
  CHECK(std::count(order.begin(), order.end(), 0) == 10);
  const auto after = std::find(order.rbegin(), order.rend(), std::size_t{0}).base();
  const auto ones = std::count(after, order.end(), 1);
  const auto twos = std::count(after, order.end(), 2);
  CHECK(std::abs(ones - twos) <= 1);
}

TEST_CASE("all_ended_is_nobodys_turn") {
  CHECK(turns({1, 3}, 100, {5, 7}).size() == 12);
  SourceMix mix({1.0});
  mix.ended(0);
  CHECK_FALSE(mix.turn().has_value());
}

TEST_CASE("what_is_left_of_an_order_comes_in_the_same_order_after_a_resume") {
  // A resumed source leaves out what is done and says the place of what it sends.
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Rng rng(seed, 2);
    const auto weights = drawn_weights(rng);
    const auto whole = turns(weights, 500);
    std::vector<std::uint64_t> counted(weights.size());
    std::vector<std::vector<std::uint64_t>> left(weights.size());
    std::vector<std::pair<std::size_t, std::uint64_t>> expected;
    const std::size_t done = rng.below(400);
    for (std::size_t i = 0; i < whole.size(); ++i) {
      const std::uint64_t place = counted[whole[i]]++;
      if (i < done && rng.below(4) != 0) continue;  // done by the life before
      expected.emplace_back(whole[i], place);
      left[whole[i]].push_back(place);
    }
    SourceMix mix(weights);
    std::vector<std::size_t> at(weights.size());
    std::vector<std::pair<std::size_t, std::uint64_t>> got;
    while (got.size() < expected.size()) {
      for (std::size_t i = 0; i < weights.size(); ++i) {
        if (at[i] < left[i].size())
          mix.at_least(i, left[i][at[i]]);
        else
          mix.ended(i);
      }
      const auto turn = mix.turn();
      REQUIRE(turn.has_value());
      got.emplace_back(*turn, left[*turn][at[*turn]++]);
      mix.took(*turn);
    }
    CHECK(got == expected);
  }
}
