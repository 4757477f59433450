#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/ledger/ledger.hpp"
#include "actors/ledger/store.hpp"
#include "tests/ledger/fixtures.hpp"

using namespace troupe;
using namespace troupe::ledger;
using namespace troupe::test;

namespace {

PromptId prompt(std::uint64_t row) { return {0, 0, row}; }

std::unique_ptr<Ledger> create(const std::filesystem::path& file) {
  auto ledger = Ledger::create({.path = file});
  REQUIRE_OK(ledger);
  return std::move(ledger).value();
}
std::unique_ptr<Ledger> resume(const std::filesystem::path& file, std::uint32_t step,
                               const nlohmann::json* summary = nullptr) {
  auto ledger = Ledger::resume({.path = file}, step, summary);
  REQUIRE_OK(ledger);
  return std::move(ledger).value();
}
void admit(Ledger& ledger, std::uint64_t row, std::uint16_t group_size = 2) {
  REQUIRE_OK(ledger.admit({prompt(row), ledger.next_admission(), {0, 1}, group_size}));
}
void end_all(Ledger& ledger, std::uint64_t row, End end, std::uint32_t step = 0,
             std::string_view reason = "because") {
  for (std::uint16_t sibling : {0, 1})
    REQUIRE_OK(ledger.end({prompt(row), sibling, 0}, end, reason, step));
}

void sql(const std::filesystem::path& file, const char* text) {
  sqlite3* handle = nullptr;
  REQUIRE(sqlite3_open(file.c_str(), &handle) == SQLITE_OK);
  char* message = nullptr;
  const int status = sqlite3_exec(handle, text, nullptr, nullptr, &message);
  INFO((message ? message : ""));
  REQUIRE(status == SQLITE_OK);
  sqlite3_close(handle);
}

}  // namespace

TEST_CASE("what_was_committed_is_there_after_the_ledger_is_gone_and_the_rest_is_done_again") {
  TemporaryFolder folder;
  const auto file = folder / "ledger.sqlite";
  {
    auto ledger = create(file);
    for (std::uint64_t row : {1, 2, 3}) admit(*ledger, row);
    end_all(*ledger, 1, End::Trained, 1);
    end_all(*ledger, 2, End::Filtered, 0, "all rewards equal");
    REQUIRE_OK(ledger->commit());
    end_all(*ledger, 3, End::Filtered);  // dies before this is committed
  }
  auto ledger = resume(file, 1);
  CHECK(ledger->accounts().samples.text() ==
        "6 admitted = 2 trained + 2 filtered + 2 in flight");
  CHECK(ledger->accounts().holds());
  CHECK(ledger->repair_report().reopened_prompts == 1);
  CHECK(ledger->is_resolved(prompt(1)));
  CHECK_FALSE(ledger->is_resolved(prompt(3)));
  const auto reopened = ledger->reopened();
  REQUIRE(reopened.size() == 1);
  CHECK(reopened[0].prompt == prompt(3));
  CHECK(reopened[0].number == 2);
  CHECK(ledger->cursors().at(0).next == prompt(3));
  CHECK(ledger->reasons().at(0).samples == 2);

  // Nothing of it can end before it is admitted again; then everything goes its way.
  CHECK(!ledger->end({prompt(3), 0, 0}, End::Filtered, "").ok());
  REQUIRE_OK(ledger->admit({prompt(3), 2, {1, 1}, 2}));
  CHECK(!ledger->admit({prompt(3), 2, {1, 1}, 2}).ok());
  CHECK(!ledger->admit({prompt(1), ledger->next_admission(), {1, 1}, 2}).ok());
  end_all(*ledger, 3, End::Trained, 2);
  CHECK(ledger->reopened().empty());
  CHECK(ledger->accounts().samples.text() ==
        "6 admitted = 4 trained + 2 filtered + 0 in flight");
}

