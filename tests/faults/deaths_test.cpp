// Whole runs that die at any moment, by a kill or a loss of power, and are gone on with.
#include "tests/faults/faulty_run.hpp"
#include "tests/faults/seeds.hpp"

using namespace troupe;
using namespace troupe::test;

namespace {

/// How many changing calls a run of this shape makes in all.
std::uint64_t operations_of(const FaultyRunShape& shape, std::uint64_t seed) {
  FaultyRun run(shape, seed);
  const LifeEnd end = run.live();
  INFO((end.error ? end.error->text() : ""));
  REQUIRE(end.finished());
  run.check_sample_log();
  run.check_finished();
  return run.files().operations();
}

void die_often(std::uint64_t seed, const std::vector<Loss>& losses) {
  Rng rng(seed, 5);
  const FaultyRunShape shape = shape_of(seed);
  const std::uint64_t operations = operations_of(shape, seed);
  FaultyRun run(shape, seed);
  // Also deaths within a resume: some of them come soon after a birth.
  const std::uint64_t deaths = 1 + rng.below(6);
  for (std::uint64_t death = 0; death < deaths; ++death) {
    const std::uint64_t within = rng.below(3) == 0 ? 40 : operations;
    run.files().die_at = run.files().operations() + 1 + rng.below(within);
    const LifeEnd end = run.live();
    if (end.finished()) {  // a death after that, as files are closed, takes nothing
      run.reboot(run.files().dead() ? losses[rng.below(losses.size())] : Loss::Process);
      run.check_sample_log();
      return run.check_finished();
    }
    INFO((end.error ? end.error->text() : ""));
    REQUIRE(run.files().dead());
    const Loss loss = losses[rng.below(losses.size())];
    run.reboot(loss);
    run.check_sample_log();
  }
  const LifeEnd end = run.live();
  INFO((end.error ? end.error->text() : ""));
  REQUIRE(end.finished());
  run.check_sample_log();
  run.check_finished();
}

}  // namespace

TEST_CASE("a_run_killed_at_any_write_goes_on_with_nothing_lost_and_nothing_twice") {
  for_each_seed(150, [](std::uint64_t seed) { die_often(seed, {Loss::Process}); });
}

TEST_CASE("a_run_that_loses_power_at_any_write_keeps_what_was_synced") {
  for_each_seed(250, [](std::uint64_t seed) {
    die_often(seed, {Loss::Unsynced, Loss::AnySubset, Loss::Prefix, Loss::Process});
  });
}
