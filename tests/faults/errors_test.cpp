// Whole runs on a disk that fills up, refuses to be written, or fails: they end with a sentence
// that names the file and says what to do, and go on when the disk is well again.
#include "tests/faults/faulty_run.hpp"
#include "tests/faults/seeds.hpp"

using namespace troupe;
using namespace troupe::test;

namespace {

void check_message(const Error& error) {
  INFO(error.text());
  CHECK(error.message.find("'/") != std::string::npos);
  CHECK_FALSE(error.help.empty());
  CHECK(error.message.find("bug") == std::string::npos);
}

/// A life in which `trouble` begins at a random moment, then lives on a disk that is well.
void suffer(std::uint64_t seed, const std::function<void(SimulatedFiles&, Rng&)>& trouble,
            bool forgets, std::uint64_t& failures) {
  Rng rng(seed, 6);
  FaultyRun run(shape_of(seed), seed);
  for (int life = 0; life < 2; ++life) {
    run.files().trouble_at = run.files().operations() + 1 + rng.below(400);
    run.files().trouble = [&](SimulatedFiles& files) { trouble(files, rng); };
    const LifeEnd end = run.live();
    if (!end.error) {
      REQUIRE(end.finished());
      break;
    }
    ++failures;
    check_message(*end.error);
    if (forgets && rng.below(2) == 0) {  // what was not synced is found missing at once
      run.files().die();
      run.recover(true);
      run.reboot(Loss::Unsynced);
    } else {
      run.recover(forgets);
    }
    run.check_sample_log();
    if (life == 1 || rng.below(2) == 0) break;
  }
  LifeEnd end = run.finished() ? LifeEnd() : run.live();
  INFO((end.error ? end.error->text() : ""));
  REQUIRE_FALSE(end.error);
  run.recover(false);
  run.check_sample_log();
  run.check_finished();
}

void suffer_often(std::uint64_t seeds, const std::function<void(SimulatedFiles&, Rng&)>& trouble,
                  bool forgets = false) {
  std::uint64_t failures = 0;
  for_each_seed(seeds, [&](std::uint64_t seed) { suffer(seed, trouble, forgets, failures); });
  CHECK(failures > 0);
}

}  // namespace

TEST_CASE("a_run_on_a_disk_that_fills_up_ends_with_a_clear_word_and_goes_on_when_there_is_room") {
  suffer_often(120, [](SimulatedFiles& files, Rng& rng) {
    files.capacity = files.bytes_used() + rng.below(3) * rng.below(20'000);
  });
}

TEST_CASE("a_run_on_a_disk_that_turns_read_only_ends_with_a_clear_word_and_can_go_on") {
  suffer_often(60, [](SimulatedFiles& files, Rng&) { files.read_only = true; });
}

TEST_CASE("a_write_that_fails_now_and_then_ends_a_run_or_is_repeated_but_loses_nothing") {
  suffer_often(120, [](SimulatedFiles& files, Rng& rng) {
    files.write_failure = rng.below(2) == 0 ? 1.0 : 0.05;
  });
}

TEST_CASE("a_sync_that_fails_ends_a_run_and_what_it_forgot_was_never_acknowledged") {
  suffer_often(
      150,
      [](SimulatedFiles& files, Rng& rng) { files.sync_failure = rng.below(2) == 0 ? 1.0 : 0.2; },
      true);
}

TEST_CASE("a_disk_that_cannot_be_read_ends_a_run_and_destroys_nothing") {
  suffer_often(60, [](SimulatedFiles& files, Rng& rng) {
    files.read_failure = rng.below(2) == 0 ? 1.0 : 0.05;
  });
}
