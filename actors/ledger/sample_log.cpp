#include "actors/ledger/sample_log.hpp"

#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>

#include "actors/ledger/json_text.hpp"

namespace troupe::ledger {
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kNameBytes = 200;
constexpr std::size_t kDetailBytes = 1024;
constexpr std::size_t kWriteBytes = 1u << 20;  // buffered before a write

void key(std::string& out, std::string_view name) {
  out += out.back() == '{' ? "\"" : ",\"";
  out += name;
  out += "\":";
}
void number(std::string& out, std::string_view name, std::uint64_t value) {
  key(out, name);
  fmt::format_to(std::back_inserter(out), "{}", value);
}
void real(std::string& out, std::string_view name, const std::optional<double>& value) {
  if (!value) return;
  key(out, name);
  append_json_number(out, *value);
}
bool text(std::string& out, std::string_view name, std::string_view value, std::size_t limit) {
  key(out, name);
  return append_json_string(out, value, limit);
}

void append_asked(std::string& out,
                  const std::vector<std::pair<std::string_view, Version>>& asked) {
  key(out, "asked");
  out += '{';
  for (const auto& [stage, version] : asked) {
    if (out.back() != '{') out += ',';
    append_json_string(out, stage, kNameBytes);
    out += ':';
    append_json_string(out, to_string(version), kNameBytes);
  }
  out += '}';
}

void append_verdicts(std::string& out, const std::vector<VerdictLine>& verdicts) {
  key(out, "verdicts");
  out += '{';
  for (const VerdictLine& verdict : verdicts) {
    if (out.back() != '{') out += ',';
    append_json_string(out, verdict.name, kNameBytes);
    out += ":{";
    text(out, "outcome", verdict.outcome, kNameBytes);
    if (verdict.outcome == "scored") real(out, "score", verdict.score);
    if (!verdict.detail.empty()) text(out, "detail", verdict.detail, kDetailBytes);
    if (!verdict.asked.empty()) append_asked(out, verdict.asked);
    if (verdict.attempts > 1) number(out, "attempts", verdict.attempts);
    out += '}';
  }
  out += '}';
}

void append_parts(std::string& out, const std::vector<RewardPartLine>& parts) {
  if (parts.empty()) return;
  key(out, "parts");
  out += '{';
  for (const RewardPartLine& part : parts) {
    if (out.back() != '{') out += ',';
    append_json_string(out, part.name, kNameBytes);
    out += ":{";
    real(out, "score", part.score);
    real(out, "weight", part.weight);
    out += '}';
  }
  out += '}';
}

void seconds(std::string& out, std::string_view name, double value) {
  if (value <= 0) return;
  key(out, name);
  fmt::format_to(std::back_inserter(out), "{:.3f}", value);
}

void append_line(std::string& out, const SampleLine& line, std::size_t text_bytes) {
  const std::size_t begin = out.size();
  out += '{';
  text(out, "id", to_string(line.id), kNameBytes);
  text(out, "group", to_string(line.id.prompt), kNameBytes);
  number(out, "dataset", line.id.prompt.dataset);
  number(out, "epoch", line.id.prompt.epoch);
  number(out, "row", line.id.prompt.row);
  number(out, "sibling", line.id.sibling);
  number(out, "attempt", line.id.attempt);
  number(out, "admission", line.admission);
  if (line.admitted_at) number(out, "admitted_at", line.admitted_at->step);
  seconds(out, "admitted_seconds", line.admitted_seconds);
  seconds(out, "ended_seconds", line.ended_seconds);
  number(out, "incarnation", line.incarnation);
  text(out, "end", key_of(line.end), kNameBytes);
  if (!line.reason.empty()) text(out, "reason", line.reason, kDetailBytes);
  if (line.step > 0) number(out, "step", line.step);
  real(out, "reward", line.reward);
  real(out, "advantage", line.advantage);
  append_parts(out, line.parts);
  append_verdicts(out, line.verdicts);
  text(out, "finish", line.finish, kNameBytes);
  number(out, "tokens", line.tokens);
  key(out, "versions");
  out += '[';
  for (const auto& [first, version] : line.versions)
    fmt::format_to(std::back_inserter(out), "{}[{},{},{}]", out.back() == '[' ? "" : ",", first,
                   version.incarnation, version.step);
  out += ']';
  bool cut = text(out, "question", line.question, text_bytes);
  if (!line.answer.empty()) cut |= text(out, "answer", line.answer, text_bytes);
  const bool fits = !line.extra.empty() && line.extra.size() <= text_bytes;
  if (fits && nlohmann::json::accept(line.extra)) {
    key(out, "extra");
    out += line.extra;
  }
  cut |= text(out, "text", line.text, text_bytes);
  if (cut) out += ",\"cut\":true";
  append_checksum(out, begin);
}

}  // namespace

