#pragma once
// CSV as RFC 4180 has it: fields may stand in double quotes, a quote inside is doubled, and a
// quoted field may hold delimiters and line ends. Lines end with LF or CRLF. A quote in the middle
// of an unquoted field is an ordinary character. One machine serves both finding where records end
// and taking them apart, so that the two agree. Values; pure; bytes from anywhere.
#include <string>
#include <string_view>
#include <vector>

#include "schemas/base/result.hpp"

namespace troupe::stages {

class CsvMachine {
 public:
  enum class Step { Character, Nothing, EndField, EndRecord, Stray };
  explicit CsvMachine(char delimiter) : delimiter_(delimiter) {}

  /// What this character is. Stray: text between a closing quote and the next delimiter.
  Step feed(char c) {
    switch (state_) {
      case State::Start:
        if (c == '"') return to(State::Quoted, Step::Nothing);
        [[fallthrough]];
      case State::Plain:
        if (c == delimiter_) return to(State::Start, Step::EndField);
        if (c == '\n') return to(State::Start, Step::EndRecord);
        return to(State::Plain, Step::Character);
      case State::Quoted:
        if (c == '"') return to(State::Closed, Step::Nothing);
        return Step::Character;
      case State::Closed:
        if (c == '"') return to(State::Quoted, Step::Character);
        if (c == delimiter_) return to(State::Start, Step::EndField);
        if (c == '\n') return to(State::Start, Step::EndRecord);
        if (c == '\r') return Step::Nothing;
        return to(State::Plain, Step::Stray);
    }
    return Step::Stray;
  }
  bool in_quotes() const { return state_ == State::Quoted; }
  bool was_quoted() const { return state_ == State::Closed; }

 private:
  enum class State { Start, Plain, Quoted, Closed };
  Step to(State state, Step step) {
    state_ = state;
    return step;
  }
  char delimiter_;
  State state_ = State::Start;
};

/// As many as a spreadsheet has.
inline constexpr std::size_t kCsvFieldsMax = 16384;

/// The fields of one record, without the end of its line. InvalidArgument with a message that
/// continues "row 7 ...": "has text after a closing quote".
Result<std::vector<std::string>> parse_csv_record(std::string_view record, char delimiter);

}  // namespace troupe::stages
