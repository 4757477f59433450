#pragma once
// RowMapping: which columns of a row become question, answer, task, system text and what is taken
// along. A row is a JSON object, whatever file it comes from. A column is named by its name, or by
// a path with dots into objects and lists ("reward_model.ground_truth", "answers.0"); a text on the
// way that holds JSON is read as such, because CSV keeps nested columns so. A list of messages
// ({role, content}, as TRL and verl have) gives the user's question, its system text and, asked for
// an answer, the last words of the assistant. Immutable; any thread.
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/runtime/stage.hpp"
#include "actors/stages/dataset/row_source.hpp"

namespace troupe::stages {

/// A row from bytes that may come from anywhere: discarded when they are no JSON, or nested so deep
/// that copying or writing the value could exhaust the stack.
nlohmann::json parse_row(std::string_view text);

class RowMapping {
 public:
  /// Options read: question_field, question_format, answer_field, task_field, system_field,
  /// id_field, keep, template, split_by. InvalidArgument: options that contradict each other.
  static Result<RowMapping> make(const runtime::StageContext& context);

  /// InvalidArgument with a message that continues "row 7 ...": "has no field 'question'".
  Result<DatasetRow> map(const nlohmann::json& row) const;
  /// What decides the split of a row: its split_by column, else its question.
  Result<std::string> split_key(const nlohmann::json& row, const DatasetRow& mapped) const;
  /// Every column or path that is read.
  std::vector<std::string> columns() const;

 private:
  struct Piece {  // of question_format
    std::string text;
    bool column = false;
  };
  Result<void> read_format(const std::string& format);
  Result<std::string> question(const nlohmann::json& row, std::string& system) const;

  std::string question_field_, answer_field_, task_field_, system_field_, id_field_, split_by_;
  std::vector<Piece> format_;  // empty: the question is one column
  std::vector<std::string> keep_;
  bool has_system_ = false;  // the template has a place for it
};

}  // namespace troupe::stages
