#include "actors/ledger/journal.hpp"

#include "schemas/base/crc32c.hpp"
#include "schemas/base/rng.hpp"
#include "tests/ledger/fixtures.hpp"

using namespace troupe;
using namespace troupe::ledger;
using namespace troupe::test;

namespace {

Journal open(Disk& disk, const std::filesystem::path& folder) {
  auto journal = Journal::open(disk, folder);
  REQUIRE_OK(journal);
  return std::move(journal).value();
}

JournaledBatch batch_of(std::uint32_t step) {
  Rng rng(step, 9);
  JournaledBatch batch;
  batch.step = step;
  batch.gate = step % 2 == 0 ? std::to_string(step) + " 8 0:0" : "";
  for (std::uint64_t i = 0; i < 1 + rng.below(4); ++i) {
    std::vector<std::uint64_t> words(1 + rng.below(40));
    for (std::uint64_t& word : words) word = rng.next();
    batch.groups.push_back({{1, 0, step * 10 + i},
                            step * 100 + i,
                            {3, step},
                            std::make_shared<const std::vector<std::uint64_t>>(std::move(words))});
  }
  return batch;
}

void check_same(const JournaledBatch& read, const JournaledBatch& written) {
  CHECK(read.step == written.step);
  CHECK(read.gate == written.gate);
  REQUIRE(read.groups.size() == written.groups.size());
  for (std::size_t i = 0; i < read.groups.size(); ++i) {
    CHECK(read.groups[i].id == written.groups[i].id);
    CHECK(read.groups[i].number == written.groups[i].number);
    CHECK(read.groups[i].version == written.groups[i].version);
    CHECK(*read.groups[i].message == *written.groups[i].message);
  }
}

}  // namespace

TEST_CASE("a_journaled_batch_is_read_as_it_was_written_also_by_the_next_life") {
  const TemporaryFolder folder;
  {
    Journal journal = open(real_disk(), folder.path());
    for (std::uint32_t step = 1; step <= 5; ++step)
      REQUIRE_OK(journal.write(batch_of(step),
                               step % 2 == 0 ? Durability::Power : Durability::Process));
    REQUIRE_OK(journal.write(batch_of(3), Durability::Process));  // replaced
  }
  write_file(folder.path() / "step-000006.batch.new", "half of one");
  Journal journal = open(real_disk(), folder.path());
  CHECK(journal.steps().value() == std::vector<std::uint32_t>{1, 2, 3, 4, 5});
  CHECK_FALSE(std::filesystem::exists(folder.path() / "step-000006.batch.new"));
  for (std::uint32_t step = 1; step <= 5; ++step) {
    const auto read = journal.read(step);
    REQUIRE_OK(read);
    check_same(*read, batch_of(step));
  }
  CHECK(journal.read(6).error().code == ErrorCode::NotFound);
}

TEST_CASE("the_journal_reaches_to_the_first_batch_that_is_missing_or_damaged") {
  const TemporaryFolder folder;
  Journal journal = open(real_disk(), folder.path());
  for (const std::uint32_t step : {1, 2, 3, 4, 6}) REQUIRE_OK(journal.write(batch_of(step), {}));
  CHECK(journal.reach(0)->step == 4);
  CHECK(journal.reach(4)->step == 4);
  CHECK(journal.reach(5)->step == 6);
  CHECK(journal.reach(9)->step == 9);
  std::string content = content_of(folder.path() / "step-000003.batch");
  content[content.size() / 2] ^= 1;
  write_file(folder.path() / "step-000003.batch", content);
  const auto reach = journal.reach(0);
  REQUIRE_OK(reach);
  CHECK(reach->step == 2);
  CHECK(reach->damage.find("step-000003.batch") != std::string::npos);
}

TEST_CASE("batches_that_nobody_needs_are_dropped") {
  const TemporaryFolder folder;
  Journal journal = open(real_disk(), folder.path());
  for (std::uint32_t step = 1; step <= 6; ++step) REQUIRE_OK(journal.write(batch_of(step), {}));
  REQUIRE_OK(journal.drop_before(3));
  REQUIRE_OK(journal.drop_after(5));
  CHECK(journal.steps().value() == std::vector<std::uint32_t>{3, 4, 5});
}

TEST_CASE("no_damage_of_a_journaled_batch_goes_unseen_or_crashes") {
  const TemporaryFolder folder;
  Journal journal = open(real_disk(), folder.path());
  REQUIRE_OK(journal.write(batch_of(2), {}));
  const auto file = folder.path() / "step-000002.batch";
  const std::string whole = content_of(file);
  for (std::size_t length = 0; length < whole.size(); length += 1 + length / 20) {
    write_file(file, whole.substr(0, length));
    CHECK(journal.read(2).error().code == ErrorCode::Corrupt);
  }
  Rng rng(5);
  for (int i = 0; i < 2000; ++i) {
    std::string damaged = whole;
    damaged[rng.below(damaged.size())] ^= static_cast<char>(1 + rng.below(255));
    write_file(file, damaged);
    CHECK_FALSE(journal.read(2).ok());
  }
  write_file(file, whole + "x");
  CHECK(journal.read(2).error().code == ErrorCode::Corrupt);
}

TEST_CASE("a_batch_of_a_later_format_is_refused_by_name") {
  const TemporaryFolder folder;
  Journal journal = open(real_disk(), folder.path());
  REQUIRE_OK(journal.write(batch_of(1), {}));
  const auto file = folder.path() / "step-000001.batch";
  std::string content = content_of(file);
  content[12] = 2;  // behind magic and checksum
  const std::uint32_t sum = crc32c(std::string_view(content).substr(12));
  for (int i = 0; i < 4; ++i) content[8 + i] = static_cast<char>(sum >> (8 * i));
  write_file(file, content);
  const auto read = journal.read(1);
  REQUIRE_FALSE(read.ok());
  CHECK(read.error().code == ErrorCode::Unsupported);
  CHECK(read.error().message.find("step-000001.batch") != std::string::npos);
  CHECK_FALSE(journal.reach(0).ok());  // no damage: going on without it would lose steps
}
