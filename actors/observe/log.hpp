#pragma once
// EventLog: what happened in a run, one JSON line per event in log.jsonl. An event of severity
// Error is what fails a run: the host asks first_error() and stops. Any thread may log (a mutex);
// a disk that refuses is remembered in write_error() and never stops the logging thread.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/base/clock.hpp"
#include "schemas/base/disk.hpp"
#include "schemas/base/result.hpp"

namespace troupe::observe {

enum class Severity : std::uint8_t { Debug, Info, Warning, Error };
/// "debug", "info", "warning", "error".
std::string_view name_of(Severity severity);

struct LogEvent {
  Severity severity = Severity::Info;
  std::string source;   // stage, engine or part: "generate", "ledger"
  std::string message;  // one sentence
  std::string help;     // what to do next; for Error never empty
  nlohmann::json fields = nlohmann::json::object();
  double wall_seconds = 0;  // filled in by the log
};

class EventLog {
 public:
  /// Events below `least` are dropped.
  static Result<EventLog> open(Disk& disk, const Clock& clock, std::filesystem::path file,
                               Severity least = Severity::Info);
  EventLog(EventLog&&) noexcept;
  EventLog& operator=(EventLog&&) noexcept;
  ~EventLog();

  void write(LogEvent event);
  void info(std::string_view source, std::string_view message);
  void warning(std::string_view source, std::string_view message, std::string_view help = {});
  void error(std::string_view source, const Error& error);

  std::optional<LogEvent> first_error() const;
  std::uint64_t count(Severity severity) const;
  /// The first refusal of the disk, if any.
  std::optional<Error> write_error() const;

 private:
  struct State;
  explicit EventLog(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Whole lines of a log file, in order; a torn last one is left out.
Result<std::vector<LogEvent>> read_log(Disk& disk, const std::filesystem::path& file);

}  // namespace troupe::observe
