#include "actors/ledger/status.hpp"

#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "actors/ledger/checkpoints.hpp"
#include "tests/ledger/fixtures.hpp"

using namespace troupe;
using namespace troupe::ledger;
using namespace troupe::test;

namespace {

NewRun new_run() {
  NewRun run;
  run.name = "quickstart";
  run.seed = 7;
  run.graph_text = run.plan_json = "{}";
  return run;
}

/// Two groups: one trained, one in flight with a refill.
std::unique_ptr<Ledger> some_events(const RunDirectory& run) {
  auto created = Ledger::create({.path = run.ledger_file()});
  REQUIRE_OK(created);
  auto ledger = std::move(created).value();
  for (std::uint64_t row : {0, 1}) REQUIRE_OK(ledger->admit({{0, 0, row}, row, {}, 4}));
  const std::vector<PromptId> batch{{0, 0, 0}};
  REQUIRE_OK(ledger->use({{0, 1}, 0, batch}));
  REQUIRE_OK(ledger->end_group({0, 0, 0}, End::Trained, "", 1));
  REQUIRE_OK(ledger->refill({{0, 0, 1}, 2, 0}, End::Failed, "sandbox is gone"));
  REQUIRE_OK(ledger->commit());
  return ledger;
}

RunStatus status_of(const std::filesystem::path& path) {
  auto status = read_status(real_disk(), path);
  REQUIRE_OK(status);
  return std::move(status).value();
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("the_status_of_a_live_run_has_the_equation_stages_and_metrics") {
  TemporaryFolder folder;
  auto run = RunDirectory::create(real_disk(), folder.path(), new_run());
  REQUIRE_OK(run);
  const auto ledger = some_events(*run);
  write_file(run->metrics_file(),
             "{\"step\":1,\"wall_seconds\":1.0,\"reward/mean\":0.5,\"eval/accuracy\":0.25}\n"
             "{\"step\":2,\"wall_seconds\":2.0,\"reward/mean\":0.75,\"loss\":null}\n"
             "{\"step\":3,\"rew");
  REQUIRE_OK(run->write_stages({{"generate", "busy", 10, 8, 0, ""},
                                {"learn", "blocked", 4, 0, 4, "engine"}}));
  auto checkpoints = Checkpoints::open(real_disk(), run->checkpoints_folder());
  REQUIRE_OK(checkpoints->commit(2, nlohmann::json::object()));

  const RunStatus status = status_of(run->path());
  CHECK(status.alive);
  CHECK_FALSE(status.crashed);
  CHECK(status.holds());
  CHECK(status.accounts == ledger->accounts());
  CHECK(status.step == 2);
  CHECK(status.metrics.at("reward/mean") == 0.75);
  CHECK(status.metrics.at("eval/accuracy") == 0.25);
  CHECK(status.checkpoint_steps == std::vector<std::uint32_t>{2});
  CHECK(status.problems.empty());

  const std::string text = print_status(status);
  INFO(text);
  CHECK(contains(text, "running (pid " + std::to_string(::getpid()) + ")"));
  CHECK(contains(text, "samples      9 admitted = 4 trained + 1 failed + 4 in flight\n"));
  CHECK(contains(text, "prompts      2 admitted = 1 trained + 1 in flight\n"));
  CHECK(contains(text, "every one is accounted for"));
  CHECK(contains(text, "1 failed: sandbox is gone"));
  CHECK(contains(text, "learn: blocked, 4 in, 0 out, 4 ended here, waits for engine"));
  CHECK(contains(text, "troupe stop"));
  const auto data = to_json(status);
  CHECK(data.at("samples").at("in_flight") == 4);
  CHECK(data.at("holds") == true);
  CHECK(data.at("stages").at(1).at("waits_for") == "engine");
}

TEST_CASE("the_metrics_that_tell_whether_it_learns_are_shown_whatever_else_there_is") {
  RunStatus status;
  for (int i = 0; i < 40; ++i) status.metrics["a" + std::to_string(i)] = i;
  status.metrics["reward/mean"] = 0.75;
  status.metrics["eval/accuracy"] = 0.5;
  const std::string text = print_status(status);
  CHECK(contains(text, "metrics      eval/accuracy 0.5\n             reward/mean 0.75\n"));
  CHECK(contains(text, "... and 26 more in metrics.jsonl"));
}

TEST_CASE("a_run_that_was_killed_has_a_status_and_a_way_on") {
  TemporaryFolder folder;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto run = RunDirectory::create(real_disk(), folder.path(), new_run());
    auto ledger = some_events(*run);
    ::kill(::getpid(), SIGKILL);
  }
  int how = 0;
  ::waitpid(child, &how, 0);
  REQUIRE(WIFSIGNALED(how));
  const auto path = folder / "quickstart-001";
  for (int again = 0; again < 2; ++again) {  // reading changes nothing
    const RunStatus status = status_of(path);
    CHECK(status.crashed);
    CHECK_FALSE(status.alive);
    CHECK(status.holds());
    CHECK(status.accounts.samples.in_flight == 4);
    CHECK(status.problems.empty());
    CHECK(contains(print_status(status), "died"));
    CHECK(contains(print_status(status), "troupe resume " + path.string()));
  }
}

TEST_CASE("a_finished_run_says_where_its_results_are") {
  TemporaryFolder folder;
  auto run = RunDirectory::create(real_disk(), folder.path(), new_run());
  REQUIRE_OK(run);
  REQUIRE_OK(run->set_state(RunState::Failed, "sandbox is gone", 1));
  const auto path = run->path();
  { auto gone = std::move(run).value(); }
  CHECK(contains(print_status(status_of(path)), "failed: sandbox is gone"));
  {
    auto again = RunDirectory::open_to_resume(real_disk(), path, 2);
    REQUIRE_OK(again->set_state(RunState::Finished, "", 3));
  }
  const std::string text = print_status(status_of(path));
  CHECK(contains(text, "finished"));
  CHECK(contains(text, "resumed      once"));
  CHECK(contains(text, (path / "checkpoints").string()));
}

TEST_CASE("an_equation_that_does_not_hold_is_seen_by_status") {
  TemporaryFolder folder;
  auto run = RunDirectory::create(real_disk(), folder.path(), new_run());
  REQUIRE_OK(run);
  { const auto ledger = some_events(*run); }
  sqlite3* handle = nullptr;
  REQUIRE(sqlite3_open(run->ledger_file().c_str(), &handle) == SQLITE_OK);
  REQUIRE(sqlite3_exec(handle, "DELETE FROM prompt WHERE number = 0", nullptr, nullptr,
                       nullptr) == SQLITE_OK);
  sqlite3_close(handle);
  const RunStatus status = status_of(run->path());
  CHECK_FALSE(status.holds());
  CHECK(contains(print_status(status), "9 admitted ≠ 0 trained + 1 failed + 4 in flight"));
  CHECK(contains(print_status(status), "THIS DOES NOT ADD UP"));
  CHECK(to_json(status).at("holds") == false);
}

TEST_CASE("damage_in_a_run_directory_becomes_a_problem_and_no_crash") {
  TemporaryFolder folder;
  auto run = RunDirectory::create(real_disk(), folder.path(), new_run());
  REQUIRE_OK(run);
  CHECK(status_of(run->path()).problems.size() == 1);  // no ledger yet
  write_file(run->ledger_file(), "not a database, but long enough to look like one");
  write_file(run->path() / "stages.json", "{\"stages\":[{\"name\":3}]}");
  write_file(run->metrics_file(), "\n\n[1,2]\nnull\n");
  const RunStatus status = status_of(run->path());
  CHECK(status.problems.size() == 2);
  CHECK(contains(print_status(status), "problem"));
  CHECK(read_status(real_disk(), folder.path()).error().code == ErrorCode::NotFound);
}

TEST_CASE("a_run_on_a_medium_that_cannot_be_written_has_a_status") {
  TemporaryFolder folder;
  auto run = RunDirectory::create(real_disk(), folder.path(), new_run());
  REQUIRE_OK(run);
  { const auto ledger = some_events(*run); }
  const auto path = run->path();
  using std::filesystem::perms;
  const perms read = perms::owner_read | perms::group_read | perms::others_read;
  const perms enter = read | perms::owner_exec | perms::group_exec | perms::others_exec;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path))
    std::filesystem::permissions(entry.path(), entry.is_directory() ? enter : read);
  std::filesystem::permissions(path, enter);
  std::filesystem::permissions(folder.path(), enter);
  // In a process that gives up being root, if it is: root may write everywhere.
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(2);
    const auto status = read_status(real_disk(), path);
    ::_exit(status.ok() && status->problems.empty() && status->accounts.samples.admitted == 9 ? 0
                                                                                             : 1);
  }
  int how = 0;
  ::waitpid(child, &how, 0);
  std::filesystem::permissions(folder.path(), perms::owner_all);
  std::filesystem::permissions(path, perms::owner_all);
  REQUIRE(WIFEXITED(how));
  CHECK(WEXITSTATUS(how) == 0);
}
