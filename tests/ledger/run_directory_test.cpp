#include "actors/ledger/run_directory.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>
#include <thread>

#include "tests/ledger/fixtures.hpp"

using namespace troupe;
using namespace troupe::ledger;
using namespace troupe::test;

namespace {

NewRun new_run(std::string name = "r1-zero") {
  NewRun run;
  run.name = std::move(name);
  run.seed = 42;
  run.troupe_version = "0.1.0";
  run.graph_text = "format = 1\n";
  run.plan_json = "{}";
  run.wall_seconds = 1.7e9;
  return run;
}

RunDirectory create(const std::filesystem::path& base, std::string name = "r1-zero") {
  auto run = RunDirectory::create(real_disk(), base, new_run(std::move(name)));
  REQUIRE_OK(run);
  return std::move(run).value();
}

/// Runs `body` in a child process that then waits; killed by the destructor.
class Child {
 public:
  template <class Body>
  explicit Child(Body body) {
    int pipes[2];
    REQUIRE(::pipe(pipes) == 0);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      const auto holder = body();
      const char answer = holder ? 'y' : 'n';
      if (::write(pipes[1], &answer, 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }
    char answer = 0;
    REQUIRE(::read(pipes[0], &answer, 1) == 1);
    REQUIRE(answer == 'y');
    ::close(pipes[0]);
    ::close(pipes[1]);
  }
  ~Child() { kill(); }
  pid_t pid() const { return pid_; }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_ = 0;
};

}  // namespace

TEST_CASE("a_run_gets_the_next_number_and_its_files") {
  TemporaryFolder folder;
  const auto base = folder / "runs";
  {
    const auto run = create(base);
    CHECK(run.path() == base / "r1-zero-001");
    CHECK(content_of(run.graph_file()) == "format = 1\n");
    CHECK(content_of(run.plan_file()) == "{}");
    const auto info = read_run_info(real_disk(), run.path());
    REQUIRE_OK(info);
    CHECK(info->seed == 42);
    CHECK(info->pid == ::getpid());
    CHECK(info->state == RunState::Running);
    CHECK(info->format == kRunFormat);
  }
  CHECK(create(base).path() == base / "r1-zero-002");
  CHECK(create(base, "r1").path() == base / "r1-001");  // a name that is the start of another
  std::filesystem::create_directories(base / "r1-zero-041");
  CHECK(create(base).path() == base / "r1-zero-042");
  for (const char* bad : {"", ".", "../x", "a/b", "a b"})
    CHECK(RunDirectory::create(real_disk(), base, new_run(bad)).error().code ==
          ErrorCode::InvalidArgument);
}

TEST_CASE("runs_that_start_at_the_same_moment_get_directories_of_their_own") {
  TemporaryFolder folder;
  std::vector<std::thread> threads;
  std::vector<std::optional<RunDirectory>> runs(8);
  for (auto& slot : runs)
    threads.emplace_back([&slot, &folder] {
      auto run = RunDirectory::create(real_disk(), folder / "runs", new_run());
      if (run.ok()) slot = std::move(run).value();
    });
  for (std::thread& thread : threads) thread.join();
  std::set<std::filesystem::path> paths;
  for (const auto& run : runs) {
    REQUIRE(run.has_value());
    paths.insert(run->path());
  }
  CHECK(paths.size() == runs.size());
}

TEST_CASE("a_second_run_in_one_directory_is_refused_with_the_pid_of_the_first") {
  TemporaryFolder folder;
  const auto base = folder / "runs";
  { auto run = create(base); }
  const auto path = base / "r1-zero-001";
  Child child([&] {
    auto run = RunDirectory::open_to_resume(real_disk(), path, 0);
    return run.ok() ? std::make_unique<RunDirectory>(std::move(run).value()) : nullptr;
  });
  const auto second = RunDirectory::open_to_resume(real_disk(), path, 0);
  REQUIRE(!second.ok());
  CHECK(second.error().code == ErrorCode::Conflict);
  CHECK(second.error().message ==
        "another run (pid " + std::to_string(child.pid()) + ") uses '" + path.string() + "'");
  CHECK(second.error().help.find("troupe stop") != std::string::npos);
  CHECK(lock_state(real_disk(), path).held);
  CHECK(lock_state(real_disk(), path).pid == child.pid());

  // Death in any form releases it.
  child.kill();
  CHECK_FALSE(lock_state(real_disk(), path).held);
  const auto third = RunDirectory::open_to_resume(real_disk(), path, 0);
  REQUIRE_OK(third);
  CHECK(third->info().incarnation == 2);
  CHECK(third->info().state == RunState::Running);
}

TEST_CASE("a_run_is_asked_to_stop_through_its_directory") {
  TemporaryFolder folder;
  auto run = create(folder.path());
  CHECK(!run.stop_requested().has_value());
  REQUIRE_OK(request_stop(real_disk(), run.path(), {.drain = true}));
  REQUIRE(run.stop_requested().has_value());
  CHECK(run.stop_requested()->drain);
  REQUIRE_OK(request_stop(real_disk(), run.path(), {.drain = false}));
  CHECK_FALSE(run.stop_requested()->drain);
  REQUIRE_OK(run.set_state(RunState::Stopped, "asked by a person", 1));
  const auto path = run.path();
  { auto gone = std::move(run); }
  const auto late = request_stop(real_disk(), path, {});
  REQUIRE(!late.ok());
  CHECK(late.error().message.find("it is stopped") != std::string::npos);
  // The request of before does not stop the next life.
  auto resumed = RunDirectory::open_to_resume(real_disk(), path, 2);
  REQUIRE_OK(resumed);
  CHECK(!resumed->stop_requested().has_value());
  CHECK(resumed->info().reason.empty());
}

TEST_CASE("the_state_of_a_run_is_replaced_whole") {
  TemporaryFolder folder;
  SmallDisk disk;
  auto run = RunDirectory::create(disk, folder.path(), new_run());
  REQUIRE_OK(run);
  disk.bytes_left = 20;
  const auto refused = run->set_state(RunState::Finished, "", 3);
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == ErrorCode::DiskFull);
  CHECK(read_run_info(disk, run->path())->state == RunState::Running);
  disk.bytes_left = UINT64_MAX;
  REQUIRE_OK(run->set_state(RunState::Finished, "", 3));
  CHECK(read_run_info(disk, run->path())->state == RunState::Finished);
}

