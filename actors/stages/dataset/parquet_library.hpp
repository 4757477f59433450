#pragma once
// The library that reads Parquet files, libtroupe_parquet.so beside the program. It is opened when
// the first Parquet file is, so that `troupe` itself neither links Apache Arrow nor needs it to be
// installed. Never closed. Any thread.
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/base/result.hpp"

namespace troupe::stages {

/// One row as the text of a JSON object.
using TakeParquetRow = std::function<Result<void>(std::string_view row)>;

class ParquetLibrary {
 public:
  virtual ~ParquetLibrary() = default;
  /// Gives every row in order, with the columns that the paths need ("reward_model.ground_truth"
  /// needs reward_model); columns that the file lacks are left out, unless it has none of them:
  /// then rows show the names of all, with nulls. Reads in batches, so memory is bounded by a
  /// column chunk's pages and a batch. Corrupt, NotFound, Unsupported; what `take` says.
  virtual Result<void> read(const std::string& path, const std::vector<std::string>& columns,
                            const TakeParquetRow& take) = 0;
};

/// NotFound: it was not built; says what to install.
Result<ParquetLibrary*> load_parquet_library();

}  // namespace troupe::stages
