#include "actors/stages/dataset/dataset.hpp"

namespace troupe::stages {

Dataset::Dataset(const runtime::StageContext& context, std::vector<DatasetRow> rows)
    : index_(context.stage->index),
      task_(context.option("task").as_string()),
      template_(context.option("template").as_string()),
      system_(context.stage->has("system") ? context.option("system").as_string() : ""),
      rows_(std::move(rows)) {}

Prompt Dataset::prompt(std::uint64_t row, std::uint32_t epoch) const {
  const DatasetRow& source = rows_.at(row);
  return Prompt{{index_, epoch, row}, task_, source.question, source.answer, template_, system_};
}

Result<std::shared_ptr<const Dataset>> open_dataset(const runtime::StageContext& context) {
  if (context.stage->kind == "dataset.jsonl") return read_jsonl(context);
  if (context.stage->kind == "dataset.arithmetic") return make_arithmetic(context);
  return Error{ErrorCode::Unsupported,
               "stage '" + context.stage->name + "' (" + context.stage->kind + ") has no rows",
               "Name a stage of a kind dataset.*"};
}

}  // namespace troupe::stages
