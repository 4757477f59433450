// Files that decay while nobody writes them: a damaged checkpoint is passed over, a damaged record
// is told, and nothing is ever trained twice because of it.
#include <algorithm>

#include <fmt/format.h>

#include "actors/ledger/checkpoints.hpp"
#include "actors/ledger/sample_log.hpp"
#include "actors/ledger/status.hpp"
#include "actors/observe/log.hpp"
#include "tests/faults/faulty_run.hpp"
#include "tests/faults/seeds.hpp"
#include "tests/ledger/fixtures.hpp"

using namespace troupe;
using namespace troupe::test;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kSeed = 7;

FaultyRunShape test_shape() {
  FaultyRunShape shape;
  shape.steps = 5;
  shape.keep_checkpoints = 2;
  return shape;
}

/// A run that was killed after the checkpoint of one step and the batch of another were written;
/// always the same.
std::unique_ptr<FaultyRun> killed_run(const FaultyRunShape& shape = test_shape(),
                                      std::uint32_t checkpoint = 3, std::uint32_t journaled = 0) {
  for (std::uint64_t operations = 200;; operations += 20) {
    auto run = std::make_unique<FaultyRun>(shape, kSeed);
    run->files().die_at = operations;
    const LifeEnd end = run->live();
    REQUIRE_FALSE(end.finished());
    run->reboot(Loss::Process);
    if (run->checkpoint_expected() >= checkpoint && run->journal_expected() >= journaled) {
      REQUIRE(run->checkpoint_expected() == checkpoint);
      return run;
    }
  }
}

std::string damaged(std::string content, const std::string& kind, Rng& rng) {
  if (kind == "bit" && !content.empty()) {
    char& byte = content[rng.below(content.size())];
    byte = static_cast<char>(byte ^ (1 << rng.below(8)));
  } else if (kind == "cut") {
    content.resize(rng.below(content.size()));
  } else if (kind == "longer") {
    content += 'x';
  } else if (kind == "zeros") {
    const std::size_t from = rng.below(content.size());
    std::fill_n(content.begin() + static_cast<std::ptrdiff_t>(from),
                std::min<std::size_t>(16, content.size() - from), '\0');
  }
  return content;
}

fs::path checkpoint(const FaultyRun& run, std::uint32_t step) {
  return ledger::checkpoint_folder(run.path() / "checkpoints", step);
}

/// It went on from `step`, said that `what` is damaged, and finished as if nothing had been.
void check_falls_back(FaultyRun& run, std::uint32_t step, const std::string& what) {
  run.expect_checkpoint(step);
  const LifeEnd end = run.live();
  INFO((end.error ? end.error->text() : ""));
  REQUIRE(end.finished());
  CHECK(run.resumed_step == step);
  CHECK(run.redo_until >= step);
  CHECK(run.steps_redone == run.redo_until - step);
  const auto says = [&](const std::string& text) {
    return text.find(what) != std::string::npos && text.find("damaged") != std::string::npos;
  };
  CHECK(std::any_of(run.repairs.begin(), run.repairs.end(), says));
  const auto status = ledger::read_status(run.disk(), run.path(), run.vfs());
  REQUIRE(status.ok());
  CHECK(std::any_of(status->info.repairs.begin(), status->info.repairs.end(), says));
  CHECK(ledger::print_status(*status).find("repaired") != std::string::npos);
  const auto log = observe::read_log(run.disk(), run.path() / "log.jsonl");
  REQUIRE(log.ok());
  CHECK(std::any_of(log->begin(), log->end(),
                    [&](const observe::LogEvent& event) { return says(event.message); }));
  run.check_sample_log();
  run.check_finished();
}

}  // namespace

TEST_CASE("a_newest_checkpoint_damaged_in_any_file_and_way_gives_way_to_the_one_before") {
  Rng rng(kSeed, 9);
  const auto sound = killed_run();
  const std::uint32_t newest = sound->checkpoint_expected();
  const auto files = sound->files().files_below(checkpoint(*sound, newest));
  CHECK(files.size() == 4);
  for (const fs::path& file : files) {
    for (const std::string kind : {"bit", "cut", "longer", "zeros", "gone"}) {
      INFO(file << " " << kind);
      const auto run = killed_run();
      if (kind == "gone") {
        REQUIRE(run->files().remove(file) == 0);
      } else {
        run->files().damage(file, damaged(run->files().content(file), kind, rng));
      }
      check_falls_back(*run, newest - 1, fmt::format("step-{:06}", newest));
    }
  }
}

