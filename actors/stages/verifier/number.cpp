#include "actors/stages/verifier/number.hpp"

#include <algorithm>
#include <vector>

namespace troupe::stages {
namespace {

constexpr std::uint32_t kLimb = 1'000'000'000;

std::vector<std::uint32_t> limbs(std::string_view digits) {
  std::vector<std::uint32_t> result;
  for (std::size_t end = digits.size(); end > 0;) {
    const std::size_t begin = end > 9 ? end - 9 : 0;
    std::uint32_t limb = 0;
    for (std::size_t i = begin; i < end; ++i) {
      limb = limb * 10 + static_cast<std::uint32_t>(digits[i] - '0');
    }
    result.push_back(limb);
    end = begin;
  }
  return result;
}

/// Schoolbook product; both have at most kMaxDigits digits.
std::string product(std::string_view a, std::string_view b) {
  if (a == "1") return std::string(b);
  if (b == "1") return std::string(a);
  const auto x = limbs(a), y = limbs(b);
  std::vector<std::uint32_t> z(x.size() + y.size(), 0);
  for (std::size_t i = 0; i < x.size(); ++i) {
    std::uint64_t carry = 0;
    for (std::size_t j = 0; j < y.size() || carry != 0; ++j) {
      std::uint64_t sum = z[i + j] + carry;
      if (j < y.size()) sum += static_cast<std::uint64_t>(x[i]) * y[j];
      z[i + j] = static_cast<std::uint32_t>(sum % kLimb);
      carry = sum / kLimb;
    }
  }
  std::string digits;
  for (std::size_t i = z.size(); i-- > 0;) {
    const std::string limb = std::to_string(z[i]);
    digits.append(9 - limb.size(), '0').append(limb);
  }
  const std::size_t first = digits.find_first_not_of('0');
  return first == std::string::npos ? "0" : digits.substr(first);
}

std::int64_t strip_trailing_zeros(std::string& digits) {
  const std::size_t last = digits.find_last_not_of('0');
  if (last == std::string::npos) return 0;
  const std::size_t zeros = digits.size() - last - 1;
  digits.resize(last + 1);
  return static_cast<std::int64_t>(zeros);
}

/// Adds one to a string of digits.
std::string successor(std::string digits) {
  for (std::size_t i = digits.size(); i-- > 0;) {
    if (digits[i] != '9') {
      ++digits[i];
      return digits;
    }
    digits[i] = '0';
  }
  return "1" + digits;
}

std::string without_leading_zeros(std::string digits) {
  const std::size_t first = digits.find_first_not_of('0');
  return first == std::string::npos ? "0" : digits.substr(first);
}

/// |value| * 10^places rounded half up to an integer; nothing when that is out of proportion.
std::optional<std::string> rounded(const Number& n, int places) {
  const std::int64_t shift = n.exponent + places;
  if (shift > static_cast<std::int64_t>(kMaxDigits)) return std::nullopt;
  if (n.denominator == "1") {
    if (shift >= 0) return without_leading_zeros(n.numerator + std::string(shift, '0'));
    const std::size_t drop = static_cast<std::size_t>(-shift);
    if (drop > n.numerator.size()) return "0";
    const std::string kept = "0" + n.numerator.substr(0, n.numerator.size() - drop);
    const bool up = n.numerator[n.numerator.size() - drop] >= '5';
    return without_leading_zeros(up ? successor(kept) : kept);
  }
  if (shift < 0 || n.denominator.size() > 18) return std::nullopt;
  const auto divisor = static_cast<unsigned __int128>(std::stoull(n.denominator));
  unsigned __int128 rest = 0;
  std::string quotient = "0";
  for (const char c : n.numerator + std::string(shift, '0')) {
    rest = rest * 10 + static_cast<unsigned>(c - '0');
    quotient.push_back(static_cast<char>('0' + static_cast<int>(rest / divisor)));
    rest %= divisor;
  }
  return without_leading_zeros(rest * 2 >= divisor ? successor(quotient) : quotient);
}

bool match_ignoring_percent(const Number& gold, const Number& answer, int precision) {
  if (same_value(gold, answer)) return true;
  const bool mixed = (gold.fraction && answer.decimal) || (gold.decimal && answer.fraction);
  if (!mixed || precision < 0 || gold.negative != answer.negative) return false;
  const auto a = rounded(gold, precision), b = rounded(answer, precision);
  return a && b && *a == *b && *a != "0";
}

}  // namespace

bool same_value(const Number& a, const Number& b) {
  if (a.negative != b.negative) return false;
  std::string left = product(a.numerator, b.denominator);
  std::string right = product(b.numerator, a.denominator);
  if (left == "0" || right == "0") return left == right;
  const std::int64_t left_exponent = a.exponent + strip_trailing_zeros(left);
  const std::int64_t right_exponent = b.exponent + strip_trailing_zeros(right);
  return left == right && left_exponent == right_exponent;
}

bool numbers_match(const Number& gold, const Number& answer, int precision) {
  if (match_ignoring_percent(gold, answer, precision)) return true;
  if (gold.percent == answer.percent) return false;
  Number a = gold, b = answer;
  (a.percent ? a : b).exponent -= 2;
  return match_ignoring_percent(a, b, precision);
}

}  // namespace troupe::stages
