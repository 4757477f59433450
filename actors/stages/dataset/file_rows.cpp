#include "actors/stages/dataset/file_rows.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "actors/stages/dataset/parquet_library.hpp"
#include "actors/stages/dataset/record_scanner.hpp"
#include "actors/stages/dataset/row_mapping.hpp"
#include "actors/stages/dataset/split.hpp"
#include "actors/stages/dataset/unpack.hpp"
#include "schemas/base/crc32c.hpp"

namespace troupe::stages {
namespace {

using nlohmann::json;

constexpr std::uint64_t kRowsMax = 0xffffffff;  // row numbers are kept in four bytes
constexpr std::size_t kFilesMax = 512;          // each stays open
constexpr std::size_t kReasonsKept = 100;
constexpr std::size_t kReasonsShown = 5;
// A row is read alone later: about what one is long.
constexpr std::size_t kRowPieceBytes = 4096;

/// How a record of the file becomes a row.
struct Form {
  RecordForm record;
  std::vector<std::string> names;  // of CSV
  bool counts_rows = false;        // the file has no lines of its own (Parquet)
};

/// Well-formed as RFC 3629 has it: no surrogates, nothing longer than needed.
bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t more = lead < 0x80   ? 0
                             : lead < 0xc2 ? 9
                             : lead < 0xe0 ? 1
                             : lead < 0xf0 ? 2
                             : lead < 0xf5 ? 3
                                           : 9;
    if (more == 9 || text.size() - i <= more) return false;
    std::uint32_t code = more == 0 ? lead : lead & (0x3fu >> more);
    for (std::size_t k = 1; k <= more; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xc0) != 0x80) return false;
      code = code << 6 | (next & 0x3f);
    }
    if ((more == 2 && (code < 0x800 || (code >= 0xd800 && code < 0xe000))) ||
        (more == 3 && (code < 0x10000 || code > 0x10ffff)))
      return false;
    i += more + 1;
  }
  return true;
}

Error broken(const std::string& what) { return Error{ErrorCode::InvalidArgument, what, ""}; }

Result<json> row_of(std::string_view text, const Form& form) {
  if (!form.record.csv) {
    json row = parse_row(text);
    if (row.is_discarded() || !row.is_object()) return broken("is not a JSON object");
    return row;
  }
  TROUPE_ASSIGN(std::vector<std::string> fields, parse_csv_record(text, form.record.delimiter));
  if (fields.size() != form.names.size())
    return broken("has " + std::to_string(fields.size()) + " fields, and there are " +
                  std::to_string(form.names.size()) + " columns");
  if (!is_utf8(text)) return broken("is not in UTF-8");  // JSON is checked as it is read
  json row = json::object();
  for (std::size_t i = 0; i < fields.size(); ++i) row[form.names[i]] = std::move(fields[i]);
  return row;
}

/// A record as what a stage sends; InvalidArgument continues "row 7 ...".
Result<DatasetRow> read_row(std::string_view text, const Form& form, const RowMapping& mapping,
                            std::string* split_key) {
  TROUPE_ASSIGN(const json row, row_of(text, form));
  TROUPE_ASSIGN(DatasetRow mapped, mapping.map(row));
  if (split_key != nullptr) {
    TROUPE_ASSIGN(*split_key, mapping.split_key(row, mapped));
  }
  return mapped;
}

class FileRows final : public RowSource {
 public:
  /// `first`: the number of its first row, where the data is several files.
  FileRows(std::string path, std::unique_ptr<DiskReader> file, Form form, RowMapping mapping,
           std::uint64_t first)
      : first_(first),
        path_(std::move(path)),
        file_(std::move(file)),
        form_(std::move(form)),
        mapping_(std::move(mapping)) {}

  /// `number`: of the row in this file.
  void add(std::uint64_t offset, std::uint64_t number) {
    if (numbers_.empty() && number != offsets_.size()) {
      for (std::uint64_t i = 0; i < offsets_.size(); ++i)
        numbers_.push_back(static_cast<std::uint32_t>(i));
      gaps_ = true;
    }
    offsets_.push_back(offset);
    if (gaps_) numbers_.push_back(static_cast<std::uint32_t>(number));
  }
  void shrink() {
    offsets_.shrink_to_fit();
    numbers_.shrink_to_fit();
  }

  std::uint64_t size() const override { return offsets_.size(); }
  std::uint64_t row_number(std::uint64_t index) const override {
    return first_ + (gaps_ ? numbers_[index] : index);
  }
  Result<DatasetRow> read(std::uint64_t index) const override {
    RecordScanner scanner(*file_, form_.record, offsets_.at(index), kRowPieceBytes);
    Record record;
    TROUPE_ASSIGN(const bool found, scanner.next(record));
    auto row = found ? read_row(record.text, form_, mapping_, nullptr)
                     : Result<DatasetRow>(broken("is gone"));
    if (row.ok()) return row;
    return Error{ErrorCode::Corrupt,
                 path_ + " was changed while the run reads it: row " +
                     std::to_string(row_number(index) - first_) + " " + row.error().message,
                 "Put the file back as it was, then `troupe resume`"};
  }

