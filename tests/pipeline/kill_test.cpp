// The pipeline at its full rate, killed at random moments: whatever its ledger had acknowledged is
// there afterwards, every sample that has ended has its line in the sample log, and the next life
// goes on.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "actors/ledger/sample_log.hpp"
#include "actors/ledger/status.hpp"
#include "actors/ledger/store.hpp"
#include "schemas/base/rng.hpp"
#include "tests/catch.hpp"

using namespace troupe;
namespace fs = std::filesystem;

namespace {

struct Acknowledged {
  std::uint64_t admitted = 0, ended = 0;
};

/// One life of the pipeline in `folder`, killed a while after its first commit.
Acknowledged live_and_die(const fs::path& folder, bool resume, std::chrono::microseconds after) {
  const std::string program = std::string(TROUPE_BUILD_DIR) + "/tests/pipeline_run";
  const std::string graph = std::string(TROUPE_SOURCE_DIR) + "/tests/pipeline/pipeline.toml";
  int pipes[2];
  REQUIRE(::pipe(pipes) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(pipes[1], 1);
    ::close(pipes[0]);
    ::close(pipes[1]);
    ::execl(program.c_str(), program.c_str(), graph.c_str(), folder.c_str(), "--seconds", "60",
            "--acks", resume ? "--resume" : nullptr, nullptr);
    ::_exit(127);
  }
  ::close(pipes[1]);
  std::string text;
  char buffer[4096];
  const auto read_some = [&] {
    const ssize_t n = ::read(pipes[0], buffer, sizeof buffer);
    if (n > 0) text.append(buffer, static_cast<std::size_t>(n));
    return n > 0;
  };
  // The first line says what a life begins with; the second is its first commit.
  while (std::count(text.begin(), text.end(), '\n') < 2) REQUIRE(read_some());
  ::usleep(static_cast<useconds_t>(after.count()));
  ::kill(child, SIGKILL);
  while (read_some()) continue;
  ::close(pipes[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  REQUIRE(WIFSIGNALED(status));

  text.resize(text.rfind('\n'));  // the last line may be torn; the one before is whole
  std::istringstream line(text.substr(text.rfind('\n') + 1));
  std::string word;
  Acknowledged last;
  line >> word >> last.admitted >> last.ended;
  REQUIRE(word == "ack");
  return last;
}

std::set<std::string> logged(const fs::path& run) {
  std::set<std::string> ids;
  const auto read =
      ledger::read_sample_log(real_disk(), run / "samples", [&](const nlohmann::json& line) {
        ids.insert(line.at("id").get<std::string>());
        return true;
      });
  REQUIRE(read.ok());
  CHECK(read->bad == 0);
  return ids;
}

}  // namespace

TEST_CASE("nothing_acknowledged_is_lost_when_the_pipeline_is_killed_at_full_rate") {
  const fs::path base = fs::temp_directory_path() / ("troupe_kill_" + std::to_string(::getpid()));
  Rng rng(20);
  std::uint64_t ended_in_all = 0;
  for (int run = 0; run < 8; ++run) {
    const fs::path folder = base / std::to_string(run);
    Acknowledged before;
    for (int life = 0; life < 3; ++life) {
      const auto after = std::chrono::microseconds(rng.below(120'000));
      const Acknowledged last = live_and_die(folder, life > 0, after);
      INFO("run " << run << ", life " << life << ", killed " << after.count() << " us after");
      CHECK(last.ended >= before.ended);
      CHECK(last.admitted >= before.admitted);  // its first commit may hold old prompts only
      const auto status = ledger::read_status(real_disk(), folder / "pipeline-001");
      REQUIRE(status.ok());
      CHECK(status->problems.empty());
      CHECK(status->crashed);
      CHECK(status->holds());
      CHECK(status->accounts.samples.admitted >= last.admitted);
      CHECK(status->accounts.samples.ended() >= last.ended);
      before = {0, status->accounts.samples.ended()};
      before.admitted = last.admitted;

      const std::set<std::string> ids = logged(folder / "pipeline-001");
      auto store = ledger::Store::open_to_read(folder / "pipeline-001" / "ledger.sqlite");
      REQUIRE(store.ok());
      std::uint64_t missing = 0;
      const auto damaged = store->each_prompt([&](const ledger::PromptRecord& record) {
        for (std::uint16_t sibling = 0; sibling < record.group_size(); ++sibling) {
          const ledger::SampleRecord& sample = record.current[sibling];
          if (sample.end && !ids.contains(to_string(SampleId{record.id, sibling, sample.attempt})))
            ++missing;
        }
      });
      REQUIRE(damaged.ok());
      CHECK(damaged->count() == 0);
      CHECK(missing == 0);
    }
    ended_in_all += before.ended;
    fs::remove_all(folder);
  }
  fs::remove_all(base);
  CHECK(ended_in_all > 0);
}
