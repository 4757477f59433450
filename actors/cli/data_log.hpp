#pragma once
// DataLog: which data a run reads, in data.json of its run directory: size, checksum, rows used and
// rows left out with the reasons. A resumed run compares: a file that has changed ends it before it
// begins, unless a person wants to go on. Owned by the session; called while the graph is built and
// when a stage is restarted.
#include <filesystem>
#include <functional>
#include <map>
#include <memory>

#include "actors/runtime/data_watch.hpp"
#include "actors/runtime/recorder.hpp"
#include "actors/runtime/stage.hpp"
#include "schemas/base/disk.hpp"

namespace troupe::cli {

class DataLog final : public runtime::DataWatch {
 public:
  using Cursors = std::shared_ptr<const std::map<std::uint32_t, runtime::ResumeCursor>>;
  /// Says something of a stage, to a person and to the run's log.
  using Tell =
      std::function<void(runtime::Severity, const std::string& stage, const std::string& text)>;

  /// `cursors`: where the datasets of a resumed run go on; null for a new run. Corrupt: the file is
  /// there and unreadable.
  static Result<std::unique_ptr<DataLog>> open(Disk& disk, const std::filesystem::path& run,
                                               Cursors cursors, Tell tell);

  Result<std::uint32_t> opened(const runtime::DataReport& report) override;

 private:
  DataLog(Disk& disk, std::filesystem::path file, Cursors cursors, Tell tell)
      : disk_(disk), file_(std::move(file)), cursors_(std::move(cursors)), tell_(std::move(tell)) {}
  struct Entry {
    runtime::DataReport report;
    std::uint32_t first_epoch = 0;
    bool told = false;  // opened in this life
  };
  Result<void> read();
  Result<void> write() const;
  /// The first epoch of this dataset that no life of the run has begun.
  std::uint32_t fresh_epoch(const Entry& entry) const;
  void tell_rows(Entry& entry) const;

  Disk& disk_;
  std::filesystem::path file_;
  Cursors cursors_;
  Tell tell_;
  std::map<std::string, Entry> entries_;  // by stage
};

}  // namespace troupe::cli