TEST_CASE("the_checkpoint_alone_decides_what_is_trained") {
  TemporaryFolder folder;
  const auto file = folder / "ledger.sqlite";
  {
    auto ledger = create(file);
    for (std::uint64_t row : {1, 2, 3}) {
      admit(*ledger, row);
      const std::vector<PromptId> batch{prompt(row)};
      REQUIRE_OK(ledger->use({{0, static_cast<std::uint32_t>(row)}, 0, batch}));
      end_all(*ledger, row, End::Trained, static_cast<std::uint32_t>(row));
    }
    REQUIRE_OK(ledger->commit());
  }
  for (int repetition = 0; repetition < 3; ++repetition) {  // repairing is idempotent
    auto ledger = resume(file, 1);
    CHECK(ledger->accounts().samples.text() == "6 admitted = 2 trained + 4 in flight");
    CHECK(ledger->repair_report().reopened_prompts == 2);
    CHECK(ledger->repair_report().undone_samples == (repetition == 0 ? 4u : 0u));
    CHECK(ledger->repair_report().forgotten_batches == (repetition == 0 ? 2u : 0u));
  }
  auto ledger = resume(file, 1);
  REQUIRE_OK(ledger->admit({prompt(2), ledger->next_admission(), {1, 1}, 2}));  // a fresh number
  const std::vector<PromptId> batch{prompt(2)};
  REQUIRE_OK(ledger->use({{1, 2}, 0, batch}));
  end_all(*ledger, 2, End::Trained, 2);
  REQUIRE_OK(ledger->commit());
  ledger.reset();
  ledger = resume(file, 2);
  CHECK(ledger->accounts().samples.text() == "6 admitted = 4 trained + 2 in flight");
}

TEST_CASE("left_over_samples_are_done_again_and_delivered_ones_are_not") {
  TemporaryFolder folder;
  const auto file = folder / "ledger.sqlite";
  {
    auto ledger = create(file);
    admit(*ledger, 1, 3);
    REQUIRE_OK(ledger->end({prompt(1), 0, 0}, End::Delivered, ""));
    REQUIRE_OK(ledger->refill({prompt(1), 1, 0}, End::Failed, "engine gone"));
    REQUIRE_OK(ledger->end_left_over("stopped"));
    REQUIRE_OK(ledger->commit());
    CHECK(ledger->accounts().samples.text() ==
          "4 admitted = 0 trained + 1 delivered + 1 failed + 2 left over + 0 in flight");
  }
  auto ledger = resume(file, 0);
  // The refilled attempt starts over: its first attempt is admitted again.
  CHECK(ledger->accounts().samples.text() ==
        "3 admitted = 0 trained + 1 delivered + 2 in flight");
  CHECK(ledger->accounts().holds());
  CHECK(ledger->reopened().at(0).kept == std::vector<std::uint16_t>{0});
  REQUIRE_OK(ledger->admit({prompt(1), 0, {}, 3}));
  CHECK(!ledger->end({prompt(1), 0, 0}, End::Delivered, "").ok());
  REQUIRE_OK(ledger->end({prompt(1), 1, 0}, End::Delivered, ""));
  REQUIRE_OK(ledger->end({prompt(1), 2, 0}, End::Delivered, ""));
  CHECK(ledger->is_resolved(prompt(1)));
}

TEST_CASE("a_commit_comes_when_it_is_due") {
  TemporaryFolder folder;
  StandingClock clock;
  int commits = 0;
  auto ledger = Ledger::create({.path = folder / "ledger.sqlite",
                                .clock = &clock,
                                .before_commit = [&](Durability) {
                                  ++commits;
                                  return Result<void>();
                                }});
  REQUIRE_OK(ledger);
  commits = 0;
  admit(**ledger, 1);
  CHECK(commits == 0);
  clock.advance(std::chrono::milliseconds(99));
  REQUIRE_OK((*ledger)->commit_if_due());
  CHECK(commits == 0);
  clock.advance(std::chrono::milliseconds(1));
  REQUIRE_OK((*ledger)->commit_if_due());
  CHECK(commits == 1);
  clock.advance(std::chrono::seconds(1));
  REQUIRE_OK((*ledger)->commit_if_due());  // nothing happened
  CHECK(commits == 1);
  admit(**ledger, 2);
  CHECK(commits == 2);
}

TEST_CASE("a_failure_before_the_commit_is_its_failure_and_nothing_is_lost") {
  TemporaryFolder folder;
  bool refuse = false;
  auto opened = Ledger::create(
      {.path = folder / "ledger.sqlite", .before_commit = [&](Durability) -> Result<void> {
         if (refuse) return Error{ErrorCode::DiskFull, "cannot write the sample log", "Free some"};
         return {};
       }});
  REQUIRE_OK(opened);
  auto ledger = std::move(opened).value();
  admit(*ledger, 1);
  refuse = true;
  CHECK(ledger->commit().error().code == ErrorCode::DiskFull);
  refuse = false;
  REQUIRE_OK(ledger->commit());
  ledger.reset();
  CHECK(resume(folder / "ledger.sqlite", 0)->accounts().prompts.admitted == 1);
}

