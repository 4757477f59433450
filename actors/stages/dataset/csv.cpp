#include "actors/stages/dataset/csv.hpp"

namespace troupe::stages {

Result<std::vector<std::string>> parse_csv_record(std::string_view record, char delimiter) {
  const auto broken = [](const char* what) { return Error{ErrorCode::InvalidArgument, what, ""}; };
  std::vector<std::string> fields(1);
  CsvMachine machine(delimiter);
  for (const char c : record) {
    switch (machine.feed(c)) {
      case CsvMachine::Step::Character:
        fields.back() += c;
        break;
      case CsvMachine::Step::Nothing:
        break;
      case CsvMachine::Step::EndField:
        if (fields.size() == kCsvFieldsMax) return broken("has more than 16,384 fields");
        fields.emplace_back();
        break;
      case CsvMachine::Step::EndRecord:
        return broken("has a line end outside quotes");
      case CsvMachine::Step::Stray:
        return broken("has text after a closing quote");
    }
  }
  if (machine.in_quotes()) return broken("has a quote that is never closed");
  if (!machine.was_quoted() && fields.back().ends_with('\r')) fields.back().pop_back();
  return fields;
}

}  // namespace troupe::stages
