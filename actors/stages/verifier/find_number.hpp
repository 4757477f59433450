#pragma once
// Finding numbers in prose: which digits of a text are a number somebody states, with its sign,
// currency, LaTeX fraction and percent sign. Digits inside words, exponents, indices and clock
// times are not. Pure functions, linear time.
#include <optional>
#include <string_view>

namespace troupe::stages {

/// The last number of `text` as written, readable by parse_number.
std::optional<std::string_view> last_number(std::string_view text);

/// The first number of `text`; its end position is where the rest begins.
std::optional<std::string_view> first_number(std::string_view text);

/// The number that `text` begins with, after spaces, emphasis and currency.
std::optional<std::string_view> leading_number(std::string_view text);

}  // namespace troupe::stages
