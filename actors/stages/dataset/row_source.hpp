#pragma once
// RowSource: the rows that a dataset stage may use, in the order of its file, reached by index.
// Immutable; any thread.
#include <cstdint>
#include <string>
#include <vector>

#include "schemas/base/result.hpp"

namespace troupe::stages {

struct DatasetRow {
  std::string question;
  std::string answer;  // gold; empty: none
  std::string task;    // empty: the stage's
  std::string system;  // empty: the stage's
  std::string extra;   // further columns as the text of a JSON object; empty: none
};

class RowSource {
 public:
  virtual ~RowSource() = default;
  virtual std::uint64_t size() const = 0;
  /// Number of the row in its file, from 0; rows that are not used count. Ascends with the index.
  virtual std::uint64_t row_number(std::uint64_t index) const = 0;
  /// Corrupt: the file is not what it was when it was opened. Io.
  virtual Result<DatasetRow> read(std::uint64_t index) const = 0;
};

/// Rows in memory, of which all are used.
class ListedRows final : public RowSource {
 public:
  explicit ListedRows(std::vector<DatasetRow> rows) : rows_(std::move(rows)) {}
  std::uint64_t size() const override { return rows_.size(); }
  std::uint64_t row_number(std::uint64_t index) const override { return index; }
  Result<DatasetRow> read(std::uint64_t index) const override { return rows_.at(index); }

 private:
  std::vector<DatasetRow> rows_;
};

}  // namespace troupe::stages
