#include <algorithm>

#include "actors/stages/verifier/number.hpp"
#include "actors/stages/verifier/number_text.hpp"

namespace troupe::stages {
namespace {

/// Moves trailing zeros into the exponent; makes zero the one zero.
void normalise(Number& n) {
  const auto strip = [](std::string& digits) {
    const std::size_t first = digits.find_first_not_of('0');
    digits = first == std::string::npos ? "0" : digits.substr(first);
    const std::size_t last = digits.find_last_not_of('0');
    if (last == std::string::npos) return std::int64_t{0};
    const auto zeros = static_cast<std::int64_t>(digits.size() - last - 1);
    digits.resize(last + 1);
    return zeros;
  };
  n.exponent += strip(n.numerator);
  n.exponent -= strip(n.denominator);
  if (n.numerator == "0") {
    n.negative = false;
    n.denominator = "1";
    n.exponent = 0;
  }
}

struct Decimal {
  std::string digits;  // integer and fractional part together
  std::int64_t places = 0;
  bool point = false;
  std::string written;
};

/// A cursor over plain text.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool done() const { return at_ == text_.size(); }
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  void spaces() {
    while (peek() == ' ') ++at_;
  }
  bool take(std::string_view token) {
    if (text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }
  std::string_view word() {
    const std::size_t begin = at_;
    while (is_letter(peek())) ++at_;
    return text_.substr(begin, at_ - begin);
  }
  std::size_t at() const { return at_; }
  void seek(std::size_t at) { at_ = at; }
  std::string_view text() const { return text_; }

  std::size_t digits_ahead(std::size_t from) const {
    std::size_t n = 0;
    while (is_digit(peek(from + n))) ++n;
    return n;
  }

  /// An unsigned decimal, with thousands separators. `spaced`: groups may be parted by a space.
  std::optional<Decimal> decimal(bool spaced) {
    Decimal d;
    const std::size_t whole = digits_ahead(0);
    if (whole > kMaxDigits) return std::nullopt;
    d.digits.assign(text_.substr(at_, whole));
    at_ += whole;
    const bool may_group = whole >= 1 && whole <= 3 && d.digits.front() != '0';
    const char separator = peek();
    if (may_group && (separator == ',' || (spaced && separator == ' ')) && digits_ahead(1) == 3) {
      while (peek() == separator && digits_ahead(1) == 3) {
        d.digits.append(text_.substr(at_ + 1, 3));
        at_ += 4;
        if (d.digits.size() > kMaxDigits) return std::nullopt;
      }
      if (peek() == ',' && digits_ahead(1) > 0) {  // "1 000,5" is a decimal; "1,234,5" is malformed
        if (separator == ' ') return fraction_part(std::move(d));
        return std::nullopt;
      }
    } else if (separator == ',' && whole > 0 && digits_ahead(1) > 0) {
      return fraction_part(std::move(d));
    }
    if (peek() == '.' && digits_ahead(1) > 0) return fraction_part(std::move(d));
    if (d.digits.empty()) return std::nullopt;
    d.written = d.digits;
    return d;
  }

 private:
  /// The cursor is at the point or decimal comma.
  std::optional<Decimal> fraction_part(Decimal d) {
    ++at_;
    const std::size_t places = digits_ahead(0);
    if (d.digits.size() + places > kMaxDigits) return std::nullopt;
    const std::string_view digits = text_.substr(at_, places);
    d.written = (d.digits.empty() ? "0" : d.digits) + "." + std::string(digits);
    d.digits.append(digits);
    d.places = static_cast<std::int64_t>(places);
    d.point = true;
    at_ += places;
    // "1.2.3" and "1,2,3" are not numbers.
    if ((peek() == '.' || peek() == ',') && digits_ahead(1) > 0) return std::nullopt;
    return d;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

Number from_decimal(const Decimal& d) {
  Number n;
  n.numerator = d.digits;
  n.exponent = -d.places;
  n.decimal = d.point;
  n.written = d.written;
  return n;
}

/// An argument of \frac: a signed decimal, alone.
std::optional<Number> argument_number(std::string_view text) {
  if (!text.empty() && text.front() == '{') text = text.substr(1, text.size() - 2);
  Reader r(trimmed(text));
  const bool negative = r.take("-");
  if (!negative) r.take("+");
  r.spaces();
  const auto d = r.decimal(false);
  if (!d || !r.done()) return std::nullopt;
  Number n = from_decimal(*d);
  n.negative = negative;
  if (negative) n.written = "-" + n.written;
  return n;
}

std::optional<Number> quotient(const Number& a, const Number& b) {
  Number n = a;
  n.negative = a.negative != b.negative;
  // 10^-e of the divisor goes into the exponent of the whole.
  n.denominator = b.numerator;
  n.exponent = a.exponent - b.exponent;
  n.decimal = false;
  n.fraction = true;
  n.written = a.written + "/" + b.written;
  if (b.numerator.find_first_not_of('0') == std::string::npos) return std::nullopt;
  return n;
}

std::optional<Number> latex_fraction(Reader& r) {
  const std::size_t command = fraction_command(r.text(), r.at());
  if (command == 0) return std::nullopt;
  const std::size_t first = r.at() + command;
  const std::size_t second = argument_end(r.text(), first);
  if (second == std::string_view::npos) return std::nullopt;
  const std::size_t end = argument_end(r.text(), second);
  if (end == std::string_view::npos) return std::nullopt;
  const auto a = argument_number(trimmed(r.text().substr(first, second - first)));
  const auto b = argument_number(trimmed(r.text().substr(second, end - second)));
  if (!a || !b) return std::nullopt;
  r.seek(end);
  return quotient(*a, *b);
}

/// whole + part for a mixed number; both small.
std::optional<Number> mixed(const Number& whole, const Number& part) {
  const auto small = [](const std::string& digits) { return digits.size() <= 9; };
  if (part.negative || part.exponent != 0 || !small(whole.numerator) || !small(part.numerator) ||
      !small(part.denominator)) {
    return std::nullopt;
  }
  const std::uint64_t denominator = std::stoull(part.denominator);
  Number n = part;
  n.numerator =
      std::to_string(std::stoull(whole.numerator) * denominator + std::stoull(part.numerator));
  n.written = whole.written + " " + part.written;
  return n;
}

/// After "d": "\times 10^{n}", "\cdot10^n", "x 10^n", "e-5". False: there is one, and it is wrong.
bool power_of_ten(Reader& r, Number& n) {
  const std::size_t start = r.at();
  const bool e =
      (r.peek() == 'e' || r.peek() == 'E') &&
      (r.digits_ahead(1) > 0 || ((r.peek(1) == '-' || r.peek(1) == '+') && r.digits_ahead(2) > 0));
  if (e) {
    r.seek(r.at() + 1);
  } else {
    r.spaces();
    const bool times = r.take("\\times") || r.take("\\cdot") || r.take("x") || r.take("*");
    r.spaces();
    if (!times || !r.take("10^")) {
      r.seek(start);
      return true;
    }
  }
  const bool braced = r.take("{");
  const bool negative = r.take("-");
  if (!negative) r.take("+");
  const std::size_t digits = r.digits_ahead(0);
  if (digits == 0 || digits > 6) return false;
  const std::int64_t power = std::stoll(std::string(r.text().substr(r.at(), digits)));
  r.seek(r.at() + digits);
  if (braced && !r.take("}")) return false;
  n.exponent += negative ? -power : power;
  n.written = std::string(r.text().substr(0, r.at()));
  return true;
}

std::optional<Number> magnitude(Reader& r) {
  if (r.peek() == '\\') return latex_fraction(r);
  const auto d = r.decimal(true);
  if (!d) return std::nullopt;
  Number n = from_decimal(*d);
  const std::size_t after = r.at();
  r.spaces();
  if (r.peek() == '\\' && !d->point) {
    if (const auto part = latex_fraction(r)) return mixed(n, *part);
  }
  if (r.take("/")) {
    r.spaces();
    const auto b = r.decimal(false);
    return b ? quotient(n, from_decimal(*b)) : std::nullopt;
  }
  if (is_digit(r.peek()) && r.at() > after && !d->point) {  // "1 1/2"
    const auto a = r.decimal(false);
    if (!a || a->point || !r.take("/")) return std::nullopt;
    const auto b = r.decimal(false);
    if (!b || b->point) return std::nullopt;
    const auto part = quotient(from_decimal(*a), from_decimal(*b));
    return part ? mixed(n, *part) : std::nullopt;
  }
  r.seek(after);
  return power_of_ten(r, n) ? std::optional(n) : std::nullopt;
}

/// Percent and units up to the end of the text.
bool suffix(Reader& r, Number& n) {
  r.spaces();
  if (r.take("%")) n.percent = true;
  for (int words = 0; words <= 12; ++words) {
    r.spaces();
    if (r.take("/")) r.spaces();  // km/h
    if (r.done()) return true;
    const std::string_view word = r.word();
    if (word == "percent" || word == "pct" || word == "percentage") {
      n.percent = true;
    } else if (!is_unit(word)) {
      return false;
    }
    r.spaces();
    if (r.take("^")) {
      const bool braced = r.take("{");
      if (r.digits_ahead(0) != 1) return false;
      r.seek(r.at() + 1);
      if (braced && !r.take("}")) return false;
    }
    if (r.peek() == '.' || r.peek() == ',') r.seek(r.at() + 1);  // "sq. ft."
  }
  return false;
}

/// Words before the number: "USD 5", "The value is 5". Nothing that changes a value.
bool prefix(Reader& r) {
  for (int words = 0; words <= 12; ++words) {
    r.spaces();
    const std::string_view word = r.word();
    if (word.empty()) return true;
    if (word.size() < 2 || is_operator_word(word)) return false;
    if (r.peek() == ':') r.seek(r.at() + 1);
  }
  return false;
}

/// Outer parentheses and braces that belong together. A comma inside makes it a pair, not a number:
/// (0,9) is not 0.9, and (1,234) is not 1234. Then the text stays as it is and is not read.
std::string_view unwrapped(std::string_view text) {
  for (int i = 0; i < 8; ++i) {
    text = bare(text);
    if (text.size() < 2) return text;
    const char open = text.front(), close = open == '(' ? ')' : '}';
    if ((open != '(' && open != '{') || text.back() != close) return text;
    const std::string_view inside = text.substr(1, text.size() - 2);
    if (inside.find(',') != inside.npos) return text;
    if (inside.find(open) != inside.npos && inside.find(close) < inside.find(open)) return text;
    text = inside;
  }
  return text;
}

/// A value that may stand left of the last equals sign: a name, or arithmetic without a name.
/// An equation such as 2x + z = 1 does not state the value of its right side.
bool is_name_or_arithmetic(std::string_view text) {
  text = trimmed(text);
  if (text.empty()) return true;
  bool letters = false, operators = false, digit_then_letter = false, command = false, list = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_letter(c)) {
      letters = true;
      digit_then_letter |= i > 0 && is_digit(text[i - 1]);
    }
    operators |= c == '+' || c == '*' || c == '/' || c == '^' || c == '-';
    command |= c == '\\';
    list |= c == ',' || c == ';';
    if (c == '<' || c == '>' || c == '!') return false;
  }
  if (!letters) return true;
  if (list) return false;  // "p = 5, q = 2" states two values
  if (command) {  // \frac{1}{2}, \times: arithmetic if nothing but known commands has letters
    std::string rest(text);
    for (const std::string_view known :
         {"\\dfrac", "\\tfrac", "\\cfrac", "\\frac", "\\times", "\\cdot", "\\div"}) {
      for (std::size_t p; (p = rest.find(known)) != rest.npos;) rest.replace(p, known.size(), " ");
    }
    return std::none_of(rest.begin(), rest.end(), [](char c) { return is_letter(c) || c == '\\'; });
  }
  return !operators && !digit_then_letter;
}

/// The last value of a chain a = b = c ≈ d: c. Nothing when it is an equation instead.
std::optional<std::string_view> chain_value(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t p = 0; (p = text.find('=', p)) != text.npos; ++p) {
    if (p > 0 && std::string_view("<>!:").find(text[p - 1]) != std::string_view::npos) {
      return std::nullopt;
    }
    if (++count > 16) return std::nullopt;
  }
  constexpr std::string_view kApprox = "\\approx";
  for (std::size_t p; (p = text.find('=')) != text.npos;) {
    if (!is_name_or_arithmetic(text.substr(0, p))) return std::nullopt;
    text.remove_prefix(p + 1);
  }
  const std::size_t approx = text.find(kApprox);
  if (approx == text.npos) return text;
  if (count > 0) return text.substr(0, approx);
  if (!is_name_or_arithmetic(text.substr(0, approx))) return std::nullopt;
  return text.substr(approx + kApprox.size());
}

}  // namespace

std::optional<Number> parse_number(std::string_view text) {
  text = trimmed(text);
  if (text.empty() || text.size() > kMaxAnswerBytes) return std::nullopt;
  const std::string cleaned = plain(text);
  const auto value = chain_value(bare(cleaned));
  if (!value) return std::nullopt;

  Reader r(unwrapped(*value));
  if (!prefix(r)) return std::nullopt;
  r.spaces();
  const bool negative = r.take("-");
  if (!negative) r.take("+");
  r.spaces();
  const bool parenthesised = r.take("(");
  if (parenthesised && r.text().find(',') != std::string_view::npos) return std::nullopt;
  auto n = magnitude(r);
  if (!n || (parenthesised && !r.take(")")) || !suffix(r, *n)) return std::nullopt;
  if (negative) {
    n->negative = !n->negative;
    n->written = "-" + n->written;
  }
  normalise(*n);
  return n;
}

}  // namespace troupe::stages
