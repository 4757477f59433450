// Reading and comparing numbers.
#include <string>
#include <vector>

#include "actors/stages/verifier/number.hpp"
#include "schemas/base/rng.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::stages;

namespace {

struct Pair {
  const char* gold;
  const char* answer;
};

bool match(std::string_view gold, std::string_view answer, int precision = 6) {
  const auto a = parse_number(gold), b = parse_number(answer);
  return a && b && numbers_match(*a, *b, precision);
}

}  // namespace

TEST_CASE("the_same_number_in_another_form_is_equal") {
  const std::vector<Pair> pairs = {
      // separators
      {"1234567", "1,234,567"},
      {"1234567", "$1,234,567$"},
      {"40960", "40,\\!960"},
      {"7425001", "7,\\!425,\\!001"},
      {"11111111100", "11,\\! 111,\\! 111,\\! 100"},
      {"1234567", "1{,}234{,}567"},
      {"1000", "1 000"},
      {"1234567", "1\\,234\\,567"},
      {"12345",
       "12\xE2\x80\x89"
       "345"},
      {"12345",
       "12\xE2\x80\xAF"
       "345"},
      {"12345",
       "12\xC2\xA0"
       "345"},
      {"1000.5", "1 000,5"},
      // decimals
      {"1000.99", "1000,99"},
      {"1000.99", "1,000.99"},
      {"1,22", "1.22"},
      {"0,111", "0.111"},
      {"0.4", ".4"},
      {"1000", "1000.0"},
      {"1000.0", "1,000.0"},
      {"3.50", "3.5"},
      {"3.5", "3.5000"},
      {"12.50", "12.5"},
      {"7", "007"},
      {"004", "4"},
      {"0.06", ".06"},
      // signs
      {"-5", "-5"},
      {"-5",
       "\xE2\x88\x92"
       "5"},
      {"-5", "- 5"},
      {"-5", "(-5)"},
      {"5", "+5"},
      {"0", "-0"},
      {"0", "0.000"},
      {"-10500", "$-10,500$"},
      {"-0.5", "-.5"},
      {"-5", "-(5)"},
      {"-18", "-$18"},
      // wrappers
      {"42", " 42 \n"},
      {"36", "36."},
      {"36", "**36**"},
      {"36", "\\(36\\)"},
      {"36", "\\[36\\]"},
      {"36", "$$36$$"},
      {"36", "{36}"},
      {"36", "((36))"},
      {"36", "`36`"},
      {"36", "\"36\""},
      {"36", "\\boxed{36}"},
      {"36", "\\text{36}"},
      {"36", "\\left(36\\right)"},
      {"36", "\\displaystyle 36"},
      {"5", "\\text{The value is } 5"},
      // fractions
      {"$\\frac{3}{7}$", "$\\dfrac{3}{7}$"},
      {"3/7", "\\tfrac{3}{7}"},
      {"3/7", "\\cfrac{3}{7}"},
      {"-5/12", "$\\left(-\\frac{5}{12}\\right)$"},
      {"-5/12", "\\frac{-5}{12}"},
      {"-5/12", "\\frac{5}{-12}"},
      {"-5/12", "-\\tfrac{5}{12}"},
      {"5/12", "\\frac{-5}{-12}"},
      {"22/9", "\\frac{44}{18}"},
      {"1/2", "\\frac12"},
      {"1/2", "\\frac1{2}"},
      {"1/2", "\\frac{1}2"},
      {"1/2", "\\frac 1 2"},
      {"1/2", "\\dfrac{ 1 }{ 2 }"},
      {"1/2", "0.5"},
      {"1/4", ".25"},
      {"0.125", "1/8"},
      {"2", "4/2"},
      {"2", "\\frac{4}{2}"},
      {"1/3", "1 / 3"},
      {"1/300", "\\frac{1}{300}"},
      {"100/3", "\\frac{1000}{30}"},
      {"1/2", "\\frac{0.5}{1}"},
      {"5", "\\frac{0.5}{0.1}"},
      {"3/2", "1 1/2"},
      {"3/2", "1\\frac{1}{2}"},
      {"-3/2", "-1\\frac12"},
      {"10/9", "\\frac{10}{9}"},
      {"1000/3", "1,000/3"},
      // rounding of a decimal against a fraction
      {"2/3", "0.666667"},
      {"0.333333", "1/3"},
      {"1/12", "0.0833333333333333"},
      {"-2/3", "-0.666667"},
      {"1/3", "0.33333333333333333333333333333333333"},
      // percent
      {"35\\%", "35%"},
      {"28\\%", "28 percent"},
      {"28\\%", "28 pct"},
      {"28%", "28 %"},
      {"$28\\%$", "$28$ %"},
      {"28", "28%"},
      {"0.28", "28%"},
      {"28%", "0.28"},
      {"1/4", "25%"},
      {"28%", "28 percentage"},
      // currency and units
      {"18", "$18"},
      {"18", "\\$18"},
      {"18",
       "\xE2\x82\xAC"
       "18"},
      {"18", "18\xE2\x82\xAC"},
      {"18",
       "\xC2\xA3"
       "18"},
      {"18", "18 dollars"},
      {"18", "18 USD"},
      {"18", "USD 18"},
      {"2.74", "2,74 $"},
      {"1000.99", "1,000.99m\xC2\xB2"},
      {"15", "15 cm"},
      {"15", "15cm"},
      {"15", "15 sq. ft."},
      {"64", "$64\\mathrm{\\,ft}^3$"},
      {"1/3", "$\\frac{1}{3} \\text{meters}$"},
      {"125", "125\\textnormal{ miles}"},
      {"125 miles", "125"},
      {"90^\\circ", "90"},
      {"90", "90\xC2\xB0"},
      {"90", "90^{\\circ}"},
      {"60", "60 km/h"},
      {"12", "12 apples"},
      {"7", "7 red balls"},
      {"5", "5 m"},
      {"5", "5 m^2"},
      {"5", "5 m^{2}"},
      {"0.06", "0.06 yuan"},
      // powers of ten
      {"300000000", "3\\times10^{8}"},
      {"300000000", "3 \\cdot 10^8"},
      {"300000000", "3e8"},
      {"300000000", "3x10^8"},
      {"0.0012", "1.2e-3"},
      {"0.0012", "1.2 \\times 10^{-3}"},
      {"300000000", "3 \xC3\x97 10^8"},
      // assignments and chains
      {"7", "$x=7$"},
      {"7", "x = 7"},
      {"7", "f(x)=7"},
      {"7", "|AB|=7"},
      {"7", "A:B=7"},
      {"8", "5 + 3 = 8"},
      {"11", "x = 5+5+1 = 7 = 11"},
      {"1/3", "x=1/3\\approx1.3"},
      {"11", "x\\approx11"},
      {"11", "x \xE2\x89\x88 11"},
      {"8", "5 \\times 1 + 3 = 8"},
      {"10/9", "\\frac{1}{2} = \\frac{10}{9}"},
      {"k = 45", "45"},
      {"5", "Total = 5"},
      {"5", "Total cost: $5"},
      {"5", "a_{37} = 5"},
  };
  for (const Pair& p : pairs) {
    INFO(p.gold << " against " << p.answer);
    CHECK(match(p.gold, p.answer));
    CHECK(match(p.answer, p.gold));
  }
  CHECK(pairs.size() >= 130);
}

