#pragma once
// Dataset: rows of questions with gold answers, in memory, in a fixed order. Read once when the
// graph is built, so that a broken line is told before anything starts. Immutable; any thread.
#include <memory>
#include <string>
#include <vector>

#include "actors/runtime/stage.hpp"

namespace troupe::stages {

struct DatasetRow {
  std::string question;
  std::string answer;  // gold; empty: none
};

class Dataset {
 public:
  Dataset(const runtime::StageContext& context, std::vector<DatasetRow> rows);

  std::uint64_t size() const { return rows_.size(); }
  /// The prompt of a row, with the stage's task, template and system text.
  Prompt prompt(std::uint64_t row, std::uint32_t epoch) const;

 private:
  std::uint32_t index_;
  std::string task_, template_, system_;
  std::vector<DatasetRow> rows_;
};

/// dataset.jsonl: options path, question_field, answer_field, limit. A line that cannot be used is
/// an error with its number.
Result<std::shared_ptr<const Dataset>> read_jsonl(const runtime::StageContext& context);
/// dataset.arithmetic: options low, high, operators, held_out_pairs, split, split_seed.
Result<std::shared_ptr<const Dataset>> make_arithmetic(const runtime::StageContext& context);
/// Whichever the kind of the stage asks for; for stages that name a dataset as an option.
Result<std::shared_ptr<const Dataset>> open_dataset(const runtime::StageContext& context);

}  // namespace troupe::stages
