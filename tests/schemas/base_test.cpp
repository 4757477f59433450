#include <set>

#include "schemas/base/ids.hpp"
#include "schemas/base/rng.hpp"
#include "tests/catch.hpp"

using namespace troupe;

TEST_CASE("ids_print_what_they_derive_from") {
  const PromptId prompt{1, 2, 17};
  CHECK(to_string(prompt) == "1.2.17");
  CHECK(to_string(SampleId{prompt, 3, 0}) == "1.2.17/3");
  CHECK(to_string(SampleId{prompt, 3, 1}) == "1.2.17/3+1");
  CHECK(to_string(Version{0, 12}) == "12");
  CHECK(to_string(Version{1, 12}) == "12'1");
}

TEST_CASE("every_sample_of_a_run_has_a_seed_of_its_own") {
  std::set<std::uint64_t> seeds;
  for (std::uint32_t epoch = 0; epoch < 3; ++epoch)
    for (std::uint64_t row = 0; row < 100; ++row)
      for (std::uint16_t sibling = 0; sibling < 8; ++sibling)
        for (std::uint16_t attempt = 0; attempt < 2; ++attempt)
          seeds.insert(sample_seed(42, {{0, epoch, row}, sibling, attempt}));
  CHECK(seeds.size() == 3 * 100 * 8 * 2);
}

TEST_CASE("a_random_stream_can_be_put_back_to_a_position") {
  Rng rng(7, 1);
  rng.next();
  const auto position = rng.position();
  const auto first = rng.next();
  rng.seek(position);
  CHECK(rng.next() == first);
  for (int i = 0; i < 1000; ++i) {
    const double u = rng.uniform();
    REQUIRE(u >= 0.0);
    REQUIRE(u < 1.0);
    REQUIRE(rng.below(7) < 7);
  }
}
