#pragma once
// FileRows: the rows of a data file, of which only the places are in memory (12 bytes a row, with
// the order of an epoch); a row is read when it is sent. The file is read once from beginning to
// end when it is opened, so that every row that cannot be used is told before anything starts.
// What cannot be read anywhere in the middle (Parquet, compressed files) is unpacked first, into a
// temporary file without a name. Immutable; any thread.
#include <memory>

#include "actors/runtime/data_watch.hpp"
#include "actors/runtime/stage.hpp"
#include "actors/stages/dataset/row_source.hpp"

namespace troupe::stages {

/// For a stage of kind dataset.jsonl, dataset.csv or dataset.parquet. Fills the report, but for
/// what identifies the stage. InvalidArgument: no usable rows, or, with bad_rows = "fail", the
/// first of those that are not, by line.
Result<std::unique_ptr<const RowSource>> open_file_rows(const runtime::StageContext& context,
                                                        runtime::DataReport& report);

}  // namespace troupe::stages