struct SampleLog::State {
  Disk* disk;
  fs::path folder;
  SampleLogOptions options;
  std::uint32_t next_segment = 1;
  std::unique_ptr<DiskFile> file;  // nothing: the next write starts a segment
  std::uint64_t file_bytes = 0;    // of `file`
  std::vector<fs::path> unsynced;  // segments that were left: by a life that died, or refused
  fs::path path;                   // of `file`
  std::string buffer;
  bool refused = false;  // by the disk, at the last try

  Result<void> flush() {
    if (buffer.empty()) return {};
    const Result<void> written = write_buffer();
    refused = !written.ok();
    // Part of the buffer may be in the file: whatever follows goes to a segment of its own, so
    // that a torn line stays the last one of its file.
    if (refused && file) {
      unsynced.push_back(path);
      close();
    }
    return written;
  }
  void close() {
    file.reset();
    file_bytes = 0;
  }
  Result<void> sync() {
    TROUPE_TRY(flush());
    if (!file && unsynced.empty()) return {};
    while (!unsynced.empty()) {
      // One that was compressed meanwhile is on the disk already.
      if (disk->exists(unsynced.back())) TROUPE_TRY(disk->sync_file(unsynced.back()));
      unsynced.pop_back();
    }
    if (file) TROUPE_TRY(file->sync());
    return disk->sync_directory(folder);
  }
  Result<void> write_buffer() {
    if (!file) {
      path = segment_file(folder, next_segment);
      TROUPE_ASSIGN(file, disk->create(path));
      ++next_segment;
    }
    TROUPE_TRY(file->write(std::string_view(buffer)));
    TROUPE_TRY(file->flush());
    file_bytes += buffer.size();
    buffer.clear();
    return {};
  }
};

SampleLog::SampleLog(std::unique_ptr<State> state) : state_(std::move(state)) {}
SampleLog::SampleLog(SampleLog&&) noexcept = default;
SampleLog& SampleLog::operator=(SampleLog&&) noexcept = default;
SampleLog::~SampleLog() {
  if (state_) (void)state_->flush();
}

Result<SampleLog> SampleLog::open(Disk& disk, fs::path folder, SampleLogOptions options) {
  TROUPE_TRY(disk.make_lasting_directories(folder));
  TROUPE_TRY(state_format(disk, folder, options.troupe_version));
  TROUPE_ASSIGN(const auto segments, list_segments(disk, folder));
  auto state = std::make_unique<State>();
  state->disk = &disk;
  state->folder = std::move(folder);
  state->options = std::move(options);
  if (!segments.empty()) {
    state->next_segment = segments.rbegin()->first + 1;
    // What the life before wrote last counts as recorded, but may not be on stable storage.
    state->unsynced.push_back(segment_file(state->folder, segments.rbegin()->first));
  }
  return SampleLog(std::move(state));
}

Result<void> SampleLog::write(const SampleLine& line) {
  State& state = *state_;
  if (state.buffer.size() >= state.options.buffer_bytes) TROUPE_TRY(state.flush());
  append_line(state.buffer, line, state.options.text_bytes);
  // After a refusal only flush() and a full buffer ask the disk again.
  if (state.buffer.size() >= kWriteBytes && !state.refused) TROUPE_TRY(state.flush());
  if (state.file_bytes + state.buffer.size() >= state.options.segment_bytes && !state.refused) {
    TROUPE_TRY(state.sync());
    state.close();
  }
  return {};
}

Result<void> SampleLog::flush() { return state_->flush(); }

Result<void> SampleLog::sync() { return state_->sync(); }

std::uint32_t SampleLog::open_segment() const {
  return state_->file ? state_->next_segment - 1 : state_->next_segment;
}

Result<SampleLogStats> read_sample_log(Disk& disk, const fs::path& folder,
                                       const std::function<bool(const nlohmann::json&)>& visit) {
  SampleLogStats stats;
  TROUPE_ASSIGN(const auto segments, list_segments(disk, folder));
  bool more = true;
  for (const auto& [number, segment] : segments) {
    if (!more) break;
    TROUPE_TRY(each_line(disk, folder, number, segment, stats, [&](std::string_view line) {
      nlohmann::json data = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
      if (!data.is_object()) {
        --stats.lines, ++stats.bad;
        return true;
      }
      data.erase("crc32c");  // of the line, not of the sample
      return more = visit(data);
    }));
  }
  return stats;
}

}  // namespace troupe::ledger
