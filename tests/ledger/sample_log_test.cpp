#include "actors/ledger/sample_log.hpp"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "schemas/base/rng.hpp"
#include "tests/ledger/fixtures.hpp"

using namespace troupe;
using namespace troupe::ledger;
using namespace troupe::test;
using nlohmann::json;

namespace {

SampleLine line(std::uint64_t row, std::string_view text = "it is 4") {
  SampleLine sample;
  sample.id = {{1, 2, row}, 3, 1};
  sample.admission = 17;
  sample.question = "What is 2 + 2?";
  sample.answer = "4";
  sample.text = text;
  sample.verdicts = {{"check_math", "scored", 1.0, "4 = 4"},
                     {"judge", "timeout", 0, "", {{"grader", {1, 4}}}}};
  sample.reward = 1.1;
  sample.versions = {{0, {0, 3}}, {5, {1, 4}}};
  sample.finish = "stop";
  sample.tokens = 9;
  sample.end = End::Trained;
  sample.step = 5;
  return sample;
}

std::vector<json> all_of(const std::filesystem::path& folder, SampleLogStats* stats = nullptr) {
  std::vector<json> lines;
  const auto read = read_sample_log(real_disk(), folder, [&](const json& data) {
    lines.push_back(data);
    return true;
  });
  REQUIRE_OK(read);
  if (stats) *stats = *read;
  return lines;
}

SampleLog open(Disk& disk, const std::filesystem::path& folder, SampleLogOptions options = {}) {
  auto log = SampleLog::open(disk, folder, options);
  REQUIRE_OK(log);
  return std::move(log).value();
}

}  // namespace

TEST_CASE("a_line_has_the_whole_sample") {
  TemporaryFolder folder;
  auto log = open(real_disk(), folder.path());
  REQUIRE_OK(log.write(line(7)));
  REQUIRE_OK(log.flush());
  const auto lines = all_of(folder.path());
  REQUIRE(lines.size() == 1);
  CHECK(lines[0] == json::parse(R"({
    "id": "1.2.7/3+1", "group": "1.2.7", "dataset": 1, "epoch": 2, "row": 7, "sibling": 3,
    "attempt": 1, "admission": 17, "incarnation": 0, "end": "trained", "step": 5, "reward": 1.1,
    "verdicts": {"check_math": {"outcome": "scored", "score": 1, "detail": "4 = 4"},
                 "judge": {"outcome": "timeout", "asked": {"grader": "4'1"}}},
    "finish": "stop", "tokens": 9, "versions": [[0, 0, 3], [5, 1, 4]],
    "question": "What is 2 + 2?", "answer": "4", "text": "it is 4"})"));
}

TEST_CASE("whatever_bytes_a_model_wrote_the_line_is_json") {
  TemporaryFolder folder;
  auto log = open(real_disk(), folder.path(), {.text_bytes = 64});
  Rng rng(3);
  const int lines = 3000;
  for (int i = 0; i < lines; ++i) {
    std::string text(rng.below(100), '\0');
    for (char& c : text) c = static_cast<char>(rng.below(rng.below(2) ? 256 : 0x30) + 0);
    SampleLine sample = line(static_cast<std::uint64_t>(i), text);
    sample.reason = sample.question = sample.answer = text;
    sample.verdicts = {{text, text, 0, text}};
    sample.reward = rng.below(2) ? std::nan("") : std::numeric_limits<double>::infinity();
    REQUIRE_OK(log.write(sample));
  }
  REQUIRE_OK(log.flush());
  SampleLogStats stats;
  CHECK(all_of(folder.path(), &stats).size() == lines);
  CHECK(stats.bad == 0);
}

TEST_CASE("valid_text_comes_back_as_it_was") {
  TemporaryFolder folder;
  auto log = open(real_disk(), folder.path());
  const std::string text = "\"quoted\" \\boxed{4}\n\t\r\x01\x7f äöü 漢字 🎭 </think>";
  REQUIRE_OK(log.write(line(1, text)));
  REQUIRE_OK(log.write(line(2, "cut \xE6\xBC off, \xC0\xAF \xED\xA0\x80 \xFF")));
  REQUIRE_OK(log.flush());
  const auto lines = all_of(folder.path());
  CHECK(lines.at(0).at("text") == text);
  const std::string bad = "\xEF\xBF\xBD";
  CHECK(lines.at(1).at("text") ==
        "cut " + bad + bad + " off, " + bad + bad + " " + bad + bad + bad + " " + bad);
}

