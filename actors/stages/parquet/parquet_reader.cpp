// libtroupe_parquet.so: Parquet files as JSON rows, by Apache Arrow. The only file that includes
// Arrow; dataset/parquet_library.hpp says what the program sees of it.
#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/reader.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <parquet/schema.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "actors/stages/dataset/parquet_library.hpp"

namespace troupe::stages {
namespace {

using nlohmann::json;

// Rows converted at a time: enough to make Arrow's overhead small, few enough to hold.
constexpr std::int64_t kBatchRows = 1024;
// A list in one row; longer ones are damage or no training data.
constexpr std::int64_t kListMax = 1 << 20;

json value_at(const arrow::Array& array, std::int64_t i);

template <class ArrayType>
json number_at(const arrow::Array& array, std::int64_t i) {
  return static_cast<const ArrayType&>(array).Value(i);
}
template <class ArrayType>
json text_at(const arrow::Array& array, std::int64_t i) {
  return std::string(static_cast<const ArrayType&>(array).GetView(i));
}

template <class ListType>
json list_at(const arrow::Array& array, std::int64_t i) {
  const auto& list = static_cast<const ListType&>(array);
  const std::int64_t begin = list.value_offset(i), length = list.value_length(i);
  if (length > kListMax) throw std::length_error("a list has more than a million elements");
  json out = json::array();
  for (std::int64_t k = 0; k < length; ++k) out.push_back(value_at(*list.values(), begin + k));
  return out;
}

json map_at(const arrow::MapArray& map, std::int64_t i) {
  json out = json::object();
  const std::int64_t begin = map.value_offset(i), length = map.value_length(i);
  if (length > kListMax) throw std::length_error("a map has more than a million entries");
  for (std::int64_t k = begin; k < begin + length; ++k) {
    const json key = value_at(*map.keys(), k);
    out[key.is_string() ? key.get<std::string>() : key.dump()] = value_at(*map.items(), k);
  }
  return out;
}

json struct_at(const arrow::StructArray& array, std::int64_t i) {
  json out = json::object();
  for (int k = 0; k < array.num_fields(); ++k)
    out[array.struct_type()->field(k)->name()] = value_at(*array.field(k), i);
  return out;
}

json value_at(const arrow::Array& array, std::int64_t i) {
  if (array.IsNull(i)) return nullptr;
  using Type = arrow::Type;
  switch (array.type_id()) {
    case Type::NA:
      return nullptr;
    case Type::BOOL:
      return number_at<arrow::BooleanArray>(array, i);
    case Type::INT8:
      return number_at<arrow::Int8Array>(array, i);
    case Type::INT16:
      return number_at<arrow::Int16Array>(array, i);
    case Type::INT32:
      return number_at<arrow::Int32Array>(array, i);
    case Type::INT64:
      return number_at<arrow::Int64Array>(array, i);
    case Type::UINT8:
      return number_at<arrow::UInt8Array>(array, i);
    case Type::UINT16:
      return number_at<arrow::UInt16Array>(array, i);
    case Type::UINT32:
      return number_at<arrow::UInt32Array>(array, i);
    case Type::UINT64:
      return number_at<arrow::UInt64Array>(array, i);
    case Type::FLOAT:
      return number_at<arrow::FloatArray>(array, i);
    case Type::DOUBLE:
      return number_at<arrow::DoubleArray>(array, i);
    case Type::STRING:
    case Type::BINARY:
      return text_at<arrow::BinaryArray>(array, i);
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY:
      return text_at<arrow::LargeBinaryArray>(array, i);
    case Type::STRING_VIEW:
    case Type::BINARY_VIEW:
      return text_at<arrow::BinaryViewArray>(array, i);
    case Type::LIST:
      return list_at<arrow::ListArray>(array, i);
    case Type::LARGE_LIST:
      return list_at<arrow::LargeListArray>(array, i);
    case Type::FIXED_SIZE_LIST:
      return list_at<arrow::FixedSizeListArray>(array, i);
    case Type::MAP:
      return map_at(static_cast<const arrow::MapArray&>(array), i);
    case Type::STRUCT:
      return struct_at(static_cast<const arrow::StructArray&>(array), i);
    case Type::DICTIONARY: {
      const auto& dictionary = static_cast<const arrow::DictionaryArray&>(array);
      return value_at(*dictionary.dictionary(), dictionary.GetValueIndex(i));
    }
    case Type::EXTENSION:
      return value_at(*static_cast<const arrow::ExtensionArray&>(array).storage(), i);
    default: {  // decimals, dates, times: as they are written
      const auto scalar = array.GetScalar(i);
      return scalar.ok() ? json((*scalar)->ToString()) : json(nullptr);
    }
  }
}

Error wrong(const std::string& path, const std::string& why) {
  return Error{ErrorCode::Corrupt, path + " cannot be read as Parquet: " + why,
               "Is the file whole? Fetch or write it again"};
}

/// Which columns of the file the paths need.
struct Wanted {
  std::vector<int> leaves;          // as Arrow numbers them
  std::vector<std::string> unread;  // names to show as null, so that a message can list them
};

Wanted wanted_of(const parquet::SchemaDescriptor& schema, const std::vector<std::string>& paths) {
  std::vector<std::string> names;
  for (int i = 0; i < schema.group_node()->field_count(); ++i)
    names.push_back(schema.group_node()->field(i)->name());
  const auto known = [&](const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  std::vector<std::string> read;
  bool complete = true;
  for (const std::string& path : paths) {
    const std::string name = known(path) ? path : path.substr(0, path.find('.'));
    if (known(name))
      read.push_back(name);
    else
      complete = false;
  }
  Wanted wanted;
  for (int i = 0; i < schema.num_columns(); ++i) {
    const std::string root = schema.GetColumnRoot(i)->name();
    if (std::find(read.begin(), read.end(), root) != read.end()) wanted.leaves.push_back(i);
  }
  if (complete) return wanted;
  for (const std::string& name : names) {
    if (std::find(read.begin(), read.end(), name) == read.end()) wanted.unread.push_back(name);
  }
  return wanted;
}

/// The row as text. What is no UTF-8 becomes null, and is then told as missing.
std::string row_text(json& row) {
  try {
    return row.dump();
  } catch (const json::exception&) {
    for (auto& [name, value] : row.items()) {
      try {
        (void)value.dump();
      } catch (const json::exception&) {
        value = nullptr;
      }
    }
    return row.dump();
  }
}

class ArrowParquetLibrary final : public ParquetLibrary {
 public:
  Result<void> read(const std::string& path, const std::vector<std::string>& columns,
                    const TakeParquetRow& take) override {
    try {
      return read_all(path, columns, take);
    } catch (const std::exception& exception) {
      return wrong(path, exception.what());
    }
  }

 private:
  static Result<void> read_all(const std::string& path, const std::vector<std::string>& columns,
                               const TakeParquetRow& take) {
    auto file = arrow::io::ReadableFile::Open(path);
    if (!file.ok()) return wrong(path, file.status().message());
    parquet::arrow::FileReaderBuilder builder;
    if (const auto status = builder.Open(*file); !status.ok()) return wrong(path, status.message());
    // One row group's pages at a time: reading ahead would hold the file.
    auto properties = parquet::default_arrow_reader_properties();
    properties.set_batch_size(kBatchRows);
    properties.set_pre_buffer(false);
    properties.set_use_threads(false);
    auto made = builder.memory_pool(arrow::default_memory_pool())->properties(properties)->Build();
    if (!made.ok()) return wrong(path, made.status().message());
    parquet::arrow::FileReader& reader = **made;
    const Wanted wanted = wanted_of(*reader.parquet_reader()->metadata()->schema(), columns);
    for (int group = 0; group < reader.num_row_groups(); ++group) {
      if (wanted.leaves.empty()) {
        const auto rows = reader.parquet_reader()->metadata()->RowGroup(group)->num_rows();
        for (std::int64_t i = 0; i < rows; ++i) TROUPE_TRY(give(json::object(), wanted, take));
        continue;
      }
      auto batches = reader.GetRecordBatchReader({group}, wanted.leaves);
      if (!batches.ok()) return wrong(path, batches.status().message());
      for (;;) {
        std::shared_ptr<arrow::RecordBatch> batch;
        if (const auto status = (*batches)->ReadNext(&batch); !status.ok())
          return wrong(path, status.message());
        if (!batch) break;
        TROUPE_TRY(give_batch(*batch, wanted, take));
      }
    }
    return {};
  }

  static Result<void> give_batch(const arrow::RecordBatch& batch, const Wanted& wanted,
                                 const TakeParquetRow& take) {
    for (std::int64_t i = 0; i < batch.num_rows(); ++i) {
      json row = json::object();
      for (int k = 0; k < batch.num_columns(); ++k)
        row[batch.column_name(k)] = value_at(*batch.column(k), i);
      TROUPE_TRY(give(std::move(row), wanted, take));
    }
    return {};
  }

  static Result<void> give(json row, const Wanted& wanted, const TakeParquetRow& take) {
    for (const std::string& name : wanted.unread) row[name] = nullptr;
    return take(row_text(row));
  }
};

}  // namespace
}  // namespace troupe::stages

extern "C" troupe::stages::ParquetLibrary* troupe_parquet_library() {
  static troupe::stages::ArrowParquetLibrary library;
  return &library;
}
