#include "actors/ledger/run_directory.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "actors/ledger/formats.hpp"
#include "schemas/base/crc32c.hpp"

namespace troupe::ledger {
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr std::uint64_t kSmallFile = 1u << 20;  // run.json, lock, stop.request
constexpr int kMaxRuns = 1'000'000;             // of one name in one folder
constexpr int kCreateAttempts = 100;            // lost races before giving up

fs::path info_file(const fs::path& run) { return run / "run.json"; }
fs::path copy_file(const fs::path& run) { return run / "run.copy.json"; }
fs::path lock_file(const fs::path& run) { return run / "lock"; }
fs::path stop_file(const fs::path& run) { return run / "stop.request"; }

Error damaged(const fs::path& file, std::string_view what) {
  return {ErrorCode::Corrupt, fmt::format("'{}' is damaged: {}", file.string(), what),
          "Restore the file from a copy, or start a new run from graph.toml beside it"};
}

std::uint32_t checksum(const json& data) {
  return crc32c(data.dump(-1, ' ', false, json::error_handler_t::replace));
}

std::string to_text(const RunInfo& info) {
  json data{{"format", info.format},
                  {"troupe_version", info.troupe_version},
                  {"name", info.name},
                  {"seed", info.seed},
                  {"pid", info.pid},
                  {"state", name_of(info.state)},
                  {"reason", info.reason},
                  {"incarnation", info.incarnation},
                  {"graph_hash", info.graph_hash},
                  {"repairs", info.repairs},
                  {"created_seconds", info.created_seconds},
                  {"updated_seconds", info.updated_seconds}};
  data["crc32c"] = checksum(data);
  return data.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<RunInfo> parse_info(const fs::path& file, const std::string& text) {
  try {
    json data = json::parse(text);
    // Later formats may compute it in another way; what an earlier troupe wrote has none.
    if (data.at("format").get<std::uint32_t>() <= kRunFormat && data.contains("crc32c")) {
      const auto stored = data.at("crc32c").get<std::uint32_t>();
      data.erase("crc32c");
      if (stored != checksum(data)) return damaged(file, "its checksum is wrong");
    }
    RunInfo info;
    info.format = data.at("format").get<std::uint32_t>();
    info.troupe_version = data.value("troupe_version", "");
    if (info.format > kRunFormat)
      return later_format("'" + file.string() + "'", info.format, kRunFormat, info.troupe_version);
    info.name = data.value("name", "");
    info.seed = data.at("seed").get<std::uint64_t>();
    info.pid = data.value("pid", std::int64_t{0});
    const std::string state = data.at("state").get<std::string>();
    bool known = false;
    for (RunState candidate :
         {RunState::Running, RunState::Stopped, RunState::Finished, RunState::Failed})
      if (name_of(candidate) == state) info.state = candidate, known = true;
    if (!known) return damaged(file, fmt::format("no state is called '{}'", state));
    info.reason = data.value("reason", "");
    info.incarnation = data.at("incarnation").get<std::uint32_t>();
    info.graph_hash = data.value("graph_hash", "");
    info.repairs = data.value("repairs", std::vector<std::string>());
    info.created_seconds = data.value("created_seconds", 0.0);
    info.updated_seconds = data.value("updated_seconds", 0.0);
    return info;
  } catch (const json::exception& exception) {
    return damaged(file, exception.what());
  }
}

/// NNN of "<name>-NNN"; nothing for other names.
std::optional<int> run_number(std::string_view entry, std::string_view name) {
  if (entry.size() < name.size() + 2 || !entry.starts_with(name) || entry[name.size()] != '-')
    return std::nullopt;
  const std::string_view digits = entry.substr(name.size() + 1);
  int number = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (code != std::errc() || end != digits.data() + digits.size() || number < 0 ||
      number > kMaxRuns)
    return std::nullopt;
  return number;
}

Result<void> write_info(Disk& disk, const fs::path& run, const RunInfo& info) {
  const std::string text = to_text(info);
  TROUPE_TRY(disk.replace(info_file(run), text));
  return disk.replace(copy_file(run), text);
}

Result<int> highest_number(Disk& disk, const fs::path& base, std::string_view name) {
  TROUPE_ASSIGN(const auto entries, disk.list(base));
  int highest = 0;
  for (const std::string& entry : entries)
    if (const auto number = run_number(entry, name)) highest = std::max(highest, *number);
  return highest;
}

Result<void> check_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '.' || c == '_' || c == '-';
  };
  if (name.empty() || name.size() > 100 || name.front() == '.' ||
      !std::all_of(name.begin(), name.end(), allowed))
    return Error{ErrorCode::InvalidArgument,
                 fmt::format("'{}' cannot be the name of a run", name),
                 "Use up to 100 letters, digits, '-', '_' and '.', not starting with '.'"};
  return {};
}

}  // namespace

