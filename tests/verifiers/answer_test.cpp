// Finding the final answer in a completion, and judging it.
#include <string>
#include <vector>

#include "actors/stages/verifier/answer.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::stages;

namespace {

constexpr const char* kNone = "(none)";

std::string extracted(std::string_view text, const ExtractOptions& options = {}) {
  return extract_answer(text, options).value_or(kNone);
}

std::string extracted(std::string_view text, AnswerForm form) {
  ExtractOptions options;
  options.extract = form;
  return extracted(text, options);
}

struct Case {
  const char* text;
  const char* answer;
};

void check_all(const std::vector<Case>& cases, AnswerForm form) {
  for (const Case& c : cases) {
    INFO("'" << c.text << "'");
    CHECK(extracted(c.text, form) == c.answer);
  }
}

double score(std::string_view text, std::string_view gold, AnswerForm form = AnswerForm::Any) {
  MathOptions options;
  options.extract.extract = form;
  const Verdict v = check_math(text, gold, options);
  REQUIRE(v.outcome == Outcome::Scored);
  return v.score;
}

}  // namespace

TEST_CASE("any_takes_box_then_hash_then_statement_then_last_number") {
  check_all(
      {
          {"so #### 1,234", "1234"},
          {"#### $18", "18"},
          {"#### $18.", "18"},
          {"The answer is 18.", "18"},
          {"#### 5\n#### 7", "7"},
          {"#### -3", "-3"},
          {"#### \xE2\x88\x92"
           "3",
           "-3"},
          {"#### -$3", "-3"},
          {"#### 12.50", "12.50"},
          {"x\n#### 1,000,000", "1000000"},
          {"#### 45%", "45"},
          {"####72", "72"},
          {"####\t72", "72"},
          {"#### **72**", "72"},
          {"#### 3/4", "3/4"},
          {"#### \\frac{3}{4}", "3/4"},
          {"#### 18 dollars", "18"},
          {"#### 18 dollars, which is a lot", "18"},
          {"#### 5 + 3 = 8", "8"},
          {"no idea", kNone},
          {"", kNone},
          {"I think 72. Final: \\boxed{73}", "73"},
          {"\\boxed{5} is wrong, #### 6", "5"},
          {"\\boxed{1} then \\boxed{2}", "2"},
          {"\\fbox{3}", "3"},
          {"\\boxed {3}", "3"},
          {"\\boxed{\\boxed{4}}", "4"},
          {"$\\boxed{\\frac{14}{3}}$", "14/3"},
          {"is $\\boxed{32,\\! 349}$", "32349"},
          {"is $\\boxed{32, 349}$", "32, 349"},
          {"\\boxed{x = 5}", "5"},
          {"\\boxed{5 \\text{ or } 6}", "5 \\text{ or } 6"},
          {"\\boxed{5} or \\boxed{6}", "5, 6"},
          {"\\boxed{5}, \\boxed{6}", "5, 6"},
          {"\\boxed{1} no no no \\boxed{2}", "2"},
          {"### Step 1\nwork\n#### Result\nThe answer is 9", "9"},
          {"Answer: 42", "42"},
          {"**Answer:** 42", "42"},
          {"**Answer**: 42", "42"},
          {"ANSWER: 42", "42"},
          {"Answer:\n42", "42"},
          {"The answer is: 42", "42"},
          {"The answer is $42.", "42"},
          {"The answer is **42**.", "42"},
          {"The final answer is 42 apples.", "42"},
          {"The answer to the question is 42.", "42"},
          {"The answer is 5 + 3 = 8.", "8"},
          {"The answer is 1,234.50.", "1234.50"},
          {"The answer is 3/4.", "3/4"},
          {"The answer is 5. The answer is 6.", "6"},
          {"So the answer is 12, because 3 * 4 = 12 and 5 is odd.", "12"},
          {"The answer is 5 or 6.", "5 or 6"},
          {"Final Answer: The largest $n$ is 34.", "34"},
          {"The answer is 7. I checked 3 times.", "7"},
          {"The answer is clear. We get 5 + 6 = 11", "11"},
          {"so the number is 10 which is 1,000.99m\xC2\xB2", "1000.99"},
          {"the number is not 10 which is 1,000.99\xE2\x82\xAC", "1000.99"},
          {"Soucis : 2,74 $ a..", "2.74"},
          {"AZYUK2A", kNone},
          {"12 + 30 = 42", "42"},
          {"1 000", "1000"},
          {"$3\\times10^{8}$", "3\\times10^{8}"},
          {"$x\\approx11$", "11"},
      },
      AnswerForm::Any);
}