TEST_CASE("what_is_no_run_or_a_damaged_one_says_so") {
  TemporaryFolder folder;
  CHECK(read_run_info(real_disk(), folder.path()).error().code == ErrorCode::NotFound);
  CHECK(RunDirectory::open_to_resume(real_disk(), folder / "no", 0).error().code ==
        ErrorCode::NotFound);
  const auto file = folder / "run.json";
  for (const char* bad : {"", "{", "[]", "{\"format\":1}", "{\"format\":\"x\"}",
                          "{\"format\":1,\"seed\":1,\"state\":\"odd\",\"incarnation\":0}",
                          "{\"format\":1,\"seed\":-1,\"state\":7,\"incarnation\":0}"}) {
    write_file(file, bad);
    const auto info = read_run_info(real_disk(), folder.path());
    REQUIRE(!info.ok());
    CHECK(info.error().code == ErrorCode::Corrupt);
  }
  write_file(file, "{\"format\":2}");
  CHECK(read_run_info(real_disk(), folder.path()).error().code == ErrorCode::Unsupported);
}

TEST_CASE("a_run_is_found_by_path_by_name_and_by_its_newest_number") {
  TemporaryFolder folder;
  const auto base = folder / "runs";
  for (int i = 0; i < 2; ++i) create(base);
  CHECK(find_run(real_disk(), base, (base / "r1-zero-001").string()).value() ==
        base / "r1-zero-001");
  CHECK(find_run(real_disk(), base, "r1-zero-001").value() == base / "r1-zero-001");
  CHECK(find_run(real_disk(), base, "r1-zero").value() == base / "r1-zero-002");
  CHECK(find_run(real_disk(), base, "r1").error().code == ErrorCode::NotFound);
  CHECK(find_run(real_disk(), folder / "none", "r1").error().code == ErrorCode::NotFound);
  CHECK(find_run(real_disk(), base, "").error().code == ErrorCode::InvalidArgument);
}

TEST_CASE("a_run_directory_can_be_moved") {
  TemporaryFolder folder;
  { auto run = create(folder / "runs"); }
  std::filesystem::rename(folder / "runs", folder / "elsewhere");
  const auto resumed = RunDirectory::open_to_resume(
      real_disk(), folder.path() / "elsewhere" / "r1-zero-001", 0);
  REQUIRE_OK(resumed);
  for (const auto& entry : std::filesystem::directory_iterator(resumed->path()))
    CHECK(content_of(entry.path()).find(folder.path().string()) == std::string::npos);
}
