// Compression and removal of segments, and death at every single operation of the disk in it.
#include "actors/ledger/sample_retention.hpp"

#include <nlohmann/json.hpp>
#include <set>

#include "actors/ledger/sample_log.hpp"
#include "tests/ledger/fixtures.hpp"

using namespace troupe;
using namespace troupe::ledger;
using troupe::test::TemporaryFolder;

namespace {

/// The real disk of a process that dies: after a number of operations that change something,
/// nothing is done any more.
class DyingDisk final : public Disk {
 public:
  explicit DyingDisk(std::uint64_t operations) : left_(operations) {}
  bool dead() const { return left_ == 0; }

  Result<std::unique_ptr<DiskFile>> create(const std::filesystem::path& path) override {
    TROUPE_TRY(one());
    TROUPE_ASSIGN(auto file, real_disk().create(path));
    return std::unique_ptr<DiskFile>(std::make_unique<File>(*this, std::move(file)));
  }
  Result<std::unique_ptr<DiskFile>> append(const std::filesystem::path& path) override {
    TROUPE_TRY(one());
    TROUPE_ASSIGN(auto file, real_disk().append(path));
    return std::unique_ptr<DiskFile>(std::make_unique<File>(*this, std::move(file)));
  }
  Result<std::string> read(const std::filesystem::path& path, std::uint64_t limit) override {
    return real_disk().read(path, limit);
  }
  Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    TROUPE_TRY(one());
    return real_disk().rename(from, to);
  }
  Result<void> remove_all(const std::filesystem::path& path) override {
    TROUPE_TRY(one());
    return real_disk().remove_all(path);
  }
  Result<void> make_directories(const std::filesystem::path& path) override {
    TROUPE_TRY(one());
    return real_disk().make_directories(path);
  }
  Result<std::vector<std::string>> list(const std::filesystem::path& path) override {
    return real_disk().list(path);
  }
  Result<void> sync_directory(const std::filesystem::path& path) override {
    TROUPE_TRY(one());
    return real_disk().sync_directory(path);
  }
  bool exists(const std::filesystem::path& path) override { return real_disk().exists(path); }

 private:
  class File final : public DiskFile {
   public:
    File(DyingDisk& disk, std::unique_ptr<DiskFile> file) : disk_(disk), file_(std::move(file)) {}
    using DiskFile::write;
    Result<void> write(std::span<const std::byte> bytes) override {
      // A write may be torn: half of the last one arrives.
      if (disk_.left_ == 1) (void)file_->write(bytes.first(bytes.size() / 2));
      TROUPE_TRY(disk_.one());
      return file_->write(bytes);
    }
    Result<void> flush() override { return file_->flush(); }
    Result<void> sync() override {
      TROUPE_TRY(disk_.one());
      return file_->sync();
    }

   private:
    DyingDisk& disk_;
    std::unique_ptr<DiskFile> file_;
  };
  Result<void> one() {
    if (left_ == 0 || --left_ == 0) return Error{ErrorCode::Io, "the process is dead", ""};
    return {};
  }
  std::uint64_t left_;
};

void write_line(SampleLog& log, std::uint64_t row, std::uint32_t step) {
  SampleLine line;
  line.id = {{0, 0, row}, 0, 0};
  line.end = End::Trained;
  line.step = step;
  line.reward = 1.0;
  const std::string text = std::string(200, 'x') + std::to_string(row);
  line.text = text;
  REQUIRE_OK(log.write(line));
}

/// `segments` closed segments of four steps each, and an open one.
std::uint32_t fill(const std::filesystem::path& folder, std::uint32_t segments) {
  SampleLogOptions options;
  options.segment_bytes = 4000;
  auto log = SampleLog::open(real_disk(), folder, options);
  REQUIRE_OK(log);
  std::uint64_t row = 0;
  while (log->open_segment() <= segments) {
    write_line(*log, row, 1 + static_cast<std::uint32_t>(row / 4));
    ++row;
  }
  write_line(*log, row, 1 + static_cast<std::uint32_t>(row / 4));
  REQUIRE_OK(log->flush());
  return log->open_segment();
}