 private:
  std::uint64_t first_;
  std::string path_;
  std::unique_ptr<DiskReader> file_;
  Form form_;
  RowMapping mapping_;
  std::vector<std::uint64_t> offsets_;
  std::vector<std::uint32_t> numbers_;  // empty while the number is the index
  bool gaps_ = false;
};

Result<std::unique_ptr<DiskReader>> parquet_rows(const std::string& path, const RowMapping& mapping,
                                                 Disk& disk) {
  TROUPE_ASSIGN(ParquetLibrary * library, load_parquet_library());
  TROUPE_ASSIGN(auto scratch, disk.scratch());
  std::string waiting;
  const auto write = [&]() -> Result<void> {
    TROUPE_TRY(scratch->append(waiting));
    waiting.clear();
    return {};
  };
  TROUPE_TRY(library->read(path, mapping.columns(), [&](std::string_view row) -> Result<void> {
    waiting.append(row) += '\n';
    return waiting.size() < (1u << 20) ? Result<void>() : write();
  }));
  TROUPE_TRY(write());
  return std::unique_ptr<DiskReader>(std::move(scratch));
}

/// The rows of several files, one file after the other.
class JoinedRows final : public RowSource {
 public:
  explicit JoinedRows(std::vector<std::unique_ptr<FileRows>> files) : files_(std::move(files)) {
    for (const auto& file : files_) {
      begins_.push_back(size_);
      size_ += file->size();
    }
  }
  std::uint64_t size() const override { return size_; }
  std::uint64_t row_number(std::uint64_t index) const override {
    const std::size_t file = file_of(index);
    return files_[file]->row_number(index - begins_[file]);
  }
  Result<DatasetRow> read(std::uint64_t index) const override {
    const std::size_t file = file_of(index);
    return files_[file]->read(index - begins_[file]);
  }

 private:
  std::size_t file_of(std::uint64_t index) const {
    return static_cast<std::size_t>(std::upper_bound(begins_.begin(), begins_.end(), index) -
                                    begins_.begin()) -
           1;
  }
  std::vector<std::unique_ptr<FileRows>> files_;
  std::vector<std::uint64_t> begins_;  // index of the first row of each
  std::uint64_t size_ = 0;
};

/// What is asked of the rows, and what of it was done, over all files of the stage.
struct Choice {
  std::uint64_t limit, skip;
  std::string split;
  double test_fraction;
  std::uint64_t split_seed;
  std::uint64_t used = 0;
  bool array = false;       // a file begins as one JSON list
  std::string last_reason;  // why the last unusable row is
};

Choice choice_of(const runtime::StageContext& context) {
  const auto integer = [&](const char* name) {
    return static_cast<std::uint64_t>(context.option(name).as_int());
  };
  return {integer("limit"), integer("skip"), context.option("split").as_string(),
          context.option("test_fraction").as_real(), integer("split_seed")};
}

/// Reads one file from beginning to end and keeps the places of the rows that are used.
class Indexer {
 public:
  Indexer(const runtime::StageContext& context, const RowMapping& mapping, std::string path,
          Choice& choice, runtime::DataReport& report)
      : context_(context),
        mapping_(mapping),
        choice_(choice),
        report_(report),
        first_(report.rows),
        path_(std::move(path)) {}

  Result<std::unique_ptr<FileRows>> open() {
    TROUPE_ASSIGN(auto file, open_file());
    const DiskReader& bytes = *file;  // stays where it is when its owner changes
    TROUPE_ASSIGN(const std::uint64_t begin, read_names(bytes));
    auto rows = std::make_unique<FileRows>(path_, std::move(file), form_, mapping_, first_);
    TROUPE_TRY(index(bytes, begin, *rows));
    rows->shrink();
    return rows;
  }