TEST_CASE("a_ledger_that_has_records_is_not_a_new_one") {
  TemporaryFolder folder;
  { auto ledger = create(folder / "ledger.sqlite"); }
  const auto again = Ledger::create({.path = folder / "ledger.sqlite"});
  REQUIRE(!again.ok());
  CHECK(again.error().code == ErrorCode::Conflict);
}

TEST_CASE("a_row_with_a_wrong_checksum_is_left_out_and_reported") {
  TemporaryFolder folder;
  const auto file = folder / "ledger.sqlite";
  {
    auto ledger = create(file);
    for (std::uint64_t row : {1, 2, 3}) {
      admit(*ledger, row);
      end_all(*ledger, row, End::Trained, 1);
    }
    REQUIRE_OK(ledger->commit());
  }
  sql(file, "UPDATE prompt SET row = 77 WHERE number = 1");
  auto ledger = resume(file, 1);
  CHECK(ledger->repair_report().corrupt_rows == 1);
  CHECK(ledger->accounts().prompts.admitted == 2);
  CHECK(ledger->accounts().holds());
}

TEST_CASE("a_ledger_that_does_not_add_up_is_refused") {
  TemporaryFolder folder;
  const auto file = folder / "ledger.sqlite";
  {
    auto ledger = create(file);
    for (std::uint64_t row : {1, 2}) admit(*ledger, row);
    REQUIRE_OK(ledger->commit());
  }
  sql(file, "DELETE FROM prompt WHERE number = 1");
  const auto resumed = Ledger::resume({.path = file}, 0);
  REQUIRE(!resumed.ok());
  CHECK(resumed.error().code == ErrorCode::Corrupt);
  CHECK(resumed.error().message.find("does not add up") != std::string::npos);
}

TEST_CASE("a_file_that_is_no_ledger_is_an_error_that_names_it") {
  TemporaryFolder folder;
  write_file(folder / "ledger.sqlite", std::string(8192, 'x'));
  const auto resumed = Ledger::resume({.path = folder / "ledger.sqlite"}, 0);
  REQUIRE(!resumed.ok());
  CHECK(resumed.error().code == ErrorCode::Corrupt);
  CHECK(resumed.error().message.find("ledger.sqlite") != std::string::npos);
  CHECK(!resumed.error().help.empty());
}

TEST_CASE("a_lost_ledger_is_made_again_from_the_checkpoint") {
  TemporaryFolder folder;
  nlohmann::json summary;
  Accounts at_checkpoint;
  {
    auto ledger = create(folder / "ledger.sqlite");
    for (std::uint64_t row = 0; row < 6; ++row) admit(*ledger, row);
    end_all(*ledger, 0, End::Trained, 1);
    end_all(*ledger, 1, End::Filtered);
    end_all(*ledger, 3, End::Trained, 1);
    REQUIRE_OK(ledger->refill({prompt(4), 0, 0}, End::Failed, "engine gone"));
    summary = ledger->summary();
    at_checkpoint = ledger->accounts();
  }
  const auto fresh = folder / "other.sqlite";
  {
    auto ledger = resume(fresh, 1, &summary);
    CHECK(ledger->repair_report().rebuilt_from_checkpoint);
    const Accounts accounts = ledger->accounts();
    CHECK(accounts.holds());
    // What was in flight is admitted afresh.
    CHECK(accounts.samples.text() == "6 admitted = 4 trained + 2 filtered + 0 in flight");
    const auto cursor = ledger->cursors().at(0);
    CHECK(cursor.next == prompt(2));
    CHECK(cursor.last == prompt(5));
    CHECK(cursor.resolved == std::vector<PromptId>{prompt(3)});
    CHECK(ledger->is_resolved(prompt(3)));
    CHECK(!ledger->admit({prompt(3), ledger->next_admission(), {}, 2}).ok());
    admit(*ledger, 2);
    end_all(*ledger, 2, End::Trained, 2);
    admit(*ledger, 4);
    CHECK(ledger->cursors().at(0).next == prompt(4));
    REQUIRE_OK(ledger->commit());
  }
  // And it lasts.
  auto ledger = resume(fresh, 2, &summary);
  CHECK_FALSE(ledger->repair_report().rebuilt_from_checkpoint);
  CHECK(ledger->accounts().samples.text() ==
        "10 admitted = 6 trained + 2 filtered + 2 in flight");
  CHECK(ledger->is_resolved(prompt(3)));
  CHECK(ledger->cursors().at(0).next == prompt(4));
}