std::vector<std::uint64_t> rows_in(const std::filesystem::path& folder) {
  std::vector<std::uint64_t> rows;
  const auto stats = read_sample_log(real_disk(), folder, [&](const nlohmann::json& line) {
    rows.push_back(line.at("row").get<std::uint64_t>());
    return true;
  });
  REQUIRE_OK(stats);
  CHECK(stats->bad == 0);
  return rows;
}

}  // namespace

TEST_CASE("closed_segments_are_compressed_and_read_as_before") {
  TemporaryFolder folder;
  const std::uint32_t open = fill(folder.path(), 3);
  const auto before = rows_in(folder.path());
  const auto report = retain_samples(real_disk(), folder.path(), {}, open);
  REQUIRE_OK(report);
  CHECK(report->compressed == 3);
  CHECK(report->removed == 0);
  CHECK(report->bytes_after * 3 < report->bytes_before);
  CHECK(rows_in(folder.path()) == before);
  CHECK_FALSE(std::filesystem::exists(segment_file(folder.path(), 1)));
  CHECK(std::filesystem::exists(segment_file(folder.path(), open)));  // is being written
  const auto segments = list_segments(real_disk(), folder.path());
  REQUIRE_OK(segments);
  CHECK(segments->at(1).summary->first_step == 1);
  CHECK(segments->at(2).summary->last_step > segments->at(1).summary->last_step);
  // A further life goes on behind them, and a second call has nothing to do.
  CHECK(SampleLog::open(real_disk(), folder.path())->open_segment() == open + 1);
  const auto again = retain_samples(real_disk(), folder.path(), {}, open);
  REQUIRE_OK(again);
  CHECK(again->compressed == 0);
}

TEST_CASE("the_oldest_segments_go_beyond_a_bound_in_bytes_and_the_open_one_never_does") {
  TemporaryFolder folder;
  const std::uint32_t open = fill(folder.path(), 6);
  REQUIRE_OK(retain_samples(real_disk(), folder.path(), {}, open));
  const auto all = rows_in(folder.path());
  const std::uint64_t one = std::filesystem::file_size(packed_file(folder.path(), 6));
  RetentionRules rules;
  rules.bytes = 2 * one + one / 2;
  const auto report = retain_samples(real_disk(), folder.path(), rules, open);
  REQUIRE_OK(report);
  CHECK(report->removed == 4);
  const auto left = rows_in(folder.path());
  REQUIRE(left.size() < all.size());
  CHECK(std::equal(left.begin(), left.end(), all.end() - static_cast<long>(left.size())));
  rules.bytes = 1;
  REQUIRE_OK(retain_samples(real_disk(), folder.path(), rules, open));
  CHECK(rows_in(folder.path()).size() == 1);
}

TEST_CASE("the_newest_steps_stay_when_that_is_asked") {
  TemporaryFolder folder;
  const std::uint32_t open = fill(folder.path(), 6);
  RetentionRules rules;
  rules.steps = 6;
  REQUIRE_OK(retain_samples(real_disk(), folder.path(), rules, open));
  const auto segments = list_segments(real_disk(), folder.path());
  REQUIRE_OK(segments);
  CHECK(segments->begin()->first > 1);
  const auto left = rows_in(folder.path());
  const std::uint64_t newest = left.back() / 4 + 1;
  std::set<std::uint64_t> steps;
  for (const std::uint64_t row : left) steps.insert(row / 4 + 1);
  for (std::uint64_t step = newest - 5; step <= newest; ++step) CHECK(steps.contains(step));
}

TEST_CASE("death_at_any_operation_of_the_disk_loses_and_doubles_nothing") {
  std::uint64_t deaths = 0;
  for (std::uint64_t operations = 1;; ++operations) {
    TemporaryFolder folder;
    const std::uint32_t open = fill(folder.path(), 3);
    const auto before = rows_in(folder.path());
    DyingDisk disk(operations);
    const auto report = retain_samples(disk, folder.path(), {}, open);
    INFO("after " << operations << " operations");
    CHECK(report.ok() == !disk.dead());
    CHECK(rows_in(folder.path()) == before);
    REQUIRE_OK(retain_samples(real_disk(), folder.path(), {}, open));
    CHECK(rows_in(folder.path()) == before);
    for (std::uint32_t number = 1; number < open; ++number)
      CHECK_FALSE(std::filesystem::exists(segment_file(folder.path(), number)));
    if (!disk.dead()) break;
    ++deaths;
  }
  CHECK(deaths >= 25);  // create, writes, sync, summary, rename, sync and removal of three
}

