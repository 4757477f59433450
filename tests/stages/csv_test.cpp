// CSV as RFC 4180 has it, and records found in a file piece by piece.
#include "actors/stages/dataset/csv.hpp"

#include "actors/stages/dataset/record_scanner.hpp"
#include "schemas/base/rng.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::stages;

namespace {

using Fields = std::vector<std::string>;

std::string quoted(const std::string& field, char delimiter, bool always) {
  if (!always && field.find_first_of(std::string("\"\r\n") + delimiter) == std::string::npos)
    return field;
  std::string out = "\"";
  for (const char c : field) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::unique_ptr<ScratchFile> file_of(const std::string& content) {
  auto file = real_disk().scratch();
  REQUIRE(file.ok());
  REQUIRE((*file)->append(content).ok());
  return std::move(*file);
}

struct Found {
  std::string text;
  std::uint64_t line, offset;
};
std::vector<Found> records_of(const std::string& content, RecordForm form, std::size_t piece) {
  const auto file = file_of(content);
  RecordScanner scanner(*file, form, 0, piece);
  Record record;
  std::vector<Found> out;
  for (;;) {
    const auto more = scanner.next(record);
    REQUIRE(more.ok());
    if (!*more) return out;
    out.push_back({std::string(record.text), record.line, record.offset});
  }
}

}  // namespace

TEST_CASE("csv_fields_may_be_quoted_and_hold_quotes_delimiters_and_lines") {
  CHECK(*parse_csv_record("a,b,c", ',') == Fields{"a", "b", "c"});
  CHECK(*parse_csv_record("\"a,\"\"x\"\"\",\"b\nc\",", ',') == Fields{"a,\"x\"", "b\nc", ""});
  CHECK(*parse_csv_record("a;b\tc;", ';') == Fields{"a", "b\tc", ""});
  CHECK(*parse_csv_record("", ',') == Fields{""});
  CHECK(*parse_csv_record("a,b\r", ',') == Fields{"a", "b"});
  CHECK(*parse_csv_record("\"b\"\r", ',') == Fields{"b"});
  CHECK(*parse_csv_record("5\" pipe,x", ',') == Fields{"5\" pipe", "x"});
}

TEST_CASE("csv_that_cannot_be_meant_so_is_an_error") {
  CHECK(parse_csv_record("\"a\"b,c", ',').error().message == "has text after a closing quote");
  CHECK(parse_csv_record("a,\"b", ',').error().message == "has a quote that is never closed");
  CHECK_FALSE(parse_csv_record(std::string(20'000, ','), ',').ok());
}

TEST_CASE("what_is_written_as_csv_is_read_again_whatever_it_holds") {
  const std::string alphabet = "ab,;\"\n\r \xc3\xa9";
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    Rng rng(seed);
    const char delimiter = rng.below(2) == 0 ? ',' : ';';
    std::vector<Fields> rows(1 + rng.below(8));
    const std::size_t columns = 2 + rng.below(4);
    std::string file;
    std::vector<std::uint64_t> offsets, lines;
    std::uint64_t line = 1;
    for (Fields& row : rows) {
      std::string text;
      for (std::size_t i = 0; i < columns; ++i) {
        std::string field;
        for (std::uint64_t n = rng.below(12); n > 0; --n)
          field += alphabet[rng.below(alphabet.size())];
        row.push_back(field);
        text +=
            (i > 0 ? std::string(1, delimiter) : "") + quoted(field, delimiter, rng.below(3) == 0);
      }
      offsets.push_back(file.size());
      lines.push_back(line);
      line += 1 + static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
      file += text + (rng.below(2) == 0 ? "\n" : "\r\n");
    }
    const auto found = records_of(file, {true, delimiter}, 1 + rng.below(40));
    INFO("seed " << seed << "\n" << file);
    REQUIRE(found.size() == rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      CHECK(found[i].offset == offsets[i]);
      CHECK(found[i].line == lines[i]);
      const auto fields = parse_csv_record(found[i].text, delimiter);
      REQUIRE(fields.ok());
      CHECK(*fields == rows[i]);
    }
  }
}

TEST_CASE("any_bytes_as_csv_give_records_or_errors_and_no_byte_twice") {
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    Rng rng(seed, 1);
    std::string bytes;
    for (std::uint64_t n = rng.below(200); n > 0; --n) {
      const char* likely = "\",\n\r;a";
      bytes += rng.below(3) == 0 ? static_cast<char>(rng.below(256)) : likely[rng.below(6)];
    }
    const auto whole = records_of(bytes, {true, ','}, 4096);
    const auto pieces = records_of(bytes, {true, ','}, 1 + rng.below(9));
    REQUIRE(whole.size() == pieces.size());
    std::uint64_t at = 0;
    for (std::size_t i = 0; i < whole.size(); ++i) {
      CHECK(whole[i].text == pieces[i].text);
      CHECK(whole[i].offset == at);
      at += whole[i].text.size() + 1;
      (void)parse_csv_record(whole[i].text, ',');
      // Read alone, from its place, a record is the same.
      const auto file = file_of(bytes);
      RecordScanner alone(*file, {true, ','}, whole[i].offset, 7);
      Record record;
      REQUIRE(*alone.next(record));
      CHECK(record.text == whole[i].text);
    }
    CHECK((at == bytes.size() || at == bytes.size() + 1));
  }
}

TEST_CASE("lines_are_found_whatever_pieces_a_file_is_read_in") {
  const std::string text = "one\r\n\ntwo\nthree";
  for (std::size_t piece = 1; piece < 20; ++piece) {
    const auto found = records_of(text, {}, piece);
    REQUIRE(found.size() == 4);
    CHECK(found[0].text == "one");
    CHECK(found[2].text == "two");
    CHECK(found[2].line == 3);
    CHECK(found[3].offset == 10);
  }
}

TEST_CASE("a_record_that_is_too_long_is_passed_by_without_being_held") {
  const auto file = file_of(std::string(kRecordBytesMax + 5'000'000, 'x') + "\nnext\n");
  RecordScanner scanner(*file, {});
  Record record;
  REQUIRE(*scanner.next(record));
  CHECK(record.too_long);
  CHECK(record.text.empty());
  REQUIRE(*scanner.next(record));
  CHECK_FALSE(record.too_long);
  CHECK(record.text == "next");
  CHECK(record.line == 2);
  CHECK(record.offset == kRecordBytesMax + 5'000'001);
  CHECK_FALSE(*scanner.next(record));
}