TEST_CASE("another_number_or_something_else_is_not_equal") {
  const std::vector<Pair> pairs = {
      {"1234567", "-1234567"},
      {"40960", "409600"},
      {"7425001", "7425002"},
      {"100", "1000"},
      {"42", "4 2"},
      {"42", "4,2"},
      {"1234", "12,34"},
      {"12345", "1,2345"},
      {"1234567", "1,23,4567"},
      {"32349", "32, 349"},
      {"12345", "12 34 5"},
      {"3/7", "4/7"},
      {"3/7", "7/3"},
      {"3/7", "-3/7"},
      {"-5/12", "\\frac{-4}{12}"},
      {"22/9", "23/9"},
      {"1/4", "25"},
      {"1/3", "0.3"},
      {"1/3", "0.3333"},
      {"0.333333", "0.3333333"},
      {"35%", "3.5%"},
      {"28%", "2800"},
      {"28%", "0.28%"},
      {"28", "0.28"},
      {"3.50", "3.05"},
      {"18", "$81"},
      {"5", "5 or 6"},
      {"5", "5 and 6"},
      {"5", "5, 6"},
      {"5", "5 6"},
      {"5", "5 \\text{ or } 6"},
      {"5", "5x"},
      {"5", "5 x"},
      {"5", "5\\pi"},
      {"5", "5 pi"},
      {"4", "4\\sqrt{5}"},
      {"1", "1\\sqrt{19}"},
      {"2", "2^{10}"},
      {"10", "10^{10}"},
      {"5", "5!"},
      {"5", "5 million"},
      {"5", "negative 5"},
      {"5", "not 5"},
      {"5", "less than 5"},
      {"5", "-5"},
      {"5", "x + 5"},
      {"5", "5 + 0"},
      {"5", "1,2,5"},
      {"5", "(5, 5)"},
      {"5", "[5]"},
      {"5", "5:5"},
      {"12", "3x + 4y = 12"},
      {"1", "2x + z = 1"},
      {"0", "a + 3z = 0"},
      {"5", "x > 5"},
      {"5", "x <= 5"},
      {"5", "x \\neq 5"},
      {"5", "x != 5"},
      {"5", "\\pm 5"},
      {"5", "NaN"},
      {"5", "inf"},
      {"5", ""},
      {"0", "   "},
      {"5", "five"},
      {"5", "\\input{secret}"},
      {"2", "AZYUK2A"},
      {"5", "1.2.5"},
      {"5", "--5"},
      {"5", "+-5"},
      {"5", "5/0"},
      {"0", "0/0"},
      {"5", "\\frac{5}{0}"},
      {"5", "\\frac{5}"},
      {"5", "\\frac{5}{x}"},
      {"5", "5/"},
      {"5", "/5"},
      {"5", "."},
      {"5", "5-"},
      {"5", "5 - 0"},
      {"1", "3/2/1"},
      {"5", "5e"},
      {"5", "5e9999999999"},
      {"1", "1 1/2"},
      {"7", "x = 7 + y"},
      {"5", "x = 5 = y"},
      {"0.9", "(0,9)"},
      {"1.3", "{1,3}"},
      {"1234", "(1,234)"},
      {"2", "p = 5, q = 2"},
      {"2", "p=5,q=2;p=7,q=2"},
      {"16", "1 6"},
      {"0", "1e-9"},
  };
  for (const Pair& p : pairs) {
    INFO(p.gold << " against " << p.answer);
    CHECK_FALSE(match(p.gold, p.answer));
  }
  CHECK(match("1/3", "0.33", 2));
  CHECK_FALSE(match("1/3", "0.33", 3));
  CHECK_FALSE(match("2/3", "0.666667", -1));
  CHECK_FALSE(match("2/3", "0.666667", 7));
}