std::string_view name_of(RunState state) {
  switch (state) {
    case RunState::Running: return "running";
    case RunState::Stopped: return "stopped";
    case RunState::Finished: return "finished";
    case RunState::Failed: return "failed";
  }
  return "unknown";
}

RunDirectory::RunDirectory(Disk& disk, fs::path path, std::unique_ptr<DiskLock> lock,
                           RunInfo info)
    : disk_(&disk), path_(std::move(path)), lock_(std::move(lock)), info_(std::move(info)) {}
RunDirectory::RunDirectory(RunDirectory&&) noexcept = default;
RunDirectory& RunDirectory::operator=(RunDirectory&&) noexcept = default;
RunDirectory::~RunDirectory() = default;

Result<RunDirectory> RunDirectory::create(Disk& disk, const fs::path& base, const NewRun& run) {
  TROUPE_TRY(check_name(run.name));
  TROUPE_TRY(disk.make_lasting_directories(base));
  TROUPE_ASSIGN(int number, highest_number(disk, base, run.name));
  for (int attempt = 0; attempt < kCreateAttempts; ++attempt) {
    const fs::path path = base / fmt::format("{}-{:03}", run.name, ++number);
    TROUPE_TRY(disk.make_directories(path));
    LockHolder holder;
    TROUPE_ASSIGN(auto lock, disk.lock(lock_file(path), ::getpid(), holder));
    // Somebody else was faster: it holds the lock, or has been here and gone.
    if (!lock || disk.exists(info_file(path))) continue;

    TROUPE_TRY(disk.replace(path / "graph.toml", run.graph_text));
    TROUPE_TRY(disk.replace(path / "plan.json", run.plan_json));
    RunInfo info;
    info.troupe_version = run.troupe_version;
    info.name = run.name;
    info.seed = run.seed;
    info.pid = ::getpid();
    info.graph_hash = run.graph_hash;
    info.created_seconds = info.updated_seconds = run.wall_seconds;
    TROUPE_TRY(write_info(disk, path, info));
    TROUPE_TRY(disk.sync_directory(base));
    return RunDirectory(disk, path, std::move(lock), std::move(info));
  }
  return Error{ErrorCode::Conflict,
               fmt::format("cannot make a run directory in '{}': others were faster {} times",
                           base.string(), kCreateAttempts),
               "Start fewer runs at the same moment, or give this one another name"};
}

Result<RunDirectory> RunDirectory::open_to_resume(Disk& disk, const fs::path& path,
                                                  double wall_seconds,
                                                  std::string_view troupe_version) {
  TROUPE_ASSIGN(RunInfo info, read_run_info(disk, path));
  LockHolder holder;
  TROUPE_ASSIGN(auto lock, disk.lock(lock_file(path), ::getpid(), holder));
  if (!lock)
    return Error{ErrorCode::Conflict,
                 fmt::format("another run{} uses '{}'",
                             holder.pid > 0 ? fmt::format(" (pid {})", holder.pid) : "", path.string()),
                 fmt::format("Wait until it ends, or stop it with: troupe stop {}",
                             path.string())};
  // Again, now that nobody else writes it.
  TROUPE_ASSIGN(info, read_run_info(disk, path));
  TROUPE_TRY(disk.remove_all(stop_file(path)));
  info.incarnation += 1;
  if (!troupe_version.empty()) info.troupe_version = troupe_version;
  info.pid = ::getpid();
  info.state = RunState::Running;
  info.reason.clear();
  info.updated_seconds = wall_seconds;
  TROUPE_TRY(write_info(disk, path, info));
  return RunDirectory(disk, path, std::move(lock), std::move(info));
}

