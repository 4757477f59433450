#include "actors/observe/log.hpp"

#include <array>
#include <mutex>

namespace troupe::observe {
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr std::uint64_t kMaxFile = 1ull << 30;
constexpr std::array kSeverities{Severity::Debug, Severity::Info, Severity::Warning,
                                 Severity::Error};

std::string to_line(const LogEvent& event) {
  json data{{"wall_seconds", event.wall_seconds},
            {"severity", name_of(event.severity)},
            {"source", event.source},
            {"message", event.message}};
  if (!event.help.empty()) data["help"] = event.help;
  if (!event.fields.empty()) data["fields"] = event.fields;
  return data.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

std::optional<LogEvent> from_line(std::string_view line) {
  const json data = json::parse(line, nullptr, false);
  if (!data.is_object()) return std::nullopt;
  try {
    LogEvent event;
    const std::string severity = data.at("severity").get<std::string>();
    for (Severity candidate : kSeverities)
      if (name_of(candidate) == severity) event.severity = candidate;
    event.source = data.at("source").get<std::string>();
    event.message = data.at("message").get<std::string>();
    event.help = data.value("help", "");
    event.wall_seconds = data.value("wall_seconds", 0.0);
    event.fields = data.value("fields", json::object());
    return event;
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

}  // namespace

std::string_view name_of(Severity severity) {
  switch (severity) {
    case Severity::Debug: return "debug";
    case Severity::Info: return "info";
    case Severity::Warning: return "warning";
    case Severity::Error: return "error";
  }
  return "unknown";
}

struct EventLog::State {
  const Clock* clock;
  Severity least;
  mutable std::mutex mutex;  // guards everything below
  std::unique_ptr<DiskFile> file;
  std::optional<LogEvent> first_error;
  std::array<std::uint64_t, kSeverities.size()> counts{};
  std::optional<Error> write_error;
};

EventLog::EventLog(std::unique_ptr<State> state) : state_(std::move(state)) {}
EventLog::EventLog(EventLog&&) noexcept = default;
EventLog& EventLog::operator=(EventLog&&) noexcept = default;
EventLog::~EventLog() = default;

Result<EventLog> EventLog::open(Disk& disk, const Clock& clock, fs::path file, Severity least) {
  auto state = std::make_unique<State>();
  state->clock = &clock;
  state->least = least;
  // A line that a crash tore would swallow the next one.
  bool torn = false;
  if (disk.exists(file)) {
    char last = '\n';
    TROUPE_TRY(disk.scan(file, [&](std::span<const std::byte> bytes) {
      if (!bytes.empty()) last = static_cast<char>(bytes.back());
    }));
    torn = last != '\n';
  }
  TROUPE_ASSIGN(state->file, disk.append(file));
  if (torn) TROUPE_TRY(state->file->write(std::string_view("\n")));
  return EventLog(std::move(state));
}

void EventLog::write(LogEvent event) {
  if (event.severity < state_->least) return;
  event.wall_seconds = state_->clock->wall_seconds();
  const std::string line = to_line(event);
  const std::lock_guard lock(state_->mutex);
  ++state_->counts[static_cast<std::size_t>(event.severity)];
  Result<void> written = state_->file->write(std::string_view(line));
  if (written.ok()) written = state_->file->flush();
  if (!written.ok() && !state_->write_error) state_->write_error = written.error();
  if (event.severity == Severity::Error && !state_->first_error)
    state_->first_error = std::move(event);
}

void EventLog::info(std::string_view source, std::string_view message) {
  write({Severity::Info, std::string(source), std::string(message), "", json::object()});
}
void EventLog::warning(std::string_view source, std::string_view message, std::string_view help) {
  write({Severity::Warning, std::string(source), std::string(message), std::string(help),
         json::object()});
}
void EventLog::error(std::string_view source, const Error& error) {
  const std::string help =
      error.help.empty() ? "See log.jsonl in the run directory for what came before" : error.help;
  write({Severity::Error, std::string(source), error.message, help,
         json{{"code", troupe::name_of(error.code)}}});
}

std::optional<LogEvent> EventLog::first_error() const {
  const std::lock_guard lock(state_->mutex);
  return state_->first_error;
}
std::uint64_t EventLog::count(Severity severity) const {
  const std::lock_guard lock(state_->mutex);
  return state_->counts[static_cast<std::size_t>(severity)];
}
std::optional<Error> EventLog::write_error() const {
  const std::lock_guard lock(state_->mutex);
  return state_->write_error;
}

Result<std::vector<LogEvent>> read_log(Disk& disk, const fs::path& file) {
  TROUPE_ASSIGN(const std::string content, disk.read(file, kMaxFile));
  std::vector<LogEvent> events;
  std::string_view rest = content;
  for (std::size_t end; (end = rest.find('\n')) != std::string_view::npos;
       rest.remove_prefix(end + 1))
    if (auto event = from_line(rest.substr(0, end))) events.push_back(std::move(*event));
  return events;
}

}  // namespace troupe::observe