 private:
  Result<std::unique_ptr<DiskReader>> open_file() {
    TROUPE_ASSIGN(auto file, context_.disk->open(path_));
    TROUPE_ASSIGN(const FileShape shape, shape_of_file(*file, path_));
    report_.bytes += file->size();
    TROUPE_TRY(context_.disk->scan(path_, [this](std::span<const std::byte> bytes) {
      report_.checksum = crc32c(bytes, report_.checksum);
    }));
    const std::string& kind = context_.stage->kind;
    const bool parquet = kind == "dataset.parquet";
    if (parquet != (shape == FileShape::Parquet))
      return Error{ErrorCode::InvalidArgument,
                   path_ + (parquet ? " is not a Parquet file" : " is a Parquet file"),
                   parquet ? "For text, use kind = \"dataset.jsonl\" or \"dataset.csv\""
                           : "Use kind = \"dataset.parquet\""};
    form_.counts_rows = parquet;
    if (parquet) return parquet_rows(path_, mapping_, *context_.disk);
    form_.record.csv = kind == "dataset.csv";
    if (form_.record.csv) {
      const std::string& delimiter = context_.option("delimiter").as_string();
      form_.record.delimiter = delimiter == "tab" ? '\t' : delimiter.front();
    }
    if (shape == FileShape::Plain) return file;
    return unpacked(*file, shape, path_, *context_.disk);
  }

  /// The names of CSV columns; returns where the rows begin.
  Result<std::uint64_t> read_names(const DiskReader& file) {
    std::array<char, 3> first{};
    TROUPE_ASSIGN(const std::size_t got, file.read_at(0, first));
    // The mark that some programs put before UTF-8.
    std::uint64_t begin = std::string_view(first.data(), got) == "\xEF\xBB\xBF" ? 3 : 0;
    if (!form_.record.csv) return begin;
    form_.names = context_.option("columns").as_strings();
    if (context_.option("header").as_bool()) {
      RecordScanner scanner(file, form_.record, begin);
      Record record;
      TROUPE_ASSIGN(const bool found, scanner.next(record));
      if (!found || record.too_long) return begin;
      const std::string_view line = record.text;
      auto names = parse_csv_record(line, form_.record.delimiter);
      if (!names.ok())
        return Error{ErrorCode::InvalidArgument, path_ + ":1: the header " + names.error().message,
                     "Mend the line that names the columns, or say header = false and `columns`"};
      if (form_.names.empty()) form_.names = std::move(*names);
      header_lines_ = 1 + static_cast<std::uint64_t>(std::count(line.begin(), line.end(), '\n'));
      begin += line.size();
      TROUPE_ASSIGN(const std::size_t more, file.read_at(begin, std::span(first).first(1)));
      begin += more;  // the end of the line
    } else if (form_.names.empty()) {
      return Error{ErrorCode::InvalidArgument, "header = false, and nothing names the columns",
                   "Name them: columns = [\"question\", \"answer\"]"};
    }
    for (auto it = form_.names.begin(); it != form_.names.end(); ++it) {
      if (std::find(form_.names.begin(), it, *it) == it) continue;
      return Error{ErrorCode::InvalidArgument,
                   "two columns of " + path_ + " are called '" + *it + "'",
                   "Give every column a name of its own, with `columns` if need be"};
    }
    return begin;
  }

  Result<void> index(const DiskReader& file, std::uint64_t begin, FileRows& rows) {
    const bool all = choice_.split == "all";
    RecordScanner scanner(file, form_.record, begin);
    Record record;
    std::string key;
    for (;;) {
      TROUPE_ASSIGN(const bool found, scanner.next(record));
      if (!found || (choice_.limit > 0 && choice_.used >= choice_.limit)) break;
      const bool blank = record.text.find_first_not_of(" \t\r") == std::string_view::npos;
      if (blank && !record.too_long) continue;
      const std::uint64_t number = report_.rows++ - first_;
      if (report_.rows > kRowsMax)
        return Error{ErrorCode::Unsupported, path_ + ": more than 4 thousand million rows",
                     "Use a part of them"};
      if (record.too_long) {
        TROUPE_TRY(too_long(record));
        leave_out(record, number, "is longer than 16 MiB");
        continue;
      }
      auto row = read_row(record.text, form_, mapping_, all ? nullptr : &key);
      if (!row.ok()) {
        leave_out(record, number, row.error().message);
        continue;
      }
      const bool test = !all && held_out(key, choice_.test_fraction, choice_.split_seed);
      if (!all && test != (choice_.split == "test")) continue;
      if (choice_.skip > 0) {
        --choice_.skip;
        continue;
      }
      rows.add(record.offset, number);
      ++choice_.used;
    }
    return {};
  }

  Result<void> too_long(const Record& record) const {
    if (!form_.record.csv) return {};
    return Error{ErrorCode::InvalidArgument,
                 place_of(record, 0) + ": a row of more than 16 MiB begins here",
                 "Look for a quote that is not closed in this line"};
  }
  std::string place_of(const Record& record, std::uint64_t number) const {
    if (form_.counts_rows) return path_ + ": row " + std::to_string(number);
    return path_ + ":" + std::to_string(record.line + header_lines_);
  }
  void leave_out(const Record& record, std::uint64_t number, const std::string& why) {
    ++report_.unusable;
    if (report_.reasons.size() >= kReasonsKept) return;
    // A whole file without a column is told in short.
    const std::string told = why == choice_.last_reason ? "the same" : why;
    report_.reasons.push_back(place_of(record, number) + (form_.counts_rows ? " (from 0) " : ": ") +
                              told);
    choice_.last_reason = why;
    if (!form_.record.csv && number == 0 && record.text.starts_with("[")) choice_.array = true;
  }
  const runtime::StageContext& context_;
  const RowMapping& mapping_;
  Choice& choice_;
  runtime::DataReport& report_;
  std::uint64_t first_;  // rows of the files before
  std::string path_;
  Form form_;
  std::uint64_t header_lines_ = 0;
};