TEST_CASE("death_while_old_segments_are_removed_leaves_the_newest_ones") {
  for (std::uint64_t operations = 1;; ++operations) {
    TemporaryFolder folder;
    const std::uint32_t open = fill(folder.path(), 4);
    REQUIRE_OK(retain_samples(real_disk(), folder.path(), {}, open));
    const auto all = rows_in(folder.path());
    RetentionRules rules;
    rules.bytes = 1;
    DyingDisk disk(operations);
    (void)retain_samples(disk, folder.path(), rules, open);
    const auto left = rows_in(folder.path());
    CHECK(std::equal(left.begin(), left.end(), all.end() - static_cast<long>(left.size())));
    REQUIRE_OK(retain_samples(real_disk(), folder.path(), rules, open));
    CHECK(rows_in(folder.path()).size() == 1);
    if (!disk.dead()) break;
  }
}

TEST_CASE("a_compressed_segment_that_is_damaged_gives_what_is_whole_and_says_so") {
  TemporaryFolder folder;
  const std::uint32_t open = fill(folder.path(), 1);
  REQUIRE_OK(retain_samples(real_disk(), folder.path(), {}, open));
  const std::string whole = test::content_of(packed_file(folder.path(), 1));
  for (std::size_t at = 0; at < whole.size(); at += 3) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    test::write_file(packed_file(folder.path(), 1), damaged);
    std::uint64_t lines = 0;
    const auto stats = read_sample_log(real_disk(), folder.path(), [&](const nlohmann::json& line) {
      CHECK(line.at("text").get<std::string>().starts_with("xxx"));
      return ++lines > 0;
    });
    REQUIRE_OK(stats);
    // The header of gzip has bytes that mean nothing (time, system).
    if (at > 10) CHECK(stats->bad > 0);
  }
  test::write_file(packed_file(folder.path(), 1), whole.substr(0, whole.size() / 2));
  const auto cut =
      read_sample_log(real_disk(), folder.path(), [](const nlohmann::json&) { return true; });
  REQUIRE_OK(cut);
  CHECK(cut->bad == 1);
}

TEST_CASE("a_summary_that_is_lost_or_damaged_is_made_again") {
  TemporaryFolder folder;
  const std::uint32_t open = fill(folder.path(), 2);
  REQUIRE_OK(retain_samples(real_disk(), folder.path(), {}, open));
  const auto last = list_segments(real_disk(), folder.path())->at(1).summary->last_step;
  std::filesystem::remove(summary_file(folder.path(), 1));
  test::write_file(summary_file(folder.path(), 2), "{\"format\":");
  REQUIRE_OK(retain_samples(real_disk(), folder.path(), {}, open));
  const auto segments = list_segments(real_disk(), folder.path());
  REQUIRE_OK(segments);
  CHECK(segments->at(1).summary->last_step == last);
  CHECK(segments->at(2).summary.has_value());
}

TEST_CASE("a_log_of_a_later_program_is_refused_with_its_version") {
  TemporaryFolder folder;
  fill(folder.path(), 1);
  test::write_file(folder / "format.json", R"({"format":2,"troupe_version":"9.1.0"})");
  const auto read =
      read_sample_log(real_disk(), folder.path(), [](const nlohmann::json&) { return true; });
  REQUIRE_FALSE(read.ok());
  CHECK(read.error().code == ErrorCode::Unsupported);
  CHECK(read.error().message ==
        "the sample log has format 2, written by troupe 9.1.0; this troupe knows formats up to 1");
  CHECK(SampleLog::open(real_disk(), folder.path()).error().code == ErrorCode::Unsupported);
  test::write_file(folder / "format.json", "gibberish");
  CHECK(SampleLog::open(real_disk(), folder.path()).error().code == ErrorCode::Corrupt);
  // A log from before formats were stated is one of format 1, and says so from now on.
  std::filesystem::remove(folder / "format.json");
  SampleLogOptions options;
  options.troupe_version = "0.1.0";
  REQUIRE_OK(SampleLog::open(real_disk(), folder.path(), options));
  CHECK(test::content_of(folder / "format.json") ==
        "{\"format\":1,\"troupe_version\":\"0.1.0\"}\n");
}