TEST_CASE("digits_beyond_any_machine_word_compare_exactly") {
  const std::string ones(5000, '1');
  CHECK(match(ones, ones + ".0"));
  CHECK_FALSE(match(ones, ones.substr(1) + "2"));
  CHECK_FALSE(match(ones, ones + "1"));
  CHECK(match("1" + std::string(4000, '0'), "1e4000"));
  CHECK(match("0." + std::string(4000, '0') + "1", "1e-4001"));
  // (10^50 + 1) / (2 * 10^50 + 2) is one half
  const std::string n = "1" + std::string(49, '0') + "1", twice = "2" + std::string(49, '0') + "2";
  CHECK(match("1/2", n + "/" + twice));
  CHECK_FALSE(match("1/2", n + "/" + twice.substr(0, twice.size() - 1) + "3"));
  CHECK_FALSE(parse_number(std::string(kMaxDigits + 1, '7')));
  CHECK_FALSE(parse_number("0." + std::string(kMaxDigits + 1, '7')));
  CHECK(parse_number(std::string(kMaxDigits, '7')));
}

TEST_CASE("random_fractions_equal_their_multiples_and_nothing_near") {
  Rng rng(7);
  for (int i = 0; i < 500; ++i) {
    const std::uint64_t a = rng.below(1000000), b = 1 + rng.below(1000000), k = 2 + rng.below(5000);
    const std::string gold = std::to_string(a) + "/" + std::to_string(b);
    const std::string same = "\\frac{" + std::to_string(a * k) + "}{" + std::to_string(b * k) + "}";
    const std::string near = std::to_string(a * k + 1) + "/" + std::to_string(b * k);
    INFO(gold << " " << same << " " << near);
    CHECK(match(gold, same));
    CHECK_FALSE(match(gold, near));
  }
}

TEST_CASE("random_decimals_round_trip_through_separators_and_fractions") {
  Rng rng(11);
  for (int i = 0; i < 500; ++i) {
    const std::uint64_t whole = rng.below(1'000'000'000), cents = rng.below(100);
    std::string digits = std::to_string(whole), grouped;
    for (std::size_t k = 0; k < digits.size(); ++k) {
      if (k > 0 && (digits.size() - k) % 3 == 0) grouped += ',';
      grouped += digits[k];
    }
    const std::string fraction = std::string(cents < 10 ? "0" : "") + std::to_string(cents);
    INFO(grouped << "." << fraction);
    CHECK(match(digits + "." + fraction, "$" + grouped + "." + fraction));
    CHECK(match(digits + "." + fraction, std::to_string(whole * 100 + cents) + "/100"));
  }
}

TEST_CASE("any_bytes_are_read_without_harm") {
  Rng rng(3);
  const std::string alphabet = "0123456789.,-+/%$\\{}()[]=^ frace\xE2\x88\x92\n*x";
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    const std::size_t length = rng.below(24);
    for (std::size_t k = 0; k < length; ++k) {
      text += rng.uniform() < 0.9 ? alphabet[rng.below(alphabet.size())]
                                  : static_cast<char>(rng.below(256));
    }
    if (const auto n = parse_number(text)) {
      INFO("'" << text << "'");
      CHECK_FALSE(n->numerator.empty());
      CHECK(n->numerator.find_first_not_of("0123456789") == std::string::npos);
      CHECK(n->denominator.find_first_not_of("0123456789") == std::string::npos);
      CHECK(n->denominator != "0");
      CHECK(same_value(*n, *n));
    }
  }
}