TEST_CASE("a_damaged_summary_is_an_error_that_says_what_to_do") {
  TemporaryFolder folder;
  const nlohmann::json summary{{"sequence", 5}, {"cursors", "none"}};
  const auto resumed = Ledger::resume({.path = folder / "l.sqlite"}, 1, &summary);
  REQUIRE(!resumed.ok());
  CHECK(resumed.error().code == ErrorCode::Corrupt);
  CHECK(resumed.error().help.find("resume again") != std::string::npos);
}

TEST_CASE("a_full_disk_refuses_a_commit_and_keeps_what_was_there") {
  TemporaryFolder folder;
  const auto file = folder / "ledger.sqlite";
  // In a process of its own, because the limit on file sizes is the process's.
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const auto fail = [](int code) { ::_exit(code); };
    auto opened = Ledger::create({.path = file});
    if (!opened.ok()) fail(1);
    auto ledger = std::move(opened).value();
    std::uint64_t row = 0;
    const auto add = [&](std::uint64_t count) {
      for (std::uint64_t end = row + count; row < end; ++row)
        if (!ledger->admit({prompt(row), row, {}, 2}).ok()) fail(2);
    };
    add(100);
    if (!ledger->commit().ok()) fail(3);
    struct rlimit limit {};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = 128 << 10;
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) fail(4);
    add(10'000);
    const auto refused = ledger->commit();
    if (refused.ok()) fail(5);
    if (refused.error().help.empty()) fail(6);
    if (ledger->accounts().prompts.in_flight != row) fail(7);
    // Space again: the same events are committed.
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) fail(8);
    if (!ledger->commit().ok()) fail(9);
    // And refused once more before it dies.
    limit.rlim_cur = 64 << 10;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    add(10'000);
    if (ledger->commit().ok()) fail(10);
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 0);
  auto ledger = resume(file, 0);
  CHECK(ledger->accounts().prompts.admitted == 10'100);
  CHECK(ledger->accounts().holds());
}