TEST_CASE("thinking_is_not_the_answer") {
  check_all(
      {
          {"<think>\\boxed{1}</think> \\boxed{2}", "2"},
          {"<think>it is 5</think> 6", "6"},
          {"it is 5</think> 6", "6"},  // the prompt ended with <think>
          {"<think>it is 5", kNone},
          {"<think>a</think> 5 <think> 6", kNone},
          {"<think>5</think>", kNone},
          {"<think>5</think><answer>7</answer>", "7"},
          {"<think> 5 </think> <answer> 7 </answer>", "7"},
          {"<think>5</think>\n<answer>\nThe result is \\boxed{8}\n</answer>", "8"},
          {"<answer>7</answer> and 9", "7"},
          {"<answer>7</answer><answer>8</answer>", "8"},
          {"<answer>7", kNone},
          {"<answer>5 or 6</answer>", "5 or 6"},
          {"<answer>She has 5 + 3 = 8 apples</answer>", "8"},
          {"<answer>The answer is 12 dollars.</answer>", "12"},
          {"<answer></answer>", kNone},
          {"</answer><answer>", kNone},
      },
      AnswerForm::Any);
}

TEST_CASE("only_the_allowed_form_counts") {
  check_all({{"#### 5", kNone},
             {"The answer is 5", kNone},
             {"5", kNone},
             {"\\boxed{5}", "5"},
             {"\\boxed{5", kNone},
             {"\\boxed{3} \\boxed{5", kNone},
             {"\\boxed{{5}", kNone},
             {"\\boxed{5\\}", kNone},
             {"<think>\\boxed{5}</think>", kNone}},
            AnswerForm::Boxed);
  check_all({{"\\boxed{5}", kNone},
             {"#### 5", "5"},
             {"#### five", kNone},
             {"5", kNone},
             {"#### \\boxed{5}", "5"},
             {"#### 5 or 6", "5 or 6"},
             {"#### 5, 6", "5, 6"}},
            AnswerForm::Hash);
  check_all({{"\\boxed{5}", kNone},
             {"5", kNone},
             {"<answer>5</answer>", "5"},
             {"<answer>\\boxed{5}</answer>", "5"},
             {"<answer>5", kNone}},
            AnswerForm::AnswerTag);
  ExtractOptions strict;
  strict.last_number = false;
  CHECK(extracted("we get 12 + 30", strict) == kNone);
  CHECK(extracted("12 + 30 = 42", strict) == "42");
  CHECK(extracted("The answer is 42", strict) == "42");
}

