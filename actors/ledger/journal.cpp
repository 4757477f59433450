#include "actors/ledger/journal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "actors/ledger/formats.hpp"
#include "actors/ledger/little_endian.hpp"
#include "schemas/base/crc32c.hpp"

namespace troupe::ledger {
namespace {

// A file: magic, checksum of the rest, format; step, number of groups, the gate's state, the
// groups. All integers little-endian.
constexpr std::string_view kMagic = "TRPBATCH";
constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kHeader = 8 + 4 + 4;
constexpr std::size_t kGroupHeader = 4 + 4 + 8 + 8 + 4 + 4 + 8;
// A batch of the report's recipe (8,192 samples) with the longest completions is below 16 GiB.
constexpr std::uint64_t kFileMax = 16ull << 30;
constexpr std::uint64_t kMessageMax = 1ull << 30;
constexpr std::size_t kGateMax = 64u << 20;

std::string name_of(std::uint32_t step) { return fmt::format("step-{:06}.batch", step); }

std::optional<std::uint32_t> step_of(std::string_view name) {
  if (!name.starts_with("step-") || !name.ends_with(".batch")) return std::nullopt;
  name.remove_prefix(5);
  name.remove_suffix(6);
  std::uint32_t step = 0;
  const auto read = std::from_chars(name.data(), name.data() + name.size(), step);
  if (read.ec != std::errc() || read.ptr != name.data() + name.size()) return std::nullopt;
  return step;
}

std::string encode(const JournaledBatch& batch) {
  std::string body;
  put(body, kFormat);
  put(body, batch.step);
  put(body, static_cast<std::uint32_t>(batch.groups.size()));
  put(body, static_cast<std::uint64_t>(batch.gate.size()));
  body += batch.gate;
  for (const JournaledGroup& group : batch.groups) {
    put(body, group.id.dataset);
    put(body, group.id.epoch);
    put(body, group.id.row);
    put(body, group.number);
    put(body, group.version.incarnation);
    put(body, group.version.step);
    put(body, static_cast<std::uint64_t>(group.message->size()));
    body.append(reinterpret_cast<const char*>(group.message->data()),
                group.message->size() * sizeof(std::uint64_t));
  }
  std::string head(kMagic);
  put(head, crc32c(body));
  return head + body;
}

}  // namespace

Result<Journal> Journal::open(Disk& disk, std::filesystem::path folder) {
  TROUPE_TRY(disk.make_directories(folder));
  TROUPE_ASSIGN(const auto names, disk.list(folder));
  for (const std::string& name : names)
    if (name.ends_with(".new")) TROUPE_TRY(disk.remove_all(folder / name));
  return Journal(disk, std::move(folder));
}

std::filesystem::path Journal::file_of(std::uint32_t step) const { return folder_ / name_of(step); }

Result<void> Journal::write(const JournaledBatch& batch, Durability durability) {
  const std::filesystem::path aside = folder_ / (name_of(batch.step) + ".new");
  {
    TROUPE_ASSIGN(auto file, disk_->create(aside));
    TROUPE_TRY(file->write(encode(batch)));
    TROUPE_TRY(durability == Durability::Power ? file->sync() : file->flush());
  }
  TROUPE_TRY(disk_->rename(aside, file_of(batch.step)));
  return durability == Durability::Power ? disk_->sync_directory(folder_) : Result<void>();
}

Result<JournaledBatch> Journal::read(std::uint32_t step) const {
  const std::filesystem::path path = file_of(step);
  if (!disk_->exists(path))
    return Error{ErrorCode::NotFound, fmt::format("the journal has no batch of step {}", step),
                 "Go on from the checkpoint alone: move the folder journal/ of the run away"};
  TROUPE_ASSIGN(const std::string content, disk_->read(path, kFileMax));
  const auto damaged = [&](std::string_view what) {
    return Error{ErrorCode::Corrupt,
                 fmt::format("the journaled batch '{}' is damaged: {}", path.string(), what),
                 "The step is generated anew when the run goes on without it: move the file away"};
  };
  std::string_view bytes = content;
  if (bytes.size() < kHeader || !bytes.starts_with(kMagic)) return damaged("it has no header");
  bytes.remove_prefix(kMagic.size());
  if (take<std::uint32_t>(bytes) != crc32c(bytes)) return damaged("it has a wrong checksum");
  if (const auto format = take<std::uint32_t>(bytes); format != kFormat)
    return later_format("the journaled batch '" + path.string() + "'", format, kFormat, "");
  JournaledBatch batch;
  if (bytes.size() < 16) return damaged("it ends early");
  batch.step = take<std::uint32_t>(bytes);
  const auto count = take<std::uint32_t>(bytes);
  const auto gate = take<std::uint64_t>(bytes);
  if (batch.step != step) return damaged("it is of another step");
  if (gate > kGateMax || gate > bytes.size()) return damaged("it ends early");
  batch.gate = bytes.substr(0, gate);
  bytes.remove_prefix(gate);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (bytes.size() < kGroupHeader) return damaged("it ends early");
    JournaledGroup group;
    group.id.dataset = take<std::uint32_t>(bytes);
    group.id.epoch = take<std::uint32_t>(bytes);
    group.id.row = take<std::uint64_t>(bytes);
    group.number = take<std::uint64_t>(bytes);
    group.version.incarnation = take<std::uint32_t>(bytes);
    group.version.step = take<std::uint32_t>(bytes);
    const auto words = take<std::uint64_t>(bytes);
    if (words > kMessageMax / 8 || words * 8 > bytes.size()) return damaged("it ends early");
    std::vector<std::uint64_t> message(words);
    std::memcpy(message.data(), bytes.data(), words * 8);
    bytes.remove_prefix(words * 8);
    group.message = std::make_shared<const std::vector<std::uint64_t>>(std::move(message));
    batch.groups.push_back(std::move(group));
  }
  if (!bytes.empty() || count == 0) return damaged("its length is wrong");
  return batch;
}

Result<std::vector<std::uint32_t>> Journal::steps() const {
  TROUPE_ASSIGN(const auto names, disk_->list(folder_));
  std::vector<std::uint32_t> steps;
  for (const std::string& name : names)
    if (const auto step = step_of(name)) steps.push_back(*step);
  std::sort(steps.begin(), steps.end());
  return steps;
}

Result<Journal::Reach> Journal::reach(std::uint32_t after) const {
  TROUPE_ASSIGN(const auto there, steps());
  Reach reach{after, {}};
  for (const std::uint32_t step : there) {
    if (step <= reach.step) continue;
    if (step != reach.step + 1) break;
    auto batch = read(step);
    if (!batch.ok()) {
      if (batch.error().code != ErrorCode::Corrupt) return batch.error();
      reach.damage = batch.error().message;
      break;
    }
    reach.step = step;
  }
  return reach;
}

Result<void> Journal::drop_before(std::uint32_t first) {
  TROUPE_ASSIGN(const auto there, steps());
  for (const std::uint32_t step : there)
    if (step < first) TROUPE_TRY(disk_->remove_all(file_of(step)));
  return {};
}

Result<void> Journal::drop_after(std::uint32_t last) {
  TROUPE_ASSIGN(const auto there, steps());
  for (const std::uint32_t step : there)
    if (step > last) TROUPE_TRY(disk_->remove_all(file_of(step)));
  return {};
}

}  // namespace troupe::ledger
