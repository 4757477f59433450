// How a store packs the rows of ended prompts into blocks, and makes rows of them again.
#include <algorithm>

#include "actors/ledger/prompt_block.hpp"
#include "actors/ledger/little_endian.hpp"
#include "actors/ledger/store.hpp"
#include "schemas/base/crc32c.hpp"

namespace troupe::ledger {
namespace {

std::uint32_t checksum(std::uint64_t first, std::uint64_t count, std::string_view bytes) {
  std::string fields;
  put(fields, first);
  put(fields, count);
  return crc32c(bytes, crc32c(std::string_view(fields)));
}

/// Whether nothing but a resume from before `step` would change it.
bool ended_for_good(const PromptRecord& record, std::uint32_t step) {
  PromptRecord copy = record;
  return !reopen(copy, step).reopened;
}

}  // namespace

Result<std::uint64_t> Store::each_block(
    const std::function<Result<void>(std::uint64_t, std::vector<PromptRecord>)>& visit) {
  TROUPE_ASSIGN(Statement exists, database_.prepare("SELECT 1 FROM sqlite_master WHERE "
                                                    "type = 'table' AND name = 'block'"));
  TROUPE_ASSIGN(const bool made, exists.step());
  if (!made) return std::uint64_t{0};  // of format 1
  exists.reset();
  TROUPE_ASSIGN(Statement select,
                database_.prepare("SELECT first, count, prompts, crc FROM block ORDER BY first"));
  std::uint64_t damaged = 0;
  for (;;) {
    TROUPE_ASSIGN(const bool row, select.step());
    if (!row) return damaged;
    const std::uint64_t first = select.integer(0), count = select.integer(1);
    const std::string_view bytes = select.blob(2);
    std::optional<std::vector<PromptRecord>> records;
    if (checksum(first, count, bytes) == select.integer(3)) records = decode_block(bytes);
    if (!records || records->size() != count)
      damaged += std::max<std::uint64_t>(count, 1);
    else
      TROUPE_TRY(visit(first, std::move(*records)));
  }
}

Result<std::uint64_t> Store::pack_block(std::uint32_t step, std::uint32_t block_rows,
                                        std::uint64_t& after) {
  std::vector<PromptRecord> records;
  {
    TROUPE_ASSIGN(Statement select,
                  database_.prepare("SELECT number, dataset, epoch, row, position, incarnation, "
                                    "step, group_size, samples, crc FROM prompt "
                                    "WHERE number >= ?1 AND end IS NOT NULL ORDER BY number"));
    select.bind(1, after);
    while (records.size() < block_rows) {
      TROUPE_ASSIGN(const bool row, select.step());
      if (!row) return std::uint64_t{0};
      TROUPE_ASSIGN(auto record, record_of(select));
      // A damaged row stays where it is seen and counted.
      if (record && ended_for_good(*record, step)) records.push_back(std::move(*record));
    }
  }
  after = records.back().number + 1;
  const auto bytes = encode_block(records);
  if (!bytes) return std::uint64_t{0};
  const std::uint64_t first = records.front().number;
  const auto move = [&]() -> Result<void> {
    TROUPE_ASSIGN(Statement put_block, database_.prepare("INSERT INTO block VALUES (?1,?2,?3,?4)"));
    TROUPE_TRY(put_block.bind(1, first)
                   .bind(2, records.size())
                   .bind_blob(3, *bytes)
                   .bind(4, checksum(first, records.size(), *bytes))
                   .run());
    for (const PromptRecord& record : records)
      TROUPE_TRY(remove_prompt_.bind(1, record.number).run());
    return {};
  };
  TROUPE_TRY(in_transaction(move));
  return static_cast<std::uint64_t>(records.size());
}

Result<std::uint64_t> Store::pack(std::uint32_t step, std::uint32_t block_rows,
                                  std::uint32_t blocks_max) {
  std::uint64_t moved = 0, after = 0;
  for (std::uint32_t block = 0; block < blocks_max; ++block) {
    TROUPE_ASSIGN(const std::uint64_t rows, pack_block(step, block_rows, after));
    if (rows == 0) break;
    moved += rows;
  }
  return moved;
}

Result<std::uint64_t> Store::unpack_changed(std::uint32_t step) {
  std::vector<std::uint64_t> changed;
  TROUPE_TRY(each_block([&](std::uint64_t first, std::vector<PromptRecord> records) {
    if (!std::all_of(records.begin(), records.end(),
                     [&](const PromptRecord& record) { return ended_for_good(record, step); }))
      changed.push_back(first);
    return Result<void>();
  }));
  if (changed.empty()) return std::uint64_t{0};
  std::uint64_t rows = 0;
  const auto put_back = [&](std::uint64_t first,
                            std::vector<PromptRecord> records) -> Result<void> {
    if (!std::binary_search(changed.begin(), changed.end(), first)) return {};
    for (const PromptRecord& record : records) TROUPE_TRY(put_row(record));
    rows += records.size();
    return {};
  };
  const auto move = [&]() -> Result<void> {
    TROUPE_TRY(each_block(put_back));
    TROUPE_ASSIGN(Statement remove, database_.prepare("DELETE FROM block WHERE first = ?1"));
    for (const std::uint64_t first : changed) TROUPE_TRY(remove.bind(1, first).run());
    return {};
  };
  TROUPE_TRY(in_transaction(move));
  return rows;
}

}  // namespace troupe::ledger