TEST_CASE("the_last_number_is_a_number_somebody_states") {
  check_all(
      {
          {"5", "5"},
          {"It is 5.", "5"},
          {"5, 6", "6"},
          {"5,6 and 7", "7"},
          {"1,2,3", "3"},
          {"it costs $5.", "5"},
          {"it costs -$5", "-5"},
          {"x = -5", "-5"},
          {"10 - 3", "3"},
          {"10-3", "3"},
          {"10 -3", "3"},
          {"is -3", "-3"},
          {"(-3)", "-3"},
          {"is \xE2\x88\x92"
           "3",
           "-3"},
          {"64 ft^2", "64"},
          {"64 m^{2}", "64"},
          {"a_{1} = 7 and a_2", "7"},
          {"7 at 12:30", "7"},
          {"K2 has 9 camps on the 5th", "9"},
          {"9 in 2D", "9"},
          {"9 is 3x", "9"},
          {"it is \\frac{3}{4}", "3/4"},
          {"it is -\\frac{3}{4}.", "-3/4"},
          {"it is 1\\frac{1}{2}", "1 1/2"},
          {"it is 3/4", "3/4"},
          {"on 3/4/2024 it was 7", "7"},
          {"it is 50%", "50"},
          {"it is 50\\%", "50"},
          {"version 1.2.3", kNone},
          {".5", "0.5"},
          {"it is 1,234.5!", "1234.5"},
          {"16GB", "16"},
          {"3 apples", "3"},
          {"=7", "7"},
          {"7=", "7"},
          {"no number", kNone},
          {"40,\\!960", "40960"},
          {"7\n\n", "7"},
      },
      AnswerForm::LastNumber);
}

TEST_CASE("answers_are_judged_against_the_gold") {
  CHECK(score("48 + 24 = 72\n#### 72", "Natalia sold 48/2 = <<48/2=24>>24\n#### 72") == 1);
  CHECK(score("#### 71", "#### 72") == 0);
  CHECK(score("\\boxed{1,234}", "#### 1,234") == 1);
  CHECK(score("I think 72. Final: \\boxed{73}", "72") == 0);
  CHECK(score("\\boxed{5} or \\boxed{6}", "5") == 0);
  CHECK(score("\\boxed{5 \\text{ or } 6}", "5") == 0);
  CHECK(score("The answer is 5 or 6", "5") == 0);
  CHECK(score("#### 5 or 6", "6") == 0);
  CHECK(score("<answer>5 or 6</answer>", "6") == 0);
  CHECK(score("$\\boxed{28}$ pct", "$28\\%$") == 1);
  CHECK(score("$\\boxed{28 percent}", "$28\\%$") == 1);
  CHECK(score("x = \\boxed{\\frac{1}{3}}", "$1/3$") == 1);
  CHECK(score("0.666667", "$\\frac{2}{3}$") == 1);
  CHECK(score("$004$", "so \\boxed{004}. **Final Answer**\n\\boxed{004}") == 1);
  CHECK(score("", "5") == 0);
  CHECK(score("I do not know", "5") == 0);
  CHECK(score("<think>5", "5") == 0);
  CHECK(score("5", "5", AnswerForm::Boxed) == 0);
}

TEST_CASE("a_gold_answer_that_is_no_number_is_unscorable_and_says_so") {
  for (const char* gold : {"", "x+1", "$\\sqrt{2}$", "#### unknown", "(1, 2)", "(0,9)", "\\boxed{",
                           "B", "\\boxed{1} and \\boxed{2}", "p = 5, q = 2"}) {
    const Verdict v = check_math("\\boxed{5}", gold);
    INFO(gold);
    CHECK(v.outcome == Outcome::Unscorable);
    CHECK(v.detail.find("gold") != std::string::npos);
  }
}

TEST_CASE("the_detail_says_what_was_compared") {
  CHECK(check_math("#### 7", "8").detail == "answer 7, expected 8");
  CHECK(check_math("#### 8", "8").detail == "answer 8, as expected");
  CHECK(check_math("nothing", "8").detail == "no answer found");
  CHECK(check_math("\\boxed{x+1}", "8").detail == "the answer is not a number: 'x+1'");
}

TEST_CASE("names_of_forms") {
  CHECK(answer_form("any") == AnswerForm::Any);
  CHECK(answer_form("boxed") == AnswerForm::Boxed);
  CHECK(answer_form("hash") == AnswerForm::Hash);
  CHECK(answer_form("last_number") == AnswerForm::LastNumber);
  CHECK(answer_form("answer_tag") == AnswerForm::AnswerTag);
  CHECK_FALSE(answer_form("Any"));
}
