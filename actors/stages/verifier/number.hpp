#pragma once
// Number: the exact value of a written number, and how answers read and compare numbers. Digits are
// kept as text, so nothing overflows and nothing is rounded unless asked. Values; pure functions;
// any thread. Reading takes time linear in the text and gives nothing for what is not one number.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::stages {

/// Longest run of digits that is read. Comparing takes quadratic time: this keeps it under 1 ms.
inline constexpr std::size_t kMaxDigits = 10'000;
/// Longest text that is looked at as one answer.
inline constexpr std::size_t kMaxAnswerBytes = 64 * 1024;

/// sign * numerator / denominator * 10^exponent, in the one normal form: no leading zeros, trailing
/// zeros moved into the exponent, zero is +0/1.
struct Number {
  bool negative = false;
  std::string numerator = "0";
  std::string denominator = "1";
  std::int64_t exponent = 0;
  bool percent = false;   // a percent sign or word followed
  bool decimal = false;   // written with a decimal point or comma
  bool fraction = false;  // written as a fraction or mixed number
  std::string written;    // as written without separators, currency and unit: "-1234.50", "3/4"
};

/// The whole of `text` as one number. Understood: integers and decimals with thousands separators
/// (comma, thin or plain space, `{,}`, `\!`), decimal comma, signs (Unicode minus too), a/b,
/// \frac{a}{b} and its kin, mixed numbers, powers of ten, currency, percent, units in words, LaTeX
/// dollars and wrappers, `x = ...` and chains of equalities (the last value counts). Not
/// understood, so nothing: lists, expressions, several numbers, malformed groups.
std::optional<Number> parse_number(std::string_view text);

/// Exactly the same value; the percent marks are not looked at.
bool same_value(const Number& a, const Number& b);

/// Whether `answer` is accepted for `gold`: the same value, or, for a written decimal against a
/// fraction, the same after rounding both to `precision` decimal places (negative: exact only).
/// 28% equals 28 as well as 0.28, because gold answers are written either way.
bool numbers_match(const Number& gold, const Number& answer, int precision = 6);

}  // namespace troupe::stages