TEST_CASE("a_journaled_batch_damaged_in_any_way_is_trained_anew_and_those_before_it_again") {
  Rng rng(kSeed, 14);
  FaultyRunShape shape;
  shape.steps = 6;
  shape.checkpoint_every = 3;
  for (const bool without_checkpoint : {false, true}) {
    for (const std::string kind : {"bit", "cut", "longer", "zeros", "gone"}) {
      INFO(kind << (without_checkpoint ? ", and the checkpoint" : ""));
      const auto killed = killed_run(shape, 3, 5);
      FaultyRun& run = *killed;
      if (without_checkpoint) {
        const fs::path manifest = checkpoint(run, 3) / "manifest.json";
        run.files().damage(manifest, damaged(run.files().content(manifest), "cut", rng));
        run.expect_checkpoint(0);
      }
      const auto files = run.files().files_below(run.path() / "journal");
      const auto last = std::max_element(files.begin(), files.end());
      REQUIRE(last != files.end());
      if (kind == "gone")
        REQUIRE(run.files().remove(*last) == 0);
      else
        run.files().damage(*last, damaged(run.files().content(*last), kind, rng));
      const std::uint32_t reach = run.journal_expected() - 1;
      run.expect_journal(without_checkpoint ? 0 : reach);
      const LifeEnd end = run.live();
      INFO((end.error ? end.error->text() : ""));
      REQUIRE(end.finished());
      CHECK(run.redo_until == (without_checkpoint ? 0 : reach));
      CHECK(run.steps_redone == run.redo_until - *run.resumed_step);
      CHECK(run.repairs.empty() == (kind == "gone" && !without_checkpoint));
      run.check_sample_log();
      run.check_finished();
    }
  }
}

TEST_CASE("a_lost_ledger_is_made_again_from_checkpoint_and_journal_and_trains_nothing_twice") {
  std::uint64_t redone = 0;
  for_each_seed(60, [&](std::uint64_t seed) {
    Rng rng(seed, 15);
    FaultyRunShape shape = shape_of(seed);
    shape.staleness = 2;  // so that groups are trained in another order than they were admitted
    FaultyRun run(shape, seed);
    run.files().die_at = 1 + rng.below(800);
    if (run.live().finished() || !run.made()) return;
    run.reboot(Loss::Process);
    for (const char* name : {"ledger.sqlite", "ledger.sqlite-wal"})
      REQUIRE_OK(run.disk().remove_all(run.path() / name));
    run.check_against_books = false;
    const LifeEnd end = run.live();
    INFO((end.error ? end.error->text() : ""));
    REQUIRE(end.finished());
    redone += run.steps_redone;
    run.check_finished();
  });
  CHECK(redone > 0);
}

TEST_CASE("a_run_whose_checkpoints_are_all_damaged_begins_again_and_says_so") {
  Rng rng(kSeed, 10);
  const auto run = killed_run();
  for (const fs::path& file : run->files().files_below(run->path() / "checkpoints"))
    if (file.filename() == "manifest.json")
      run->files().damage(file, damaged(run->files().content(file), "cut", rng));
  run->expect_journal(0);  // what it had of the first steps is dropped with their checkpoints
  check_falls_back(*run, 0, "step-000003");
}

TEST_CASE("a_damaged_run_file_is_read_from_its_copy") {
  Rng rng(kSeed, 11);
  for (const std::string kind : {"bit", "cut", "zeros"}) {
    const auto run = killed_run();
    const fs::path file = run->path() / "run.json";
    run->files().damage(file, damaged(run->files().content(file), kind, rng));
    const auto before = ledger::read_status(run->disk(), run->path(), run->vfs());
    REQUIRE(before.ok());
    CHECK(before->problems.size() == 1);
    check_falls_back(*run, run->checkpoint_expected(), "run.json");
  }
  const auto run = killed_run();
  for (const char* name : {"run.json", "run.copy.json"})
    run->files().damage(run->path() / name, "{");
  const LifeEnd end = run->live();
  REQUIRE(end.error);
  CHECK(end.error->message.find("run.json' is damaged") != std::string::npos);
  CHECK(end.error->help.find("graph.toml") != std::string::npos);
}

