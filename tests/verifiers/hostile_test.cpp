// Megabytes that were written to hurt. No time is asserted here: code that takes quadratic time
// over these texts needs hours, and the time limit of the test ends it.
#include <string>
#include <vector>

#include "actors/stages/verifier/answer.hpp"
#include "actors/stages/verifier/format.hpp"
#include "actors/stages/verifier/gsm8k_rules.hpp"
#include "schemas/base/rng.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::stages;

namespace {

std::string repeated(std::string_view piece, std::size_t bytes) {
  std::string text;
  text.reserve(bytes + piece.size());
  while (text.size() < bytes) text += piece;
  return text;
}

/// Everything a verifier may do with a completion.
void judge(const std::string& text) {
  for (const AnswerForm form : {AnswerForm::Any, AnswerForm::Boxed, AnswerForm::Hash,
                                AnswerForm::LastNumber, AnswerForm::AnswerTag}) {
    MathOptions options;
    options.extract.extract = form;
    const Verdict v = check_math(text, "123456", options);
    CHECK(v.outcome == Outcome::Scored);
    CHECK(v.score == 0);
    CHECK(v.detail.size() < 500);
  }
  CHECK_FALSE(parse_gold(text));
  for (const FormatRule rule : {FormatRule::ThinkAnswer, FormatRule::ThinkAnswerInline,
                                FormatRule::TagCount, FormatRule::Or1Format, FormatRule::Boxed}) {
    CHECK(format_score(rule, text, true) <= 1);
  }
  (void)gsm8k_extract(text, Gsm8kRule::First);
  (void)gsm8k_extract(text, Gsm8kRule::Flexible);
}

}  // namespace

TEST_CASE("hostile_texts_are_judged_in_linear_time") {
  const std::vector<std::string> pieces = {"{",
                                           "}",
                                           "\\boxed{",
                                           "\\boxed{}",
                                           "\\boxed{\\boxed{",
                                           "\\",
                                           "\\\\",
                                           "####",
                                           "#### ",
                                           "#### 1 or 2\n",
                                           "<think>",
                                           "</think>",
                                           "<answer>",
                                           "</answer>",
                                           "<answer>1</answer>",
                                           "answer is ",
                                           "answer: x\n",
                                           "answer is 1 or 2.",
                                           "answeranswer",
                                           "1",
                                           "1,",
                                           "1.",
                                           "-",
                                           "--1",
                                           "$",
                                           "%",
                                           "=",
                                           "1=",
                                           "x=",
                                           "/",
                                           "1/",
                                           "\\frac",
                                           "\\frac{",
                                           "\\frac{1}{",
                                           "\\frac{1}{2}",
                                           "1 ",
                                           "1,000,",
                                           "\\!",
                                           "1\\!",
                                           "\\text{",
                                           "\\text{\\text{",
                                           "(",
                                           "((1",
                                           " ",
                                           "\n",
                                           "\xE2\x88\x92",
                                           "\xFF",
                                           std::string(1, '\0'),
                                           "e",
                                           "1e9",
                                           "10^",
                                           "10^{",
                                           "\\boxed{1}, ",
                                           "\\boxed{1} or ",
                                           "<think>\n",
                                           "\n</think>\n<answer>\n",
                                           "\n</answer>",
                                           "\n</answer>x",
                                           "9 1/2 ",
                                           ".",
                                           "..",
                                           "1:2:",
                                           "_1",
                                           "^1",
                                           "*",
                                           "**Answer** "};
  for (const std::string& piece : pieces) {
    INFO("piece '" << piece << "'");
    judge(repeated(piece, 1'000'000));
  }
}

TEST_CASE("a_tower_of_powers_and_a_huge_exponent_are_not_computed") {
  CHECK(check_math("$10^{10^{10^{10}}}$", "1").score == 0);
  CHECK(check_math("\\boxed{1e999999}", "1").score == 0);
  CHECK(check_math("\\boxed{1e-999999}", "1/3").score == 0);
  CHECK(check_math("\\boxed{" + std::string(900'000, '9') + "}", "9").score == 0);
  CHECK(check_math("\\boxed{1/" + std::string(9'999, '9') + "}", "0.1").score == 0);
}

TEST_CASE("random_bytes_never_break_a_verifier") {
  Rng rng(5);
  const std::vector<std::string> pieces = {
      "\\boxed{", "}",         "{",          "####",    " ",
      "5",        ",",         ".",          "<think>", "</think>",
      "<answer>", "</answer>", "answer is ", "\n",      "\\frac{1}{2}",
      "-",        "$",         "=",          "or",      "\xE2",
      "\x88",     "x"};
  for (int i = 0; i < 5000; ++i) {
    std::string text;
    for (std::uint64_t k = rng.below(20); k > 0; --k) {
      if (rng.uniform() < 0.9) {
        text += pieces[rng.below(pieces.size())];
      } else {
        text += static_cast<char>(rng.below(256));
      }
    }
    for (const AnswerForm form : {AnswerForm::Any, AnswerForm::Boxed, AnswerForm::Hash,
                                  AnswerForm::LastNumber, AnswerForm::AnswerTag}) {
      MathOptions options;
      options.extract.extract = form;
      const Verdict v = check_math(text, "5", options);
      CHECK(v.outcome == Outcome::Scored);
      CHECK((v.score == 0 || v.score == 1));
    }
    for (int rule = 0; rule <= static_cast<int>(FormatRule::Boxed); ++rule) {
      const double s = format_score(static_cast<FormatRule>(rule), text, false);
      CHECK((s >= 0 && s <= 1));
    }
  }
}