Result<void> RunDirectory::set_state(RunState state, std::string reason, double wall_seconds) {
  RunInfo next = info_;
  next.state = state;
  next.reason = std::move(reason);
  next.updated_seconds = wall_seconds;
  TROUPE_TRY(write_info(*disk_, path_, next));
  info_ = std::move(next);
  return {};
}

Result<void> RunDirectory::set_repairs(std::vector<std::string> repairs) {
  if (repairs.empty() && info_.repairs.empty()) return {};
  info_.repairs = std::move(repairs);
  return write_info(*disk_, path_, info_);
}

Result<void> RunDirectory::write_stages(const std::vector<StageCounts>& stages) {
  json list = json::array();
  for (const StageCounts& stage : stages)
    list.push_back({{"name", stage.name},
                    {"state", stage.state},
                    {"received", stage.received},
                    {"sent", stage.sent},
                    {"ended", stage.ended},
                    {"waits_for", stage.waits_for}});
  const std::string text = json{{"stages", std::move(list)}}.dump(
      1, ' ', false, json::error_handler_t::replace);
  // Without a sync: written often, and worth nothing after a loss of power.
  fs::path aside = path_ / "stages.json.new";
  {
    TROUPE_ASSIGN(auto file, disk_->create(aside));
    TROUPE_TRY(file->write(std::string_view(text)));
  }
  return disk_->rename(aside, path_ / "stages.json");
}

std::optional<StopRequest> RunDirectory::stop_requested() const {
  const fs::path file = stop_file(path_);
  if (!disk_->exists(file)) return std::nullopt;
  const auto text = disk_->read(file, kSmallFile);
  return StopRequest{text.ok() && text->starts_with("drain")};
}

Result<RunInfo> read_run_info(Disk& disk, const fs::path& path) {
  const fs::path file = info_file(path);
  if (!disk.exists(file))
    return Error{ErrorCode::NotFound,
                 fmt::format("there is no run in '{}' (it has no run.json)", path.string()),
                 "Give the directory that `troupe run` printed, such as runs/NAME-001"};
  const auto read = [&](const fs::path& from) -> Result<RunInfo> {
    TROUPE_ASSIGN(const std::string text, disk.read(from, kSmallFile));
    return parse_info(from, text);
  };
  auto info = read(file);
  if (info.ok() || info.error().code != ErrorCode::Corrupt || !disk.exists(copy_file(path)))
    return info;
  auto copy = read(copy_file(path));
  if (!copy.ok()) return info;
  // It may be one state older, and the name of a life must not come twice.
  copy->incarnation += 1;
  copy->mended = info.error().message + "; its copy run.copy.json was taken";
  return copy;
}

LockHolder lock_state(Disk& disk, const fs::path& path) {
  return disk.lock_holder(lock_file(path));
}

Result<void> request_stop(Disk& disk, const fs::path& path, StopRequest request) {
  TROUPE_ASSIGN(const RunInfo info, read_run_info(disk, path));
  if (!lock_state(disk, path).held)
    return Error{ErrorCode::NotFound,
                 fmt::format("nothing runs in '{}': it is {}", path.string(),
                             info.state == RunState::Running ? "no longer running (it died)"
                                                             : name_of(info.state)),
                 fmt::format("See it with: troupe status {}", path.string())};
  return disk.replace(stop_file(path), request.drain ? "drain\n" : "now\n");
}

Result<fs::path> find_run(Disk& disk, const fs::path& base, std::string_view name) {
  if (name.empty())
    return Error{ErrorCode::InvalidArgument, "no run was named",
                 fmt::format("Give a run directory, or a name from: ls {}", base.string())};
  if (disk.exists(info_file(fs::path(name)))) return fs::path(name);
  if (disk.exists(info_file(base / name))) return base / name;
  if (disk.exists(base)) {
    TROUPE_ASSIGN(const auto entries, disk.list(base));
    int highest = -1;
    std::string newest;
    for (const std::string& entry : entries) {
      const auto number = run_number(entry, name);
      if (number && *number > highest && disk.exists(info_file(base / entry)))
        highest = *number, newest = entry;
    }
    if (!newest.empty()) return base / newest;
  }
  return Error{ErrorCode::NotFound,
               fmt::format("no run is called '{}', neither as a path nor in '{}'", name,
                           base.string()),
               fmt::format("List them with: ls {}", base.string())};
}

}  // namespace troupe::ledger
