#pragma once
// Dataset: rows of questions with gold answers in a fixed order, as prompts of one stage. Opened
// when the graph is built, so that what cannot be used is told before anything starts. Immutable;
// any thread.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/runtime/data_watch.hpp"
#include "actors/runtime/stage.hpp"
#include "actors/stages/dataset/row_source.hpp"

namespace troupe::stages {

class Dataset {
 public:
  Dataset(const runtime::StageContext& context, std::unique_ptr<const RowSource> rows,
          std::uint32_t first_epoch = 0);

  std::uint64_t size() const { return rows_->size(); }
  /// The prompt of a row, with the stage's task, template and system text where the row has none.
  /// Its id has the row's number in the file. Corrupt, Io: the file was changed, or is gone.
  Result<Prompt> prompt(std::uint64_t index, std::uint32_t epoch) const;
  /// The index of the row with this number; nothing: it is not among those that are used.
  std::optional<std::uint64_t> index_of(std::uint64_t row_number) const;
  /// Epochs before it were begun with other rows or another order (a resumed run whose data or
  /// options changed) and are not gone on with.
  std::uint32_t first_epoch() const { return first_epoch_; }

 private:
  std::uint32_t index_;
  std::string task_, template_, system_;
  std::unique_ptr<const RowSource> rows_;
  std::uint32_t first_epoch_;
};

/// dataset.arithmetic: options low, high, operators, held_out_pairs, split, split_seed.
Result<std::unique_ptr<const RowSource>> make_arithmetic(const runtime::StageContext& context);
/// Whichever the kind of the stage asks for; tells context.data of it.
Result<std::shared_ptr<const Dataset>> open_dataset(const runtime::StageContext& context);
/// What the order of an epoch's prompts is drawn from.
std::uint64_t order_seed(const runtime::StageContext& context);

}  // namespace troupe::stages
