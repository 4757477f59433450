#include <stdlib.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <thread>

#include "actors/observe/event_file.hpp"
#include "actors/observe/log.hpp"
#include "actors/observe/metrics.hpp"
#include "schemas/base/rng.hpp"
#include "tests/ledger/fixtures.hpp"

using namespace troupe;
using namespace troupe::observe;
using namespace troupe::test;

namespace {

const std::string kTensorBoard = TROUPE_SOURCE_DIR "/tests/observe/data/tensorboard.events";

/// step -> tag -> value of all event files of a folder; a step that is there twice fails.
std::map<std::int64_t, std::map<std::string, double>> scalars_in(
    const std::filesystem::path& folder) {
  std::map<std::int64_t, std::map<std::string, double>> scalars;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto decoded = decode_events(content_of(entry.path()));
    REQUIRE_OK(decoded);
    CHECK_FALSE(decoded->torn);
    REQUIRE(!decoded->events.empty());
    CHECK(decoded->events[0].file_version == "brain.Event:2");
    for (const Event& event : decoded->events)
      for (const auto& [tag, value] : event.scalars)
        CHECK(scalars[event.step].emplace(tag, value).second);
  }
  return scalars;
}

}  // namespace

TEST_CASE("event_files_are_byte_for_byte_what_tensorboard_writes") {
  const std::string expected = content_of(kTensorBoard);
  REQUIRE(!expected.empty());
  Event version;
  version.wall_seconds = 1.7e9;
  version.file_version = "brain.Event:2";
  std::string ours = frame_record(encode_event(version));
  for (std::int64_t step : {1, 2, 300}) {
    Event event;
    event.wall_seconds = 1.7e9 + static_cast<double>(step);
    event.step = step;
    event.scalars = {{"accuracy", static_cast<double>(step) / 8},
                     {"reward/mean", -0.1 * static_cast<double>(step)}};
    ours += frame_record(encode_event(event));
  }
  CHECK(ours == expected);
}

TEST_CASE("event_files_of_tensorboard_are_read") {
  const auto decoded = decode_events(content_of(kTensorBoard));
  REQUIRE_OK(decoded);
  REQUIRE(decoded->events.size() == 4);
  CHECK(decoded->events[0].file_version == "brain.Event:2");
  CHECK(decoded->events[3].step == 300);
  CHECK(decoded->events[3].wall_seconds == 1.7e9 + 300);
  CHECK(decoded->events[3].scalars.at("accuracy") == 37.5);
  CHECK(decoded->events[3].scalars.at("reward/mean") == Approx(-30.0));
}

TEST_CASE("damaged_event_files_are_errors_and_never_crashes") {
  const std::string good = content_of(kTensorBoard);
  for (std::size_t size = 0; size < good.size(); ++size) {
    const auto decoded = decode_events(std::string_view(good).substr(0, size));
    REQUIRE_OK(decoded);
    CHECK((decoded->torn || size == 0 || decoded->ends.back() == size));
  }
  Rng rng(1);
  for (int i = 0; i < 3000; ++i) {
    std::string bad = good;
    bad[rng.below(bad.size())] ^= static_cast<char>(1 + rng.below(255));
    CHECK(!decode_events(bad).ok());
  }
  // A right checksum around nonsense.
  for (int i = 0; i < 3000; ++i) {
    std::string payload(1 + rng.below(40), '\0');
    for (char& c : payload) c = static_cast<char>(rng.below(256));
    const auto decoded = decode_events(frame_record(payload));
    if (!decoded.ok()) CHECK(decoded.error().code == ErrorCode::Corrupt);
  }
}

TEST_CASE("metrics_are_json_lines_and_tensorboard_scalars") {
  TemporaryFolder folder;
  StandingClock clock;
  auto writer =
      MetricsWriter::open(real_disk(), clock, folder / "metrics.jsonl", folder / "events");
  REQUIRE_OK(writer);
  REQUIRE_OK(writer->write(1, {{"reward/mean", 0.25}, {"loss", -1.5}}));
  clock.advance(std::chrono::seconds(2));
  REQUIRE_OK(writer->write(2, {{"reward/mean", std::nan("")}}));
  CHECK(content_of(folder / "metrics.jsonl") ==
        "{\"loss\":-1.5,\"reward/mean\":0.25,\"step\":1,\"wall_seconds\":1700000000.0}\n"
        "{\"reward/mean\":null,\"step\":2,\"wall_seconds\":1700000002.0}\n");
  const auto lines = read_metrics(real_disk(), folder / "metrics.jsonl");
  REQUIRE_OK(lines);
  REQUIRE(lines->size() == 2);
  CHECK((*lines)[0].values.at("loss") == -1.5);
  CHECK(std::isnan((*lines)[1].values.at("reward/mean")));
  const auto scalars = scalars_in(folder / "events");
  CHECK(scalars.at(1).at("reward/mean") == 0.25);
  CHECK(std::isnan(scalars.at(2).at("reward/mean")));
}

