#pragma once
// The segments of a sample log, as whoever reads or keeps them sees them: samples-000001.jsonl is
// open or was left by a crash; samples-000001.jsonl.gz is closed and compressed, and wins when both
// are there (a crash between the two); samples-000001.json says what is in a closed one, so that
// queries may skip it. format.json states the format. Reads in pieces of bounded size, beside a
// writer and beside retention (sample_retention.hpp). Any thread.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "schemas/base/disk.hpp"
#include "schemas/base/result.hpp"

namespace troupe::ledger {

inline constexpr std::size_t kMaxSampleLine = 4u << 20;  // three texts, each byte escaped

/// What a closed segment holds.
struct SegmentSummary {
  std::uint64_t lines = 0;
  std::uint64_t bytes = 0;                      // of its lines
  std::uint64_t kept_bytes = 0;                 // of its file
  std::uint32_t incarnation = 0;                // one life of the run writes one segment
  std::uint32_t first_step = 0, last_step = 0;  // that trained its samples; 0: none was
  std::uint32_t newest_step = 0;  // of training or, where there was none, of the weights
};

struct Segment {
  bool plain = false, packed = false;  // which of its files are there
  std::optional<SegmentSummary> summary;
};

struct SampleLogStats {
  std::uint64_t lines = 0;
  std::uint64_t torn = 0;   // cut off by a crash: last line of a segment
  std::uint64_t bad = 0;    // damaged in another way
  std::uint64_t bytes = 0;  // read, uncompressed
};

std::filesystem::path segment_file(const std::filesystem::path& folder, std::uint32_t number);
std::filesystem::path packed_file(const std::filesystem::path& folder, std::uint32_t number);
std::filesystem::path summary_file(const std::filesystem::path& folder, std::uint32_t number);

/// By number, ascending. Unsupported: the log was written by a later program.
Result<std::map<std::uint32_t, Segment>> list_segments(Disk& disk,
                                                       const std::filesystem::path& folder);
/// States the format of a log that is written to. Unsupported as above.
Result<void> state_format(Disk& disk, const std::filesystem::path& folder,
                          std::string_view troupe_version);

/// Every whole line of a segment, without its end, in order; `visit` returns false to end early.
/// A segment that retention removed meanwhile has none. Lines that are damaged or over
/// kMaxSampleLine are counted and left out.
Result<void> each_line(Disk& disk, const std::filesystem::path& folder, std::uint32_t number,
                       const Segment& segment, SampleLogStats& stats,
                       const std::function<bool(std::string_view)>& visit);

/// The line without its checksum, which belongs to the line and not to the sample.
std::string without_checksum(std::string_view line);
bool has_checksum(std::string_view line);
/// Ends the object that begins at `begin` and has no '}' yet, and the line.
void append_checksum(std::string& out, std::size_t begin);

}  // namespace troupe::ledger
