#pragma once
// MetricsWriter: the numbers of every step, as a line of metrics.jsonl and as scalars in a
// TensorBoard event file (event_file.hpp). One owner, one thread; every write reaches the
// operating system before it returns. Errors: DiskFull, Io; the line is then not in the file or
// torn, and a resume cuts it off.
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/base/clock.hpp"
#include "schemas/base/disk.hpp"
#include "schemas/base/result.hpp"

namespace troupe::observe {

using Metrics = std::map<std::string, double>;

struct MetricsLine {
  std::uint64_t step = 0;
  double wall_seconds = 0;
  Metrics values;  // null in the file (not finite when written) reads as NaN
};

class MetricsWriter {
 public:
  /// `metrics_file` is appended to, a new event file is made in `events_folder`. With
  /// `resume_step`, lines and events of later steps, and torn ends, are removed first: they belong
  /// to steps that are done again.
  static Result<MetricsWriter> open(Disk& disk, const Clock& clock,
                                    std::filesystem::path metrics_file,
                                    std::filesystem::path events_folder,
                                    std::optional<std::uint64_t> resume_step = std::nullopt);
  MetricsWriter(MetricsWriter&&) noexcept;
  MetricsWriter& operator=(MetricsWriter&&) noexcept;
  ~MetricsWriter();

  /// Names are `family/what` ("reward/mean"); a name may come in some steps only, and one step may
  /// be written several times with different names (training, then evaluation).
  Result<void> write(std::uint64_t step, const Metrics& values);
  /// What was written is on stable storage when it returns.
  Result<void> sync();

 private:
  struct State;
  explicit MetricsWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// All whole lines, in order; a torn last line is left out.
Result<std::vector<MetricsLine>> read_metrics(Disk& disk, const std::filesystem::path& file);

}  // namespace troupe::observe
