#include "actors/ledger/sample_log.hpp"

#include <fmt/format.h>

#include <charconv>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "actors/ledger/json_text.hpp"
#include "schemas/base/crc32c.hpp"

namespace troupe::ledger {
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kNameBytes = 200;
constexpr std::size_t kDetailBytes = 1024;
constexpr std::size_t kWriteBytes = 1u << 20;    // buffered before a write
constexpr std::size_t kMaxLineBytes = 4u << 20;  // for readers: three texts, each byte escaped
constexpr std::string_view kPrefix = "samples-";
constexpr std::string_view kSuffix = ".jsonl";

std::optional<std::uint32_t> segment_number(std::string_view name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  name.remove_suffix(kSuffix.size());
  std::uint32_t number = 0;
  const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (code != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

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
    out += '}';
  }
  out += '}';
}

/// The last member of a line, over all bytes of the line before it.
constexpr std::string_view kChecksum = ",\"crc32c\":";

void append_checksum(std::string& out, std::size_t begin) {
  const std::uint32_t crc = crc32c(std::string_view(out).substr(begin));
  fmt::format_to(std::back_inserter(out), "{}{}}}\n", kChecksum, crc);
}

/// Whether the line (without its end) is as it was written. Lines without a checksum are older.
bool is_whole(std::string_view line) {
  const std::size_t at = line.rfind(kChecksum);
  if (at == std::string_view::npos || !line.ends_with('}')) return true;
  const std::string_view digits = line.substr(at + kChecksum.size());
  std::uint32_t stored = 0;
  const auto [end, code] =
      std::from_chars(digits.data(), digits.data() + digits.size() - 1, stored);
  if (code != std::errc() || end != digits.data() + digits.size() - 1) return false;
  return stored == crc32c(line.substr(0, at));
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
  number(out, "incarnation", line.incarnation);
  text(out, "end", key_of(line.end), kNameBytes);
  if (!line.reason.empty()) text(out, "reason", line.reason, kDetailBytes);
  if (line.step > 0) number(out, "step", line.step);
  real(out, "reward", line.reward);
  real(out, "advantage", line.advantage);
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
  std::string buffer;
  bool refused = false;  // by the disk, at the last try

  Result<void> flush() {
    if (buffer.empty()) return {};
    const Result<void> written = write_buffer();
    refused = !written.ok();
    // Part of the buffer may be in the file: whatever follows goes to a segment of its own, so
    // that a torn line stays the last one of its file.
    if (refused) close();
    return written;
  }
  void close() {
    file.reset();
    file_bytes = 0;
  }
  Result<void> write_buffer() {
    if (!file) {
      const fs::path path = folder / fmt::format("{}{:06}{}", kPrefix, next_segment, kSuffix);
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
  TROUPE_ASSIGN(const auto names, disk.list(folder));
  auto state = std::make_unique<State>();
  state->disk = &disk;
  state->folder = std::move(folder);
  state->options = options;
  for (const std::string& name : names)
    if (const auto number = segment_number(name))
      state->next_segment = std::max(state->next_segment, *number + 1);
  return SampleLog(std::move(state));
}

Result<void> SampleLog::write(const SampleLine& line) {
  State& state = *state_;
  if (state.buffer.size() >= state.options.buffer_bytes) TROUPE_TRY(state.flush());
  append_line(state.buffer, line, state.options.text_bytes);
  // After a refusal only flush() and a full buffer ask the disk again.
  if (state.buffer.size() >= kWriteBytes && !state.refused) TROUPE_TRY(state.flush());
  if (state.file_bytes + state.buffer.size() >= state.options.segment_bytes && !state.refused) {
    TROUPE_TRY(state.flush());
    TROUPE_TRY(state.file->sync());
    state.close();
  }
  return {};
}

Result<void> SampleLog::flush() { return state_->flush(); }

Result<void> SampleLog::sync() {
  TROUPE_TRY(state_->flush());
  if (!state_->file) return {};
  TROUPE_TRY(state_->file->sync());
  return state_->disk->sync_directory(state_->folder);
}

Result<SampleLogStats> read_sample_log(Disk& disk, const fs::path& folder,
                                       const std::function<bool(const nlohmann::json&)>& visit) {
  SampleLogStats stats;
  TROUPE_ASSIGN(const auto names, disk.list(folder));
  std::map<std::uint32_t, std::string> segments;  // numbers beyond six digits sort too
  for (const std::string& name : names)
    if (const auto number = segment_number(name)) segments[*number] = name;
  bool more = true;
  for (const auto& [number, name] : segments) {
    if (!more) break;
    std::string line;
    bool too_long = false;
    const auto end_line = [&] {
      nlohmann::json data = too_long
                                ? nlohmann::json(nlohmann::json::value_t::discarded)
                                : nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
      if (data.is_object() && is_whole(line)) {
        ++stats.lines;
        data.erase("crc32c");  // of the line, not of the sample
        more = visit(data);
      } else {
        ++stats.bad;
      }
      line.clear();
      too_long = false;
    };
    TROUPE_TRY(disk.scan(folder / name, [&](std::span<const std::byte> bytes) {
      std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      while (more && !rest.empty()) {
        const std::size_t end = rest.find('\n');
        const std::string_view piece = rest.substr(0, end);
        too_long |= line.size() + piece.size() > kMaxLineBytes;
        if (!too_long) line += piece;
        if (end == std::string_view::npos) return;
        rest.remove_prefix(end + 1);
        end_line();
      }
    }));
    if (more && (!line.empty() || too_long)) ++stats.torn;
  }
  return stats;
}

}  // namespace troupe::ledger
