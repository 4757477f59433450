#pragma once
// DataWatch: what stages tell of the data they opened, so that a run can say what it uses and what
// it had to leave out, and a resumed run notices when the data is not what it was. Called while a
// graph is built and when a stage is restarted; one call at a time.
#include <cstdint>
#include <string>
#include <vector>

#include "schemas/base/result.hpp"

namespace troupe::runtime {

struct DataReport {
  std::uint32_t dataset = 0;  // index of the stage
  std::string stage;
  std::string path;                  // as resolved; empty: no file
  std::uint64_t bytes = 0;           // of the file
  std::uint32_t checksum = 0;        // CRC-32C of the file
  std::uint64_t rows = 0;            // in the file
  std::uint64_t used = 0;            // of them, by this stage
  std::uint64_t unusable = 0;        // left out because they cannot be used (bad_rows = "skip")
  std::vector<std::string> reasons;  // of the first of those: "train.jsonl:7: has no text in ..."
  std::uint64_t order = 0;           // hash of what the order of prompts follows from
  bool may_change = false;           // a person wants to go on although the file has changed
};

class DataWatch {
 public:
  virtual ~DataWatch() = default;
  /// The first epoch that may be used: 0, or one that no earlier life of the run has begun, when
  /// the order is not what it was. InvalidArgument: the file has changed and may not.
  virtual Result<std::uint32_t> opened(const DataReport& report) = 0;
};

}  // namespace troupe::runtime
