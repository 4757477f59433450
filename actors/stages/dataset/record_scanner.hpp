#pragma once
// RecordScanner: reads a file in pieces and gives its records one after the other, with the place
// and the line where each begins. A record is a line, or a CSV record, which may span lines.
// Memory is bounded by the longest record allowed. One owner; the file may be shared.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "actors/stages/dataset/csv.hpp"
#include "schemas/base/disk.hpp"

namespace troupe::stages {

/// A message cannot carry longer texts anyway (kMaxTextBytes).
inline constexpr std::size_t kRecordBytesMax = 16u << 20;

struct RecordForm {
  bool csv = false;
  char delimiter = ',';  // of CSV
};

struct Record {
  std::uint64_t offset = 0;
  std::uint64_t line = 0;  // from 1
  std::string_view text;   // without its line end; valid until the next call
  bool too_long = false;   // more than kRecordBytesMax; its text is empty
};

class RecordScanner {
 public:
  /// Begins at `offset`, which must be the beginning of a record.
  RecordScanner(const DiskReader& file, RecordForm form, std::uint64_t offset = 0,
                std::size_t piece_bytes = 256u << 10);
  /// False: the end of the file. Io.
  Result<bool> next(Record& record);

 private:
  /// Where the record that begins at `at_` ends in the buffer, looking from `at_ + seen` on; npos:
  /// not here.
  std::size_t find_end(std::size_t seen);
  Result<void> read_more();

  const DiskReader& file_;
  RecordForm form_;
  std::size_t piece_bytes_;
  std::uint64_t read_to_;   // offset in the file behind the buffer
  std::uint64_t line_ = 1;  // at at_
  std::string buffer_;
  std::size_t at_ = 0;
  bool at_end_ = false;
  CsvMachine machine_;
};

}  // namespace troupe::stages
