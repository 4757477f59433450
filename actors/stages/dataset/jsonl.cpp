#include <nlohmann/json.hpp>

#include "actors/stages/dataset/dataset.hpp"

namespace troupe::stages {
namespace {

// A data file is read whole; larger ones would need an index instead.
constexpr std::uint64_t kFileBytesMax = 4ull << 30;

/// A field as text: numbers are taken as they are written.
std::optional<std::string> field_text(const nlohmann::json& row, const std::string& name) {
  const auto it = row.find(name);
  if (it == row.end() || it->is_null()) return std::nullopt;
  if (it->is_string()) return it->get<std::string>();
  if (it->is_number() || it->is_boolean()) return it->dump();
  return std::nullopt;
}

Error broken(const std::string& path, std::size_t line, const std::string& what) {
  return Error{ErrorCode::InvalidArgument, path + ":" + std::to_string(line) + ": " + what,
               "Mend or remove that line"};
}

}  // namespace

Result<std::shared_ptr<const Dataset>> read_jsonl(const runtime::StageContext& context) {
  const std::string path = context.option("path").as_string();
  const std::string question_field = context.option("question_field").as_string();
  const std::string answer_field = context.option("answer_field").as_string();
  const auto limit = static_cast<std::uint64_t>(context.option("limit").as_int());
  TROUPE_ASSIGN(const std::string content, context.disk->read(path, kFileBytesMax));

  std::vector<DatasetRow> rows;
  std::size_t line_number = 0;
  for (std::size_t at = 0; at < content.size();) {
    const std::size_t end = std::min(content.find('\n', at), content.size());
    const std::string_view line(content.data() + at, end - at);
    at = end + 1;
    ++line_number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    if (limit > 0 && rows.size() >= limit) break;
    const auto row = nlohmann::json::parse(line, nullptr, false);
    if (row.is_discarded() || !row.is_object())
      return broken(path, line_number, "is not a JSON object");
    auto question = field_text(row, question_field);
    if (!question || question->empty())
      return broken(path, line_number, "has no text in field '" + question_field + "'");
    std::string answer;
    if (!answer_field.empty()) {
      auto found = field_text(row, answer_field);
      if (!found) return broken(path, line_number, "has no text in field '" + answer_field + "'");
      answer = std::move(*found);
    }
    rows.push_back({std::move(*question), std::move(answer)});
  }
  if (rows.empty())
    return Error{ErrorCode::InvalidArgument, path + " has no rows",
                 "A data file has one JSON object per line"};
  return std::make_shared<const Dataset>(context, std::move(rows));
}

}  // namespace troupe::stages
