// The ledger's own growth: ended prompts packed into blocks answer every question as before.
#include <nlohmann/json.hpp>

#include "actors/ledger/ledger.hpp"
#include "actors/ledger/prompt_block.hpp"
#include "actors/ledger/sample_life.hpp"
#include "actors/ledger/store.hpp"
#include "tests/ledger/fixtures.hpp"

using namespace troupe;
using namespace troupe::ledger;
using troupe::test::TemporaryFolder;

namespace {

constexpr std::uint32_t kPrompts = 9000, kPerStep = 100;

PromptId prompt(std::uint64_t row) { return {0, 0, row}; }

LedgerOptions options_of(const TemporaryFolder& folder) {
  LedgerOptions options;
  options.path = folder / "ledger.sqlite";
  return options;
}

/// Steps of kPerStep prompts with two samples each; the last five prompts stay in flight.
void fill(Ledger& ledger) {
  for (std::uint64_t row = 0; row < kPrompts; ++row)
    REQUIRE_OK(ledger.admit({prompt(row), ledger.next_admission(), {0, 0}, 2}));
  for (std::uint32_t step = 1; step <= kPrompts / kPerStep; ++step) {
    std::vector<PromptId> batch;
    for (std::uint64_t i = 0; i < kPerStep; ++i) {
      const std::uint64_t row = (step - 1) * kPerStep + i;
      if (row + 5 >= kPrompts) break;
      if (row % 10 == 3) {
        REQUIRE_OK(ledger.end_group(prompt(row), End::Filtered, "all rewards equal"));
        continue;
      }
      batch.push_back(prompt(row));
    }
    REQUIRE_OK(ledger.use({{0, step}, 0, batch}));
    for (const PromptId& id : batch) REQUIRE_OK(ledger.end_group(id, End::Trained, "", step));
  }
  REQUIRE_OK(ledger.commit());
}

std::uint64_t rows_in(const TemporaryFolder& folder, const char* table) {
  sqlite3* handle = nullptr;
  REQUIRE(sqlite3_open((folder / "ledger.sqlite").c_str(), &handle) == SQLITE_OK);
  sqlite3_stmt* statement = nullptr;
  const std::string sql = std::string("SELECT COUNT(*) FROM ") + table;
  REQUIRE(sqlite3_prepare_v2(handle, sql.c_str(), -1, &statement, nullptr) == SQLITE_OK);
  REQUIRE(sqlite3_step(statement) == SQLITE_ROW);
  const auto count = static_cast<std::uint64_t>(sqlite3_column_int64(statement, 0));
  sqlite3_finalize(statement);
  sqlite3_close(handle);
  return count;
}

}  // namespace

TEST_CASE("packed_prompts_are_counted_and_known_as_before") {
  TemporaryFolder folder;
  Accounts before;
  {
    auto ledger = Ledger::create(options_of(folder));
    REQUIRE_OK(ledger);
    fill(**ledger);
    before = (*ledger)->accounts();
    const auto packed = (*ledger)->pack(kPrompts / kPerStep);
    REQUIRE_OK(packed);
    CHECK(*packed == 2 * 4096);
    CHECK((*ledger)->accounts() == before);
    CHECK((*ledger)->is_resolved(prompt(17)));
    CHECK_FALSE((*ledger)->admit({prompt(17), (*ledger)->next_admission(), {0, 90}, 2}).ok());
    CHECK(*(*ledger)->pack(kPrompts / kPerStep) == 0);  // less than a block stays as it is
  }
  CHECK(rows_in(folder, "block") == 2);
  CHECK(rows_in(folder, "prompt") == kPrompts - 2 * 4096);
  auto life = read_sample_life(real_disk(), folder.path(), {prompt(17), 1, 0});
  REQUIRE_OK(life);
  REQUIRE(life->record.has_value());
  CHECK(life->record->current[1].end == End::Trained);
  CHECK(life->record->current[1].step == 1);
  auto ledger = Ledger::resume(options_of(folder), kPrompts / kPerStep);
  REQUIRE_OK(ledger);
  CHECK((*ledger)->accounts() == before);
  CHECK((*ledger)->repair_report().reopened_prompts == 5);
  CHECK((*ledger)->is_resolved(prompt(17)));
  CHECK_FALSE((*ledger)->is_resolved(prompt(kPrompts - 1)));
  CHECK(rows_in(folder, "block") == 2);
}

TEST_CASE("a_resume_from_an_older_checkpoint_unpacks_what_it_undoes") {
  TemporaryFolder packed, plain;
  for (const TemporaryFolder* folder : {&packed, &plain}) {
    auto ledger = Ledger::create(options_of(*folder));
    REQUIRE_OK(ledger);
    fill(**ledger);
    if (folder == &packed) REQUIRE_OK((*ledger)->pack(kPrompts / kPerStep));
  }
  for (const std::uint32_t step : {60u, 0u}) {
    auto one = Ledger::resume(options_of(packed), step);
    auto other = Ledger::resume(options_of(plain), step);
    REQUIRE_OK(one);
    REQUIRE_OK(other);
    CHECK((*one)->accounts() == (*other)->accounts());
    CHECK((*one)->reopened().size() == (*other)->reopened().size());
    CHECK((*one)->repair_report().undone_samples == (*other)->repair_report().undone_samples);
    CHECK((*one)->summary() == (*other)->summary());
    CHECK(rows_in(packed, "block") == (step == 60 ? 1 : 0));
  }
}

TEST_CASE("a_damaged_block_is_counted_and_the_rest_stands") {
  TemporaryFolder folder;
  {
    auto ledger = Ledger::create(options_of(folder));
    REQUIRE_OK(ledger);
    fill(**ledger);
    REQUIRE_OK((*ledger)->pack(kPrompts / kPerStep));
  }
  sqlite3* handle = nullptr;
  REQUIRE(sqlite3_open((folder / "ledger.sqlite").c_str(), &handle) == SQLITE_OK);
  REQUIRE(sqlite3_exec(handle, "UPDATE block SET prompts = zeroblob(100) WHERE first = 0", nullptr,
                       nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(handle);
  auto ledger = Ledger::resume(options_of(folder), kPrompts / kPerStep);
  REQUIRE_OK(ledger);
  CHECK((*ledger)->repair_report().corrupt_rows == 4096);
}

TEST_CASE("a_block_gives_its_records_back_and_survives_any_damage") {
  std::vector<PromptRecord> records;
  for (std::uint64_t row = 0; row < 300; ++row) {
    PromptRecord record;
    record.id = prompt(row);
    record.number = record.position = row;
    record.version = {1, static_cast<std::uint32_t>(row / 10)};
    for (std::uint16_t i = 0; i < 8; ++i)
      record.current.push_back({0, End::Trained, 0, static_cast<std::uint32_t>(row / 10)});
    record.earlier.emplace_back(3, SampleRecord{0, End::Failed, 2, 0});
    records.push_back(std::move(record));
  }
  const auto bytes = encode_block(records);
  REQUIRE(bytes.has_value());
  CHECK(bytes->size() < records.size() * 30);
  CHECK(decode_block(*bytes) == records);
  for (std::size_t at = 0; at < bytes->size(); ++at) {
    std::string damaged = *bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x40);
    (void)decode_block(damaged);
    CHECK_FALSE(decode_block(std::string_view(*bytes).substr(0, at)).has_value());
  }
  CHECK_FALSE(decode_block(std::string("\xff\xff\xff\xff"
                                       "xx",
                                       6))
                  .has_value());
}
