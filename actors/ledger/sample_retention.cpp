#include "actors/ledger/sample_retention.hpp"

#include <zlib.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "actors/ledger/formats.hpp"
#include "actors/ledger/json_line.hpp"
#include "actors/ledger/sample_segments.hpp"

namespace troupe::ledger {
namespace fs = std::filesystem;

namespace {

// Of zlib: 80 MB/s here and a sixth of the size; the default takes three times as long for a tenth
// less.
constexpr int kLevel = 3;
constexpr std::size_t kPiece = 256u << 10;

/// Writes a gzip file piece by piece; the first error of the disk stays.
class Packer {
 public:
  explicit Packer(DiskFile& file) : file_(file) {
    ready_ = deflateInit2(&stream_, kLevel, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK;
  }
  ~Packer() { deflateEnd(&stream_); }
  Packer(const Packer&) = delete;
  Packer& operator=(const Packer&) = delete;

  Result<void> add(std::string_view text) { return run(text, Z_NO_FLUSH); }
  Result<void> finish() { return run({}, Z_FINISH); }
  std::uint64_t bytes() const { return bytes_; }

 private:
  Result<void> run(std::string_view text, int flush) {
    if (!ready_) return Error{ErrorCode::Internal, "zlib could not begin to compress", ""};
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream_.avail_in = static_cast<uInt>(text.size());
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(out_.data());
      stream_.avail_out = static_cast<uInt>(out_.size());
      deflate(&stream_, flush);
      const std::size_t made = out_.size() - stream_.avail_out;
      bytes_ += made;
      if (made > 0) TROUPE_TRY(file_.write(std::string_view(out_.data(), made)));
    } while (stream_.avail_out == 0);
    return {};
  }
  DiskFile& file_;
  z_stream stream_{};
  bool ready_ = false;
  std::uint64_t bytes_ = 0;
  std::vector<char> out_ = std::vector<char>(kPiece);
};

/// The newest step of the weights that wrote the sample: versions are [first token, life, step].
std::uint32_t weights_step(const JsonLine& line) {
  const auto versions = line.raw("versions");
  if (!versions) return 0;
  const auto list = nlohmann::json::parse(*versions, nullptr, false);
  if (!list.is_array() || list.empty() || !list.back().is_array() || list.back().size() != 3 ||
      !list.back()[2].is_number_unsigned())
    return 0;
  return list.back()[2].get<std::uint32_t>();
}

void count(SegmentSummary& summary, std::string_view text) {
  ++summary.lines;
  summary.bytes += text.size() + 1;
  const auto line = JsonLine::scan(text);
  if (!line) return;
  summary.incarnation = static_cast<std::uint32_t>(line->integer("incarnation").value_or(0));
  const auto step = static_cast<std::uint32_t>(line->integer("step").value_or(0));
  if (step > 0) {
    summary.first_step = summary.first_step == 0 ? step : std::min(summary.first_step, step);
    summary.last_step = std::max(summary.last_step, step);
  }
  summary.newest_step = std::max(summary.newest_step, step > 0 ? step : weights_step(*line));
}

std::string to_text(const SegmentSummary& summary) {
  const nlohmann::json data{{"format", kSampleLogFormat},
                            {"lines", summary.lines},
                            {"bytes", summary.bytes},
                            {"kept_bytes", summary.kept_bytes},
                            {"incarnation", summary.incarnation},
                            {"first_step", summary.first_step},
                            {"last_step", summary.last_step},
                            {"newest_step", summary.newest_step}};
  return data.dump() + "\n";
}

Result<SegmentSummary> pack(Disk& disk, const fs::path& folder, std::uint32_t number,
                            const Segment& segment, RetentionReport& report) {
  const fs::path packed = packed_file(folder, number);
  fs::path aside = packed;
  aside += ".new";
  SegmentSummary summary;
  SampleLogStats stats;
  {
    TROUPE_ASSIGN(auto file, disk.create(aside));
    Packer packer(*file);
    Result<void> written;
    std::string batch;  // zlib is called for many lines at once
    TROUPE_TRY(each_line(disk, folder, number, segment, stats, [&](std::string_view line) {
      count(summary, line);
      if (has_checksum(line)) {
        batch += line;
        batch += '\n';
      } else {
        const std::size_t begin = batch.size();
        batch += line.substr(0, line.size() - 1);
        append_checksum(batch, begin);
      }
      if (batch.size() < kPiece) return true;
      written = packer.add(batch);
      batch.clear();
      return written.ok();
    }));
    TROUPE_TRY(written);
    TROUPE_TRY(packer.add(batch));
    TROUPE_TRY(packer.finish());
    TROUPE_TRY(file->sync());
    summary.kept_bytes = packer.bytes();
  }
  TROUPE_TRY(disk.replace(summary_file(folder, number), to_text(summary)));
  TROUPE_TRY(disk.rename(aside, packed));
  TROUPE_TRY(disk.sync_directory(folder));
  TROUPE_TRY(disk.remove_all(segment_file(folder, number)));
  ++report.compressed;
  report.bytes_before += summary.bytes;
  report.bytes_after += summary.kept_bytes;
  report.damaged_lines += stats.bad;
  return summary;
}

}  // namespace

Result<RetentionReport> retain_samples(Disk& disk, const fs::path& folder,
                                       const RetentionRules& rules, std::uint32_t first_open) {
  RetentionReport report;
  TROUPE_ASSIGN(auto segments, list_segments(disk, folder));
  std::erase_if(segments, [&](const auto& item) { return item.first >= first_open; });
  std::uint64_t total = 0;
  std::uint32_t newest = 0;
  for (auto& [number, segment] : segments) {
    if (segment.packed && segment.plain)  // died between the two
      TROUPE_TRY(disk.remove_all(segment_file(folder, number)));
    if (!segment.packed) {
      TROUPE_ASSIGN(segment.summary, pack(disk, folder, number, segment, report));
    } else if (!segment.summary) {
      // Its summary is lost: make it again from the lines.
      SegmentSummary summary;
      SampleLogStats stats;
      TROUPE_TRY(each_line(disk, folder, number, segment, stats, [&](std::string_view line) {
        count(summary, line);
        return true;
      }));
      summary.kept_bytes = summary.bytes / 6;  // as a rule; only the bound in bytes needs it
      TROUPE_TRY(disk.replace(summary_file(folder, number), to_text(summary)));
      segment.summary = summary;
    }
    total += segment.summary->kept_bytes;
    newest = std::max(newest, segment.summary->newest_step);
  }
  for (const auto& [number, segment] : segments) {
    const SegmentSummary& summary = *segment.summary;
    const bool too_many = rules.bytes && total > *rules.bytes;
    const bool too_old = rules.steps && summary.newest_step + *rules.steps <= newest;
    if (!too_many && !too_old) break;  // in the order of writing: what follows is newer
    // A segment without its summary is still one; a summary without its segment would stay for
    // ever.
    TROUPE_TRY(disk.remove_all(summary_file(folder, number)));
    TROUPE_TRY(disk.remove_all(packed_file(folder, number)));
    total -= summary.kept_bytes;
    ++report.removed;
  }
  if (report.removed > 0) TROUPE_TRY(disk.sync_directory(folder));
  return report;
}

}  // namespace troupe::ledger