TEST_CASE("a_line_of_the_sample_log_with_a_changed_letter_is_not_read_and_is_counted") {
  const auto run = killed_run();
  const fs::path file = run->path() / "samples" / "samples-000001.jsonl";
  std::string content = run->files().content(file);
  const std::size_t at = content.find("\"text\":\"", content.find('\n')) + 8;
  content[at] = content[at] == 'z' ? 'y' : 'z';
  run->files().damage(file, content);
  const auto stats = ledger::read_sample_log(run->disk(), run->path() / "samples",
                                             [](const nlohmann::json&) { return true; });
  REQUIRE(stats.ok());
  CHECK(stats->bad == 1);
}

TEST_CASE(
    "a_ledger_with_flipped_bits_is_mended_or_refused_and_made_again_and_trains_nothing_twice") {
  std::uint64_t refused = 0, repaired = 0;
  for_each_seed(150, [&](std::uint64_t seed) {
    Rng rng(seed, 13);
    FaultyRun run(shape_of(seed), seed);
    // The second life moves the records from the log into the database; there they are damaged.
    for (const std::uint64_t within : {600, 60}) {
      run.files().die_at = run.files().operations() + 1 + rng.below(within);
      if (run.live().finished() || !run.made()) return;
      run.reboot(Loss::Process);
    }
    const fs::path file = run.path() / "ledger.sqlite";
    if (!run.disk().exists(file) || run.files().content(file).empty()) return;
    for (std::uint64_t bits = 1 + rng.below(4); bits > 0; --bits)
      run.files().damage(file, damaged(run.files().content(file), "bit", rng));
    run.check_against_books = false;
    LifeEnd end = run.live();
    repaired += run.repairs.empty() ? 0 : 1;
    if (end.error) {
      ++refused;
      INFO(end.error->text());
      CHECK(end.error->message.find("ledger.sqlite") != std::string::npos);
      CHECK(end.error->help.find("-wal and -shm") != std::string::npos);
      run.recover(false);
      for (const char* name : {"ledger.sqlite", "ledger.sqlite-wal"})
        REQUIRE_OK(run.disk().remove_all(run.path() / name));
      end = run.live();
    }
    INFO((end.error ? end.error->text() : ""));
    REQUIRE(end.finished());
    run.check_finished();
  });
  CHECK(refused + repaired > 0);
}

TEST_CASE("bits_that_flip_anywhere_in_a_run_directory_are_found_or_harmless") {
  std::uint64_t repaired = 0, unharmed = 0;
  for_each_seed(200, [&](std::uint64_t seed) {
    Rng rng(seed, 12);
    FaultyRun run(shape_of(seed), seed);
    run.files().die_at = 1 + rng.below(600);
    if (run.live().finished() || !run.made()) return;
    run.reboot(Loss::Process);
    const auto files = run.files().files_below(run.path());
    if (files.empty()) return;
    const fs::path file = files[rng.below(files.size())];
    if (run.files().content(file).empty()) return;
    run.files().damage(file, damaged(run.files().content(file), "bit", rng));
    INFO("a bit in " << file);
    run.check_against_books = false;
    run.check_metrics = file.filename() != "metrics.jsonl";  // has no checksums; events/ has
    run.expect_checkpoint(0);
    const LifeEnd end = run.live();
    if (end.error) {
      INFO(end.error->text());
      CHECK(end.error->message.find("/here/") != std::string::npos);
      CHECK_FALSE(end.error->help.empty());
      CHECK(end.error->code != ErrorCode::Internal);
      return;
    }
    ++(run.repairs.empty() ? unharmed : repaired);
    run.check_finished();
  });
  CHECK(repaired > 0);
  CHECK(unharmed > 0);
}
