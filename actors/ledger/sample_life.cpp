#include "actors/ledger/sample_life.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "actors/ledger/reasons.hpp"
#include "actors/ledger/sample_query.hpp"
#include "actors/ledger/store.hpp"

namespace troupe::ledger {
namespace fs = std::filesystem;

namespace {

Result<void> read_log(Disk& disk, const fs::path& folder, SampleLife& life) {
  if (!disk.exists(folder)) return {};
  SampleQuery query;
  query.prompt = life.id.prompt;
  query.all_lives = true;
  std::map<std::uint16_t, nlohmann::json> siblings;
  const auto read =
      query_samples(disk, folder, query, 1, [&](std::string_view text, const JsonLine& line) {
        const auto id = parse_sample_id(line.plain("id").value_or(""));
        auto data = nlohmann::json::parse(text, nullptr, false);
        if (!id || !data.is_object()) return true;
        data.erase("crc32c");
        if (id->sibling == life.id.sibling)
          life.lines.push_back(std::move(data));
        else
          siblings[id->sibling] = std::move(data);
        return true;
      });
  if (!read.ok()) return read.error();
  for (auto& [sibling, line] : siblings) life.siblings.push_back(std::move(line));
  return {};
}

Result<void> read_ledger(const fs::path& file, SampleLife& life) {
  TROUPE_ASSIGN(Store store, Store::open_to_read(file));
  TROUPE_TRY(store.begin_reading());
  TROUPE_ASSIGN(const auto totals, store.totals());
  if (!totals) return {};
  TROUPE_TRY(store.each_prompt([&](PromptRecord record) {
    if (record.id == life.id.prompt) life.record = std::move(record);
  }));
  TROUPE_TRY(store.each_batch([&](const BatchRecord& batch) {
    if (std::find(batch.prompts.begin(), batch.prompts.end(), life.id.prompt) !=
        batch.prompts.end())
      life.uses.push_back({batch.version.step, batch.version.incarnation, batch.pass});
  }));
  Reasons reasons;
  TROUPE_ASSIGN(auto texts, store.reasons());
  for (auto& [index, text] : texts) reasons.restore(index, std::move(text));
  if (life.record && life.id.sibling < life.record->group_size())
    life.reason = reasons.text(life.record->current[life.id.sibling].reason);
  return store.end_reading();
}

}  // namespace

Result<SampleLife> read_sample_life(Disk& disk, const fs::path& run, const SampleId& id) {
  SampleLife life;
  life.id = id;
  TROUPE_TRY(read_log(disk, run / "samples", life));
  if (disk.exists(run / "ledger.sqlite")) TROUPE_TRY(read_ledger(run / "ledger.sqlite", life));
  const bool in_ledger = life.record && id.sibling < life.record->group_size();
  if (life.lines.empty() && !in_ledger)
    return Error{ErrorCode::NotFound, fmt::format("the run has no sample {}", to_string(id)),
                 life.record ? fmt::format("Its prompt has the samples {0}/0 to {0}/{1}",
                                           to_string(id.prompt), life.record->group_size() - 1)
                             : fmt::format("List samples with: troupe samples {}", run.string())};
  return life;
}

}  // namespace troupe::ledger
