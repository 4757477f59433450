#pragma once
// Seeds of the property tests: `usual` of them, or TROUPE_SEEDS; TROUPE_SEED alone repeats one.
#include <cstdlib>
#include <string>

#include "schemas/base/assert.hpp"
#include "tests/catch.hpp"

namespace troupe::test {

template <class Check>
void for_each_seed(std::uint64_t usual, const Check& check) {
  const auto run = [&](std::uint64_t seed) {
    const std::string replay = "TROUPE_SEED=" + std::to_string(seed) + " faults_test";
    set_assert_context(replay);
    INFO(replay);
    check(seed);
    set_assert_context({});
  };
  if (const char* one = std::getenv("TROUPE_SEED")) return run(std::strtoull(one, nullptr, 10));
  const char* many = std::getenv("TROUPE_SEEDS");
  const std::uint64_t seeds = many != nullptr ? std::strtoull(many, nullptr, 10) : usual;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) run(seed);
}

}  // namespace troupe::test
