#include "actors/ledger/sample_segments.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <charconv>
#include <iterator>
#include <nlohmann/json.hpp>

#include "actors/ledger/formats.hpp"
#include "schemas/base/crc32c.hpp"

namespace troupe::ledger {
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr std::string_view kPrefix = "samples-";
constexpr std::string_view kPlain = ".jsonl", kPacked = ".jsonl.gz", kSummary = ".json";
constexpr std::uint64_t kSmallFile = 1u << 20;
constexpr std::size_t kPiece = 256u << 10;  // uncompressed at a time
/// The last member of a line, over all bytes of the line before it.
constexpr std::string_view kChecksum = ",\"crc32c\":";

std::string name_of(std::uint32_t number, std::string_view suffix) {
  return fmt::format("{}{:06}{}", kPrefix, number, suffix);
}

std::optional<std::uint32_t> number_of(std::string_view name, std::string_view suffix) {
  if (!name.starts_with(kPrefix) || !name.ends_with(suffix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  name.remove_suffix(suffix.size());
  std::uint32_t number = 0;
  const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (code != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

/// Nothing for a summary that is damaged: the segment is then read as if it had none.
std::optional<SegmentSummary> read_summary(Disk& disk, const fs::path& file) {
  const auto text = disk.read(file, kSmallFile);
  if (!text.ok()) return std::nullopt;
  const json data = json::parse(*text, nullptr, false);
  if (!data.is_object()) return std::nullopt;
  const auto number = [&](const char* key) {
    const auto found = data.find(key);
    return found != data.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
  };
  if (number("format") != kSampleLogFormat) return std::nullopt;
  SegmentSummary summary;
  summary.lines = number("lines");
  summary.bytes = number("bytes");
  summary.kept_bytes = number("kept_bytes");
  summary.incarnation = static_cast<std::uint32_t>(number("incarnation"));
  summary.first_step = static_cast<std::uint32_t>(number("first_step"));
  summary.last_step = static_cast<std::uint32_t>(number("last_step"));
  summary.newest_step = static_cast<std::uint32_t>(number("newest_step"));
  return summary;
}

/// Whether the line (without its end) is as it was written. Plain lines without a checksum are
/// older; what is compressed always has one, for damage there spreads to its very name.
bool is_whole(std::string_view line, bool packed) {
  if (line.empty() || line.front() != '{' || line.back() != '}') return false;
  const std::size_t at = line.rfind(kChecksum);
  if (at == std::string_view::npos) return !packed;
  const std::string_view digits = line.substr(at + kChecksum.size());
  std::uint32_t stored = 0;
  const auto [end, code] =
      std::from_chars(digits.data(), digits.data() + digits.size() - 1, stored);
  if (code != std::errc() || end != digits.data() + digits.size() - 1) return false;
  return stored == crc32c(line.substr(0, at));
}

/// Cuts pieces of a file into lines.
class Lines {
 public:
  Lines(SampleLogStats& stats, const std::function<bool(std::string_view)>& visit)
      : stats_(stats), visit_(visit) {}
  void set_packed() { packed_ = true; }

  bool more() const { return more_; }
  void add(std::string_view piece) {
    stats_.bytes += piece.size();
    while (more_ && !piece.empty()) {
      const std::size_t end = piece.find('\n');
      const std::string_view part = piece.substr(0, end);
      // Most lines lie whole in one piece and need no copy.
      if (end != std::string_view::npos && line_.empty() && !too_long_) {
        take(part, part.size() > kMaxSampleLine);
        piece.remove_prefix(end + 1);
        continue;
      }
      too_long_ |= line_.size() + part.size() > kMaxSampleLine;
      if (!too_long_) line_ += part;
      if (end == std::string_view::npos) return;
      piece.remove_prefix(end + 1);
      take(line_, too_long_);
      line_.clear();
      too_long_ = false;
    }
  }
  void end() {
    if (more_ && (!line_.empty() || too_long_)) ++stats_.torn;
  }

 private:
  void take(std::string_view line, bool too_long) {
    if (too_long || !is_whole(line, packed_)) {
      ++stats_.bad;
      return;
    }
    ++stats_.lines;
    more_ = visit_(line);
  }
  SampleLogStats& stats_;
  const std::function<bool(std::string_view)>& visit_;
  std::string line_;
  bool packed_ = false, too_long_ = false, more_ = true;
};

/// Unpacks a gzip file piece by piece.
class Unpacker {
 public:
  Unpacker() { ready_ = inflateInit2(&stream_, 15 + 16) == Z_OK; }
  ~Unpacker() { inflateEnd(&stream_); }
  Unpacker(const Unpacker&) = delete;
  Unpacker& operator=(const Unpacker&) = delete;

  void add(std::span<const std::byte> bytes, Lines& lines) {
    // zlib's interface is older than const.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    while (ready_ && !ended_ && lines.more()) {
      stream_.next_out = reinterpret_cast<Bytef*>(out_.data());
      stream_.avail_out = static_cast<uInt>(out_.size());
      const int code = inflate(&stream_, Z_NO_FLUSH);
      lines.add({out_.data(), out_.size() - stream_.avail_out});
      ended_ = code == Z_STREAM_END;
      if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) ready_ = false;
      if (stream_.avail_out > 0) break;
    }
  }
  /// Whether everything up to the end of the file was good.
  bool whole() const { return ready_ && ended_; }

 private:
  z_stream stream_{};
  bool ready_ = false, ended_ = false;
  std::vector<char> out_ = std::vector<char>(kPiece);
};

Result<std::optional<std::pair<std::uint64_t, std::string>>> read_format(Disk& disk,
                                                                         const fs::path& folder) {
  using Stated = std::optional<std::pair<std::uint64_t, std::string>>;
  const fs::path file = folder / "format.json";
  if (!disk.exists(file)) return Stated();
  TROUPE_ASSIGN(const std::string text, disk.read(file, kSmallFile));
  const json data = json::parse(text, nullptr, false);
  if (!data.is_object() || !data.contains("format") || !data["format"].is_number_unsigned())
    return Error{ErrorCode::Corrupt, fmt::format("'{}' is damaged", file.string()),
                 "Remove that file: the log is then read as one of format 1"};
  const auto version = data.find("troupe_version");
  return Stated({data["format"].get<std::uint64_t>(),
                 version != data.end() && version->is_string() ? version->get<std::string>() : ""});
}

}  // namespace

fs::path segment_file(const fs::path& folder, std::uint32_t number) {
  return folder / name_of(number, kPlain);
}
fs::path packed_file(const fs::path& folder, std::uint32_t number) {
  return folder / name_of(number, kPacked);
}
fs::path summary_file(const fs::path& folder, std::uint32_t number) {
  return folder / name_of(number, kSummary);
}

Result<std::map<std::uint32_t, Segment>> list_segments(Disk& disk, const fs::path& folder) {
  TROUPE_ASSIGN(const auto stated, read_format(disk, folder));
  if (stated && stated->first > kSampleLogFormat)
    return later_format("the sample log", stated->first, kSampleLogFormat, stated->second);
  TROUPE_ASSIGN(const auto names, disk.list(folder));
  std::map<std::uint32_t, Segment> segments;
  for (const std::string& name : names) {
    if (const auto plain = number_of(name, kPlain)) segments[*plain].plain = true;
    if (const auto packed = number_of(name, kPacked)) segments[*packed].packed = true;
  }
  for (auto& [number, segment] : segments)
    if (segment.packed) segment.summary = read_summary(disk, summary_file(folder, number));
  return segments;
}

Result<void> state_format(Disk& disk, const fs::path& folder, std::string_view troupe_version) {
  TROUPE_ASSIGN(const auto stated, read_format(disk, folder));
  if (stated && stated->first > kSampleLogFormat)
    return later_format("the sample log", stated->first, kSampleLogFormat, stated->second);
  if (stated && stated->first == kSampleLogFormat && stated->second == troupe_version) return {};
  const json data{{"format", kSampleLogFormat}, {"troupe_version", troupe_version}};
  return disk.replace(folder / "format.json", data.dump() + "\n");
}

Result<void> each_line(Disk& disk, const fs::path& folder, std::uint32_t number,
                       const Segment& segment, SampleLogStats& stats,
                       const std::function<bool(std::string_view)>& visit) {
  Lines lines(stats, visit);
  if (!segment.packed) {
    const auto scanned = disk.scan(segment_file(folder, number), [&](auto bytes) {
      lines.add({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    });
    if (scanned.ok()) return lines.end(), Result<void>();
    // Compressed, or removed, since it was listed.
    if (scanned.error().code != ErrorCode::NotFound) return scanned;
    if (!disk.exists(packed_file(folder, number))) return {};
  }
  Unpacker unpacker;
  lines.set_packed();
  const auto scanned =
      disk.scan(packed_file(folder, number), [&](auto bytes) { unpacker.add(bytes, lines); });
  if (!scanned.ok()) return scanned.error().code == ErrorCode::NotFound ? Result<void>() : scanned;
  if (lines.more() && !unpacker.whole()) ++stats.bad;
  lines.end();
  return {};
}

std::string without_checksum(std::string_view line) {
  const std::size_t at = line.rfind(kChecksum);
  if (at == std::string_view::npos) return std::string(line);
  return std::string(line.substr(0, at)) + "}";
}

bool has_checksum(std::string_view line) { return line.rfind(kChecksum) != std::string_view::npos; }

void append_checksum(std::string& out, std::size_t begin) {
  const std::uint32_t crc = crc32c(std::string_view(out).substr(begin));
  fmt::format_to(std::back_inserter(out), "{}{}}}\n", kChecksum, crc);
}

}  // namespace troupe::ledger
