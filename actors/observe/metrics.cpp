#include "actors/observe/metrics.hpp"

#include <unistd.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "actors/observe/event_file.hpp"

namespace troupe::observe {
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr std::uint64_t kMaxFile = 4ull << 30;
constexpr std::string_view kEventsPrefix = "events.out.tfevents.";

struct Line {
  std::string_view text;  // with its newline
  std::optional<MetricsLine> parsed;
};

std::optional<MetricsLine> parse_line(std::string_view text) {
  const json data = json::parse(text, nullptr, false);
  if (!data.is_object()) return std::nullopt;
  const auto step = data.find("step");
  if (step == data.end() || !step->is_number_unsigned()) return std::nullopt;
  MetricsLine line;
  line.step = step->get<std::uint64_t>();
  for (const auto& [name, value] : data.items()) {
    if (name == "step") continue;
    const double number =
        value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
    if (name == "wall_seconds")
      line.wall_seconds = number;
    else if (value.is_number() || value.is_null())
      line.values[name] = number;
  }
  return line;
}

/// Calls visit for every whole line; what follows the last newline is torn and left out.
template <class Visit>
void each_line(std::string_view file, Visit&& visit) {
  for (std::size_t end; (end = file.find('\n')) != std::string_view::npos;
       file.remove_prefix(end + 1))
    visit(Line{file.substr(0, end + 1), parse_line(file.substr(0, end))});
}

/// Removes torn ends and what came after `step`.
Result<void> cut_metrics(Disk& disk, const fs::path& file, std::uint64_t step) {
  if (!disk.exists(file)) return {};
  TROUPE_ASSIGN(const std::string content, disk.read(file, kMaxFile));
  std::string kept;
  each_line(content, [&](const Line& line) {
    if (line.parsed && line.parsed->step <= step) kept += line.text;
  });
  if (kept.size() == content.size()) return {};
  return disk.replace(file, kept);
}

Result<void> cut_events(Disk& disk, const fs::path& folder, std::uint64_t step) {
  TROUPE_ASSIGN(const auto names, disk.list(folder));
  for (const std::string& name : names) {
    if (!name.starts_with(kEventsPrefix)) continue;
    if (name.ends_with(".new")) {  // of a life that died as it cut one
      TROUPE_TRY(disk.remove_all(folder / name));
      continue;
    }
    TROUPE_ASSIGN(const std::string content, disk.read(folder / name, kMaxFile));
    const auto decoded = decode_events(content);
    // A damaged one is of no use to TensorBoard either; metrics.jsonl has its numbers.
    if (!decoded.ok()) {
      TROUPE_TRY(disk.remove_all(folder / name));
      continue;
    }
    std::string kept;
    std::size_t start = 0;
    for (std::size_t i = 0; i < decoded->events.size(); ++i) {
      const Event& event = decoded->events[i];
      if (event.step <= static_cast<std::int64_t>(step) || event.scalars.empty())
        kept += content.substr(start, decoded->ends[i] - start);
      start = decoded->ends[i];
    }
    if (kept.size() != content.size()) TROUPE_TRY(disk.replace(folder / name, kept));
  }
  return {};
}

}  // namespace

struct MetricsWriter::State {
  const Clock* clock;
  std::unique_ptr<DiskFile> lines;
  std::unique_ptr<DiskFile> events;
};

MetricsWriter::MetricsWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
MetricsWriter::MetricsWriter(MetricsWriter&&) noexcept = default;
MetricsWriter& MetricsWriter::operator=(MetricsWriter&&) noexcept = default;
MetricsWriter::~MetricsWriter() = default;

Result<MetricsWriter> MetricsWriter::open(Disk& disk, const Clock& clock, fs::path metrics_file,
                                          fs::path events_folder,
                                          std::optional<std::uint64_t> resume_step) {
  TROUPE_TRY(disk.make_lasting_directories(events_folder));
  if (resume_step) {
    TROUPE_TRY(cut_metrics(disk, metrics_file, *resume_step));
    TROUPE_TRY(cut_events(disk, events_folder, *resume_step));
  }
  auto state = std::make_unique<State>();
  state->clock = &clock;
  TROUPE_ASSIGN(state->lines, disk.append(metrics_file));
  fs::path name;
  for (unsigned number = 0; name.empty() || disk.exists(events_folder / name); ++number)
    name = event_file_name(clock.wall_seconds(), ::getpid(), number);
  TROUPE_ASSIGN(state->events, disk.create(events_folder / name));
  Event version;
  version.wall_seconds = clock.wall_seconds();
  version.file_version = "brain.Event:2";
  TROUPE_TRY(state->events->write(std::string_view(frame_record(encode_event(version)))));
  TROUPE_TRY(state->events->flush());
  TROUPE_TRY(disk.sync_directory(events_folder));
  const fs::path parent = metrics_file.parent_path();
  TROUPE_TRY(disk.sync_directory(parent.empty() ? fs::path(".") : parent));
  return MetricsWriter(std::move(state));
}

Result<void> MetricsWriter::write(std::uint64_t step, const Metrics& values) {
  const double wall = state_->clock->wall_seconds();
  json line{{"step", step}, {"wall_seconds", wall}};
  Event event;
  event.wall_seconds = wall;
  event.step = static_cast<std::int64_t>(step);
  for (const auto& [name, value] : values) {
    if (std::isfinite(value))
      line[name] = value;
    else
      line[name] = nullptr;
    event.scalars[name] = value;
  }
  const std::string text = line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  TROUPE_TRY(state_->lines->write(std::string_view(text)));
  TROUPE_TRY(state_->lines->flush());
  if (event.scalars.empty()) return {};
  TROUPE_TRY(state_->events->write(std::string_view(frame_record(encode_event(event)))));
  return state_->events->flush();
}

Result<void> MetricsWriter::sync() {
  TROUPE_TRY(state_->lines->sync());
  return state_->events->sync();
}

Result<std::vector<MetricsLine>> read_metrics(Disk& disk, const fs::path& file) {
  TROUPE_ASSIGN(const std::string content, disk.read(file, kMaxFile));
  std::vector<MetricsLine> lines;
  each_line(content, [&](Line line) {
    if (line.parsed) lines.push_back(std::move(*line.parsed));
  });
  return lines;
}

}  // namespace troupe::observe
