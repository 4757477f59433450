#pragma once
// Sample log: one JSON line per sample that ended, in samples/samples-000001.jsonl and so on. A
// segment ends when it passes its size or the run is resumed, so a line torn by a crash is always
// the last one of a segment: readers skip it. A sample that is done again after a resume has
// several lines; the last one counts. One owner, one thread; buffers until flush(). What becomes
// of closed segments: sample_retention.hpp; who reads them: sample_segments.hpp, sample_query.hpp.
// Errors: DiskFull, Io; unwritten lines stay buffered, up to a bound, and are retried in a new
// segment.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/ledger/accounts.hpp"
#include "actors/ledger/sample_segments.hpp"
#include "schemas/base/disk.hpp"
#include "schemas/base/ids.hpp"
#include "schemas/base/result.hpp"

namespace troupe::ledger {

struct VerdictLine {
  std::string_view name;     // of the verifier stage
  std::string_view outcome;  // "scored", "unscorable", "timeout", "infra_error"
  double score = 0;          // only when scored
  std::string_view detail;
  std::vector<std::pair<std::string_view, Version>> asked;  // stages it called, their weights
  std::uint16_t attempts = 1;
};

struct RewardPartLine {
  std::string_view name;
  double score = 0, weight = 0;
};

/// Limits of the small texts of a line: names and outcomes 200 bytes, details and reasons 1 KiB.
/// Views into the caller's memory; nothing is kept. Bytes that are not UTF-8 are written as U+FFFD,
/// texts beyond SampleLogOptions::text_bytes are cut at a character and marked `"cut": true`,
/// numbers that are not finite are written as null.
struct SampleLine {
  SampleId id;
  std::uint64_t admission = 0;                     // number of its group
  std::optional<Version> admitted_at;              // the newest published weights then
  double admitted_seconds = 0, ended_seconds = 0;  // since 1970; 0: not known
  std::uint32_t incarnation = 0;
  std::string_view question;
  std::string_view answer;  // the gold answer; may be empty
  std::string_view extra;   // what the row brought along, a JSON object; may be empty
  std::string_view text;    // the completion
  std::vector<VerdictLine> verdicts;
  std::optional<double> reward;
  std::vector<RewardPartLine> parts;  // that the reward is the sum of
  std::optional<double> advantage;
  std::vector<std::pair<std::uint32_t, Version>> versions;  // first token, version
  std::string_view finish;                                  // "stop", "length", "abort"
  std::uint32_t tokens = 0;
  End end = End::Failed;
  std::string_view reason;
  std::uint32_t step = 0;  // that trained it; 0: none
};

struct SampleLogOptions {
  std::uint64_t segment_bytes = 64ull << 20;
  std::uint32_t text_bytes = 32u << 10;      // limit of question, answer, completion, each
  std::uint64_t buffer_bytes = 16ull << 20;  // unwritten lines held while the disk refuses
  std::string troupe_version;                // stated beside the format
};

class SampleLog {
 public:
  /// Starts a new segment in `folder` (made if absent) when the first line comes. Unsupported: the
  /// log there was written by a later program.
  static Result<SampleLog> open(Disk& disk, std::filesystem::path folder,
                                SampleLogOptions options = {});
  SampleLog(SampleLog&&) noexcept;
  SampleLog& operator=(SampleLog&&) noexcept;
  ~SampleLog();  // flushes, without a report of errors: call flush() first

  /// Buffers a line; writes when a mebibyte is waiting.
  Result<void> write(const SampleLine& line);
  Result<void> flush();
  Result<void> sync();
  /// Number of the segment that is being written, or will be next: earlier ones are closed.
  std::uint32_t open_segment() const;

 private:
  struct State;
  explicit SampleLog(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Every readable line in order of writing; `visit` returns false to end early. Works on a live
/// run. Lines longer than 4 MiB are counted as bad.
Result<SampleLogStats> read_sample_log(Disk& disk, const std::filesystem::path& folder,
                                       const std::function<bool(const nlohmann::json&)>& visit);

}  // namespace troupe::ledger