TEST_CASE("a_killed_process_loses_nothing_that_it_committed") {
  TemporaryFolder folder;
  const auto file = folder / "ledger.sqlite";
  const std::string program = std::string(TROUPE_BUILD_DIR) + "/tests/ledger_victim";
  std::uint64_t admitted = 0;
  Rng rng(7);
  for (int life = 0; life < 12; ++life) {
    int pipes[2];
    REQUIRE(::pipe(pipes) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      ::dup2(pipes[1], 1);
      ::close(pipes[0]);
      ::execl(program.c_str(), program.c_str(), file.c_str(), std::to_string(life).c_str(),
              nullptr);
      ::_exit(127);
    }
    ::close(pipes[1]);
    // Each line: prompts admitted, samples ended, both committed. Killed at a random moment.
    std::string text;
    char buffer[4096];
    const std::size_t enough = 200 + rng.below(2000);
    while (text.size() < enough) {
      const ssize_t n = ::read(pipes[0], buffer, sizeof buffer);
      REQUIRE(n > 0);
      text.append(buffer, static_cast<std::size_t>(n));
    }
    ::kill(child, SIGKILL);
    for (ssize_t n; (n = ::read(pipes[0], buffer, sizeof buffer)) > 0;)
      text.append(buffer, static_cast<std::size_t>(n));
    ::close(pipes[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WIFSIGNALED(status));

    text.resize(text.rfind('\n'));  // the last line may be torn; the one before is whole
    const std::size_t start = text.rfind('\n');
    std::istringstream line(text.substr(start == std::string::npos ? 0 : start + 1));
    std::uint64_t prompts = 0, ended = 0;
    line >> prompts >> ended;
    auto ledger = resume(file, UINT32_MAX);
    const Accounts accounts = ledger->accounts();
    CHECK(accounts.holds());
    CHECK(accounts.prompts.admitted >= prompts);
    CHECK(accounts.samples.ended() >= ended);
    CHECK(prompts > admitted);
    admitted = accounts.prompts.admitted;
  }
}

TEST_CASE("random_events_keep_the_equation_and_any_commit_can_be_resumed_from") {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    INFO("seed " << seed);
    TemporaryFolder folder;
    const auto file = folder / "ledger.sqlite";
    Rng rng(seed);
    auto ledger = create(file);
    std::uint64_t row = 0;
    std::uint32_t step = 0, checkpoint = 0;
    std::vector<SampleId> in_flight;
    std::map<SampleId, std::uint32_t> trained;
    for (int life = 0; life < 4; ++life) {
      for (int event = 0; event < 300; ++event) {
        const auto choice = rng.below(20);
        if (choice < 5 || in_flight.empty()) {
          const auto size = static_cast<std::uint16_t>(1 + rng.below(4));
          REQUIRE_OK(ledger->admit({prompt(row), ledger->next_admission(), {}, size}));
          for (std::uint16_t k = 0; k < size; ++k) in_flight.push_back({prompt(row), k, 0});
          ++row;
        } else if (choice < 17) {
          const auto at = rng.below(in_flight.size());
          const SampleId id = in_flight[at];
          in_flight[at] = in_flight.back();
          in_flight.pop_back();
          if (choice == 5) {
            const auto next = ledger->refill(id, End::Failed, "engine gone");
            REQUIRE_OK(next);
            in_flight.push_back(*next);
          } else if (choice < 12) {
            REQUIRE_OK(ledger->end(id, End::Trained, "", step + 1));
            REQUIRE(trained.emplace(id, step + 1).second);  // nothing is trained twice
          } else {
            REQUIRE_OK(ledger->end(id, choice < 15 ? End::Filtered : End::Delivered, "why"));
          }
        } else if (choice == 17) {
          ++step;
        } else if (choice == 18 && rng.below(3) == 0) {
          REQUIRE_OK(ledger->commit(Durability::Power));
          checkpoint = step;
        } else {
          REQUIRE_OK(ledger->commit());
        }
        REQUIRE(ledger->accounts().holds());
      }
      ledger.reset();  // dies with what was not committed
      ledger = resume(file, checkpoint);
      const Accounts resumed = ledger->accounts();
      REQUIRE(resumed.holds());
      step = checkpoint;
      std::erase_if(trained, [&](const auto& item) { return item.second > checkpoint; });
      REQUIRE(resumed.samples.of(End::Trained) == trained.size());
      ledger.reset();
      ledger = resume(file, checkpoint);
      REQUIRE(ledger->accounts() == resumed);
      in_flight.clear();
      for (const ReopenedPrompt& again : ledger->reopened()) {
        if (rng.below(4) == 0) continue;  // not everything comes again before the next death
        REQUIRE_OK(ledger->admit({again.prompt, again.number, {}, again.group_size}));
        for (std::uint16_t k = 0; k < again.group_size; ++k)
          if (std::find(again.kept.begin(), again.kept.end(), k) == again.kept.end())
            in_flight.push_back({again.prompt, k, 0});
      }
      // What was admitted and not committed is gone and comes again.
      row = 0;
      while (ledger->is_resolved(prompt(row)) ||
             std::any_of(in_flight.begin(), in_flight.end(),
                         [&](const SampleId& id) { return id.prompt == prompt(row); }) ||
             [&] {
               for (const auto& again : ledger->reopened())
                 if (again.prompt == prompt(row)) return true;
               return false;
             }())
        ++row;
    }
  }
}

TEST_CASE("a_ledger_of_a_later_format_is_refused_and_left_as_it_is") {
  TemporaryFolder folder;
  const auto file = folder / "ledger.sqlite";
  {
    auto ledger = create(file);
    admit(*ledger, 1);
    REQUIRE_OK(ledger->commit());
  }
  sql(file, "UPDATE totals SET format = 99");
  const auto refused = Ledger::resume({.path = file}, 0);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::Unsupported);
  CHECK(refused.error().message.find("99") != std::string::npos);
  sql(file, "UPDATE totals SET format = 2");
  CHECK(resume(file, 0)->accounts().samples.in_flight == 2);
}