/// The files that `path` and `files` mean, by name.
Result<std::vector<std::string>> files_of(const runtime::StageContext& context) {
  const std::filesystem::path path = context.option("path").as_string();
  const std::string& pattern = context.option("files").as_string();
  std::error_code code;
  if (!std::filesystem::is_directory(path, code)) {
    if (pattern.empty()) return std::vector<std::string>{path.string()};
    return Error{ErrorCode::InvalidArgument,
                 "`files` chooses from a folder, and " + path.string() + " is none",
                 "Remove `files`, or name the folder as `path`"};
  }
  if (pattern.empty())
    return Error{ErrorCode::InvalidArgument, path.string() + " is a folder",
                 "Say which of its files: files = \"train-*\""};
  TROUPE_ASSIGN(const std::vector<std::string> names, context.disk->list(path));
  std::vector<std::string> out;
  for (const std::string& name : names) {
    if (::fnmatch(pattern.c_str(), name.c_str(), FNM_PERIOD) == 0)
      out.push_back((path / name).string());
  }
  if (out.size() > kFilesMax)
    return Error{ErrorCode::Unsupported, "more than 512 files of " + path.string() + " are named",
                 "Put them together, or name fewer"};
  if (!out.empty()) return out;
  return Error{ErrorCode::NotFound, "no file in " + path.string() + " is named " + pattern,
               "Change `files`: * stands for any characters, ? for one"};
}

Error refused(const runtime::DataReport& report, bool array) {
  const std::size_t shown = std::min(report.reasons.size(), kReasonsShown);
  std::string text = report.reasons.front();
  for (std::size_t i = 1; i < shown; ++i) text += "\n  " + report.reasons[i];
  if (report.unusable > shown)
    text += "\n  and " + std::to_string(report.unusable - shown) + " more of " +
            std::to_string(report.rows) + " rows";
  if (array)
    return Error{ErrorCode::InvalidArgument, text,
                 "The file begins as one JSON list; write one object on each line: "
                 "jq -c '.[]' FILE"};
  return Error{ErrorCode::InvalidArgument, text,
               "Name the fields that the file has (question_field, answer_field), mend or remove "
               "those rows, or leave them out with bad_rows = \"skip\""};
}

/// What is wrong with the rows as a whole, if anything is.
Result<void> check_rows(const runtime::StageContext& context, const runtime::DataReport& report,
                        const Choice& choice) {
  const bool strict = context.option("bad_rows").as_string() == "fail";
  if (report.unusable > 0 && (strict || report.used == 0)) return refused(report, choice.array);
  if (report.used > 0) return {};
  if (report.rows == 0)
    return Error{ErrorCode::InvalidArgument, report.path + " has no rows",
                 context.stage->kind == "dataset.csv"
                     ? "A CSV file has the names of its columns in the first line"
                     : "A data file has one JSON object per line"};
  return Error{
      ErrorCode::InvalidArgument,
      "none of the " + std::to_string(report.rows) + " rows of " + report.path + " are left to use",
      choice.split == "all" ? "Lower skip"
                            : "Change test_fraction, skip or limit: split = \"" + choice.split +
                                  "\" has none of them"};
}

}  // namespace

Result<std::unique_ptr<const RowSource>> open_file_rows(const runtime::StageContext& context,
                                                        runtime::DataReport& report) {
  TROUPE_ASSIGN(RowMapping mapping, RowMapping::make(context));
  TROUPE_ASSIGN(const std::vector<std::string> paths, files_of(context));
  report.path = context.option("path").as_string();
  Choice choice = choice_of(context);
  std::vector<std::unique_ptr<FileRows>> files;
  for (const std::string& path : paths) {
    TROUPE_ASSIGN(auto rows, Indexer(context, mapping, path, choice, report).open());
    files.push_back(std::move(rows));
  }
  report.used = choice.used;
  TROUPE_TRY(check_rows(context, report, choice));
  if (files.size() == 1) return std::unique_ptr<const RowSource>(std::move(files.front()));
  return std::unique_ptr<const RowSource>(std::make_unique<JoinedRows>(std::move(files)));
}

}  // namespace troupe::stages