TEST_CASE("a_resume_leaves_no_step_twice") {
  TemporaryFolder folder;
  StandingClock clock;
  const auto file = folder / "metrics.jsonl", events = folder / "events";
  {
    auto writer = MetricsWriter::open(real_disk(), clock, file, events);
    REQUIRE_OK(writer);
    for (std::uint64_t step = 1; step <= 5; ++step)
      REQUIRE_OK(writer->write(step, {{"loss", static_cast<double>(step)}}));
  }
  // The crash tore the last line and the last event.
  write_file(file, content_of(file) + "{\"step\":6,\"lo");
  const auto event_file = std::filesystem::directory_iterator(events)->path();
  const std::string whole = content_of(event_file);
  write_file(event_file, whole + whole.substr(0, 20));
  auto writer = MetricsWriter::open(real_disk(), clock, file, events, 3);
  REQUIRE_OK(writer);
  for (std::uint64_t step = 4; step <= 6; ++step)
    REQUIRE_OK(writer->write(step, {{"loss", -static_cast<double>(step)}}));
  std::vector<double> losses;
  const auto lines = read_metrics(real_disk(), file);
  REQUIRE_OK(lines);
  for (const auto& line : *lines) losses.push_back(line.values.at("loss"));
  CHECK(losses == std::vector<double>{1, 2, 3, -4, -5, -6});
  const auto scalars = scalars_in(events);
  REQUIRE(scalars.size() == 6);
  CHECK(scalars.at(3).at("loss") == 3);
  CHECK(scalars.at(4).at("loss") == -4);
}

TEST_CASE("a_full_disk_refuses_metrics_with_a_clear_error") {
  TemporaryFolder folder;
  StandingClock clock;
  SmallDisk disk;
  auto writer = MetricsWriter::open(disk, clock, folder / "metrics.jsonl", folder / "events");
  REQUIRE_OK(writer);
  disk.bytes_left = 10;
  const auto refused = writer->write(1, {{"loss", 1.0}});
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == ErrorCode::DiskFull);
}

TEST_CASE("an_event_of_severity_error_is_remembered") {
  TemporaryFolder folder;
  StandingClock clock;
  {
    auto log = EventLog::open(real_disk(), clock, folder / "log.jsonl");
    REQUIRE_OK(log);
    log->write({Severity::Debug, "runtime", "too small to keep", "", {}});
    log->info("run", "started");
    log->warning("generate", "slow", "Give it more cores");
    CHECK(!log->first_error().has_value());
    log->error("check_math", Error{ErrorCode::Infra, "sandbox is gone", "Install bubblewrap"});
    log->error("ledger", Error{ErrorCode::DiskFull, "no space", ""});
    CHECK(log->first_error()->message == "sandbox is gone");
    CHECK(log->first_error()->fields.at("code") == "infra");
    CHECK(log->count(Severity::Error) == 2);
    CHECK(log->count(Severity::Debug) == 0);
  }
  write_file(folder / "log.jsonl", content_of(folder / "log.jsonl") + "{\"torn");
  {
    auto log = EventLog::open(real_disk(), clock, folder / "log.jsonl");
    REQUIRE_OK(log);
    log->info("run", std::string("resumed \xff"));
  }
  const auto events = read_log(real_disk(), folder / "log.jsonl");
  REQUIRE_OK(events);
  REQUIRE(events->size() == 5);
  CHECK((*events)[1].help == "Give it more cores");
  CHECK((*events)[2].severity == Severity::Error);
  CHECK(!(*events)[3].help.empty());
  CHECK((*events)[4].message == "resumed \xEF\xBF\xBD");
}

TEST_CASE("many_threads_may_log") {
  TemporaryFolder folder;
  StandingClock clock;
  auto log = EventLog::open(real_disk(), clock, folder / "log.jsonl");
  REQUIRE_OK(log);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 250; ++i) log->info("thread", "line");
    });
  for (std::thread& thread : threads) thread.join();
  const auto events = read_log(real_disk(), folder / "log.jsonl");
  REQUIRE_OK(events);
  CHECK(events->size() == 1000);
  CHECK(log->count(Severity::Info) == 1000);
}

TEST_CASE("a_full_disk_does_not_stop_who_logs") {
  TemporaryFolder folder;
  StandingClock clock;
  SmallDisk disk;
  auto log = EventLog::open(disk, clock, folder / "log.jsonl");
  REQUIRE_OK(log);
  disk.bytes_left = 5;
  log->error("ledger", Error{ErrorCode::DiskFull, "no space", "Free some"});
  REQUIRE(log->write_error().has_value());
  CHECK(log->write_error()->code == ErrorCode::DiskFull);
  CHECK(log->first_error()->message == "no space");
}