TEST_CASE("long_texts_are_cut_between_characters_and_marked") {
  TemporaryFolder folder;
  auto log = open(real_disk(), folder.path(), {.text_bytes = 8});
  REQUIRE_OK(log.write(line(1, "1234567äx")));
  REQUIRE_OK(log.flush());
  const auto lines = all_of(folder.path());
  CHECK(lines.at(0).at("text") == "1234567");
  CHECK(lines.at(0).at("cut") == true);
  CHECK(lines.at(0).at("answer") == "4");
}

TEST_CASE("segments_end_at_their_size_and_at_a_resume") {
  TemporaryFolder folder;
  {
    auto log = open(real_disk(), folder.path(), {.segment_bytes = 4096});
    for (std::uint64_t row = 0; row < 100; ++row) REQUIRE_OK(log.write(line(row)));
  }
  const auto names = real_disk().list(folder.path()).value();
  REQUIRE(names.size() > 5);
  CHECK(names[0] == "format.json");
  CHECK(names[1] == "samples-000001.jsonl");
  for (const std::string& name : names) CHECK(std::filesystem::file_size(folder / name) < 2 * 4096);
  {
    auto log = open(real_disk(), folder.path());
    REQUIRE_OK(log.write(line(100)));
  }
  CHECK(real_disk().list(folder.path()).value().size() == names.size() + 1);
  const auto lines = all_of(folder.path());
  REQUIRE(lines.size() == 101);
  for (std::size_t i = 0; i < lines.size(); ++i) CHECK(lines[i].at("row") == i);
}

TEST_CASE("a_line_torn_by_a_crash_is_skipped_and_the_next_life_goes_on") {
  TemporaryFolder folder;
  {
    auto log = open(real_disk(), folder.path());
    REQUIRE_OK(log.write(line(1)));
    REQUIRE_OK(log.write(line(2)));
  }
  const auto file = folder / "samples-000001.jsonl";
  const std::string whole = content_of(file);
  for (std::size_t torn = 1; torn < 40; ++torn) {
    write_file(file, whole.substr(0, whole.size() - torn));
    SampleLogStats stats;
    CHECK(all_of(folder.path(), &stats).size() == 1);
    CHECK(stats.torn == 1);
    CHECK(stats.bad == 0);
  }
  auto log = open(real_disk(), folder.path());
  REQUIRE_OK(log.write(line(2)));
  REQUIRE_OK(log.flush());
  const auto lines = all_of(folder.path());
  REQUIRE(lines.size() == 2);
  CHECK(lines[1].at("row") == 2);
}

TEST_CASE("a_damaged_line_is_counted_and_the_others_are_read") {
  TemporaryFolder folder;
  {
    auto log = open(real_disk(), folder.path());
    REQUIRE_OK(log.write(line(1)));
  }
  const auto file = folder / "samples-000001.jsonl";
  write_file(file, "not json\n" + content_of(file) + "[]\n" + std::string(5 << 20, '{') + "\n" +
                       content_of(file));
  SampleLogStats stats;
  CHECK(all_of(folder.path(), &stats).size() == 2);
  CHECK(stats.bad == 3);
}

TEST_CASE("a_full_disk_loses_no_line_that_was_taken") {
  TemporaryFolder folder;
  SmallDisk disk;
  auto log = open(disk, folder.path(), {.buffer_bytes = 64 << 10});
  for (std::uint64_t row = 0; row < 10; ++row) REQUIRE_OK(log.write(line(row)));
  disk.bytes_left = 1000;  // a few lines and a torn one
  const auto refused = log.flush();
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == ErrorCode::DiskFull);
  std::uint64_t taken = 10;
  for (;;) {
    const auto written = log.write(line(taken));
    if (!written.ok()) {
      CHECK(written.error().code == ErrorCode::DiskFull);
      break;
    }
    ++taken;
    REQUIRE(taken < 10'000);  // the buffer is bounded
  }
  disk.bytes_left = UINT64_MAX;
  REQUIRE_OK(log.write(line(taken)));
  REQUIRE_OK(log.sync());
  std::set<std::uint64_t> rows;
  SampleLogStats stats;
  for (const json& data : all_of(folder.path(), &stats))
    rows.insert(data.at("row").get<std::uint64_t>());
  CHECK(rows.size() == taken + 1);
  CHECK(stats.bad == 0);
  CHECK(stats.torn >= 1);
}
