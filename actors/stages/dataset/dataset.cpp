#include "actors/stages/dataset/dataset.hpp"

#include "actors/stages/dataset/file_rows.hpp"

namespace troupe::stages {
namespace {

Result<std::unique_ptr<const RowSource>> open_rows(const runtime::StageContext& context,
                                                   runtime::DataReport& report) {
  const std::string& kind = context.stage->kind;
  if (kind == "dataset.arithmetic") {
    TROUPE_ASSIGN(auto rows, make_arithmetic(context));
    report.rows = report.used = rows->size();
    return rows;
  }
  if (kind.starts_with("dataset.")) return open_file_rows(context, report);
  return Error{ErrorCode::Unsupported,
               "stage '" + context.stage->name + "' (" + kind + ") has no rows",
               "Name a stage of a kind dataset.*"};
}

/// Of everything that the order of prompts follows from, but for the content of the rows.
std::uint64_t order_hash(const runtime::StageContext& context, const RowSource& rows) {
  std::uint64_t hash = derive_seed(order_seed(context), rows.size());
  hash = derive_seed(hash, context.option("shuffle").as_bool() ? 1 : 0);
  for (std::uint64_t i = 0; i < rows.size(); ++i) hash = derive_seed(hash, rows.row_number(i));
  return hash;
}

}  // namespace

Dataset::Dataset(const runtime::StageContext& context, std::unique_ptr<const RowSource> rows,
                 std::uint32_t first_epoch)
    : index_(context.stage->index),
      task_(context.option("task").as_string()),
      template_(context.option("template").as_string()),
      system_(context.stage->has("system") ? context.option("system").as_string() : ""),
      rows_(std::move(rows)),
      first_epoch_(first_epoch) {}

Result<Prompt> Dataset::prompt(std::uint64_t index, std::uint32_t epoch) const {
  TROUPE_ASSIGN(DatasetRow row, rows_->read(index));
  Prompt prompt;
  prompt.id = {index_, epoch, rows_->row_number(index)};
  prompt.task = row.task.empty() ? task_ : std::move(row.task);
  prompt.question = std::move(row.question);
  prompt.answer = std::move(row.answer);
  prompt.prompt_template = template_;
  prompt.system = row.system.empty() ? system_ : std::move(row.system);
  prompt.extra = std::move(row.extra);
  return prompt;
}

std::optional<std::uint64_t> Dataset::index_of(std::uint64_t row_number) const {
  std::uint64_t low = 0, high = rows_->size();
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (rows_->row_number(middle) < row_number)
      low = middle + 1;
    else
      high = middle;
  }
  if (low == rows_->size() || rows_->row_number(low) != row_number) return std::nullopt;
  return low;
}

std::uint64_t order_seed(const runtime::StageContext& context) {
  if (context.stage->has("seed"))
    return derive_seed(static_cast<std::uint64_t>(context.option("seed").as_int()), 0);
  return derive_seed(context.seed(), context.stage->index);
}

Result<std::shared_ptr<const Dataset>> open_dataset(const runtime::StageContext& context) {
  runtime::DataReport report;
  report.dataset = context.stage->index;
  report.stage = context.stage->name;
  TROUPE_ASSIGN(auto rows, open_rows(context, report));
  std::uint32_t first_epoch = 0;
  if (context.data != nullptr) {
    report.order = order_hash(context, *rows);
    report.may_change =
        context.stage->has("if_changed") && context.option("if_changed").as_string() == "go_on";
    TROUPE_ASSIGN(first_epoch, context.data->opened(report));
  }
  return std::make_shared<const Dataset>(context, std::move(rows), first_epoch);
}

}  // namespace troupe::stages
