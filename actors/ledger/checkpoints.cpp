#include "actors/ledger/checkpoints.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "actors/ledger/formats.hpp"
#include "schemas/base/crc32c.hpp"

namespace troupe::ledger {
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr std::uint32_t kFormat = 1;
constexpr std::uint64_t kMaxManifest = 256ull << 20;
constexpr int kMaxDepth = 8;  // folders within a checkpoint

std::string folder_name(std::uint32_t step) { return fmt::format("step-{:06}", step); }
std::string aside_name(std::uint32_t step) { return fmt::format(".step-{:06}.new", step); }
std::string replaced_name(std::uint32_t step) { return fmt::format(".step-{:06}.old", step); }

std::optional<std::uint32_t> step_of(std::string_view name, std::string_view prefix,
                                     std::string_view suffix) {
  if (name.size() <= prefix.size() + suffix.size() || !name.starts_with(prefix) ||
      !name.ends_with(suffix))
    return std::nullopt;
  name = name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());
  std::uint32_t step = 0;
  const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), step);
  if (code != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return step;
}

struct FileSum {
  std::uint64_t bytes = 0;
  std::uint32_t crc = 0;
};

Result<FileSum> sum_of(Disk& disk, const fs::path& file) {
  FileSum sum;
  TROUPE_TRY(disk.scan(file, [&](std::span<const std::byte> bytes) {
    sum.bytes += bytes.size();
    sum.crc = crc32c(bytes, sum.crc);
  }));
  return sum;
}

/// Sums and syncs every file below `folder` and syncs the folders, deepest first.
Result<void> seal(Disk& disk, const fs::path& folder, const fs::path& below, int depth,
                  json& files) {
  if (depth > kMaxDepth)
    return Error{ErrorCode::Unsupported,
                 fmt::format("'{}' has folders more than {} deep", folder.string(), kMaxDepth),
                 "Write the checkpoint's files less deep"};
  TROUPE_ASSIGN(const auto names, disk.list(folder));
  for (const std::string& name : names) {
    const fs::path path = folder / name;
    // Disk has no question for it: what can be listed is a folder. A folder that cannot be listed
    // cannot be scanned either, so its error is not lost.
    if (disk.list(path).ok()) {
      TROUPE_TRY(seal(disk, path, below / name, depth + 1, files));
      continue;
    }
    TROUPE_ASSIGN(const FileSum sum, sum_of(disk, path));
    TROUPE_TRY(disk.sync_file(path));
    files.push_back({{"path", (below / name).generic_string()},
                     {"bytes", sum.bytes},
                     {"crc32c", sum.crc}});
  }
  return disk.sync_directory(folder);
}

Error damaged(std::uint32_t step, std::string_view what) {
  return {ErrorCode::Corrupt, fmt::format("checkpoint {} is damaged: {}", folder_name(step), what),
          "Resume from an earlier checkpoint, or restore its files from a copy"};
}

std::string writer_of(const json& manifest) {
  const auto meta = manifest.find("meta");
  if (meta == manifest.end() || !meta->is_object()) return "";
  return meta->value("troupe_version", "");
}

/// A path of a manifest that stays within the checkpoint.
bool is_inside(const fs::path& path) {
  if (path.empty() || path.is_absolute()) return false;
  return std::none_of(path.begin(), path.end(),
                      [](const fs::path& part) { return part == ".." || part == "."; });
}

}  // namespace

Checkpoints::Checkpoints(Disk& disk, fs::path folder, CheckpointOptions options)
    : disk_(&disk), folder_(std::move(folder)), options_(std::move(options)) {
  options_.keep = std::max(options_.keep, 1u);
}

Result<Checkpoints> Checkpoints::open(Disk& disk, fs::path folder, CheckpointOptions options) {
  TROUPE_TRY(disk.make_lasting_directories(folder));
  TROUPE_ASSIGN(const auto names, disk.list(folder));
  for (const std::string& name : names) {
    if (step_of(name, ".step-", ".new")) TROUPE_TRY(disk.remove_all(folder / name));
    // Died while replacing a checkpoint of the same step: either the new one is in place, or the
    // old one goes back.
    if (const auto step = step_of(name, ".step-", ".old")) {
      if (disk.exists(folder / folder_name(*step)))
        TROUPE_TRY(disk.remove_all(folder / name));
      else
        TROUPE_TRY(disk.rename(folder / name, folder / folder_name(*step)));
    }
  }
  return Checkpoints(disk, std::move(folder), std::move(options));
}

Result<fs::path> Checkpoints::begin(std::uint32_t step) {
  const fs::path path = folder_ / aside_name(step);
  TROUPE_TRY(disk_->remove_all(path));
  return path;
}

Result<void> Checkpoints::abandon(std::uint32_t step) {
  return disk_->remove_all(folder_ / aside_name(step));
}

Result<Checkpoint> Checkpoints::commit(std::uint32_t step, const json& meta) {
  const fs::path aside = folder_ / aside_name(step);
  const fs::path final_path = folder_ / folder_name(step);
  TROUPE_TRY(disk_->make_directories(aside));  // a checkpoint may have no files but its manifest
  TROUPE_TRY(disk_->remove_all(aside / "manifest.json"));
  json files = json::array();
  TROUPE_TRY(seal(*disk_, aside, "", 0, files));

  Checkpoint checkpoint{step, final_path, meta, 0};
  for (const json& file : files) checkpoint.bytes += file["bytes"].get<std::uint64_t>();
  const json manifest{
      {"format", kFormat}, {"step", step}, {"files", std::move(files)}, {"meta", meta}};
  const json sealed{{"crc32c", crc32c(manifest.dump())}, {"manifest", manifest}};
  // replace() syncs the folder too.
  TROUPE_TRY(disk_->replace(aside / "manifest.json", sealed.dump(1) + "\n"));

  const bool replaces = disk_->exists(final_path);
  const fs::path replaced = folder_ / replaced_name(step);
  if (replaces) {
    TROUPE_TRY(disk_->remove_all(replaced));
    TROUPE_TRY(disk_->rename(final_path, replaced));
  }
  TROUPE_TRY(disk_->rename(aside, final_path));
  TROUPE_TRY(disk_->sync_directory(folder_));
  if (replaces) TROUPE_TRY(disk_->remove_all(replaced));
  TROUPE_TRY(retain());
  return checkpoint;
}

Result<std::vector<std::uint32_t>> Checkpoints::steps() const {
  return checkpoint_steps(*disk_, folder_);
}

Result<std::vector<std::uint32_t>> checkpoint_steps(Disk& disk, const fs::path& folder) {
  TROUPE_ASSIGN(const auto names, disk.list(folder));
  std::vector<std::uint32_t> steps;
  for (const std::string& name : names)
    if (const auto step = step_of(name, "step-", "")) steps.push_back(*step);
  std::sort(steps.begin(), steps.end());
  return steps;
}

fs::path checkpoint_folder(const fs::path& folder, std::uint32_t step) {
  return folder / folder_name(step);
}

Result<void> Checkpoints::retain() {
  TROUPE_ASSIGN(const auto all, steps());
  std::optional<std::uint32_t> anchor;
  for (const std::uint32_t step : all)
    if (step + options_.reach_back <= all.back()) anchor = step;
  for (std::size_t i = 0; i + options_.keep < all.size(); ++i)
    if (!options_.keep_steps.contains(all[i]) && all[i] != anchor)
      TROUPE_TRY(disk_->remove_all(folder_ / folder_name(all[i])));
  return {};
}

Result<Checkpoint> Checkpoints::load(std::uint32_t step) const {
  const fs::path folder = folder_ / folder_name(step);
  if (!disk_->exists(folder))
    return Error{ErrorCode::NotFound, fmt::format("there is no checkpoint '{}'", folder.string()),
                 "List those there are with `troupe status`"};
  if (!disk_->exists(folder / "manifest.json")) return damaged(step, "it has no manifest.json");
  TROUPE_ASSIGN(const std::string text, disk_->read(folder / "manifest.json", kMaxManifest));
  try {
    const json sealed = json::parse(text);
    const json& manifest = sealed.at("manifest");
    if (sealed.at("crc32c").get<std::uint32_t>() != crc32c(manifest.dump()))
      return damaged(step, "manifest.json has a wrong checksum");
    if (const auto format = manifest.at("format").get<std::uint64_t>(); format > kFormat)
      return later_format("checkpoint " + folder_name(step), format, kFormat, writer_of(manifest));
    if (manifest.at("step").get<std::uint32_t>() != step)
      return damaged(step, "it is of another step");
    Checkpoint checkpoint{step, folder, manifest.at("meta"), 0};
    for (const json& file : manifest.at("files")) {
      const fs::path path = file.at("path").get<std::string>();
      if (!is_inside(path)) return damaged(step, "manifest.json names a file outside of it");
      if (!disk_->exists(folder / path))
        return damaged(step, fmt::format("'{}' is missing", path.string()));
      TROUPE_ASSIGN(const FileSum sum, sum_of(*disk_, folder / path));
      if (sum.bytes != file.at("bytes").get<std::uint64_t>())
        return damaged(step, fmt::format("'{}' has {} bytes, not {}", path.string(), sum.bytes,
                                         file.at("bytes").get<std::uint64_t>()));
      if (sum.crc != file.at("crc32c").get<std::uint32_t>())
        return damaged(step, fmt::format("'{}' has a wrong checksum", path.string()));
      checkpoint.bytes += sum.bytes;
    }
    return checkpoint;
  } catch (const json::exception& exception) {
    return damaged(step, fmt::format("manifest.json: {}", exception.what()));
  }
}

Result<LatestCheckpoint> Checkpoints::latest() const {
  LatestCheckpoint latest;
  TROUPE_ASSIGN(const auto all, steps());
  for (auto step = all.rbegin(); step != all.rend(); ++step) {
    auto loaded = load(*step);
    if (loaded.ok()) {
      latest.checkpoint = std::move(loaded).value();
      return latest;
    }
    // A later format is no damage: going on from an older checkpoint would lose steps.
    if (loaded.error().code == ErrorCode::Unsupported) return loaded.error();
    latest.rejected.push_back(loaded.error().message);
  }
  return latest;
}

Result<void> Checkpoints::remove(std::uint32_t step) {
  TROUPE_TRY(disk_->remove_all(folder_ / folder_name(step)));
  return disk_->sync_directory(folder_);
}

Result<void> Checkpoints::remove_after(std::uint32_t step) {
  TROUPE_ASSIGN(const auto all, steps());
  for (std::uint32_t other : all)
    if (other > step) TROUPE_TRY(disk_->remove_all(folder_ / folder_name(other)));
  return disk_->sync_directory(folder_);
}

}  // namespace troupe::ledger
