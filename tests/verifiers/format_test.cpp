// Format rules and the conventions of other trainers.
#include <fstream>
#include <iterator>
#include <string>

#include "actors/stages/verifier/answer.hpp"
#include "actors/stages/verifier/format.hpp"
#include "actors/stages/verifier/gsm8k_rules.hpp"
#include "tests/catch.hpp"

using namespace troupe::stages;

namespace {

bool strict(std::string_view text) {
  return format_score(FormatRule::ThinkAnswer, text, true) == 1;
}
bool in_line(std::string_view text) {
  return format_score(FormatRule::ThinkAnswerInline, text, true) == 1;
}
bool or1(std::string_view text) { return format_score(FormatRule::Or1Format, text, true) == 1; }
double tags(std::string_view text) { return format_score(FormatRule::TagCount, text, true); }
bool boxed(std::string_view text) { return format_score(FormatRule::Boxed, text, true) == 1; }

constexpr const char* kGood = "<think>\nx\n</think>\n<answer>\n4\n</answer>";

}  // namespace

TEST_CASE("the_strict_rule_wants_each_tag_once_in_order_and_nothing_outside") {
  CHECK(strict(kGood));
  CHECK(strict("  \n" + std::string(kGood) + " \n"));
  CHECK(strict("\xC2\xA0" + std::string(kGood) + "\xE3\x80\x80"));
  CHECK(strict("<think>\na\n\nb\n</think>\n<answer>\n4\n5\n</answer>"));
  CHECK_FALSE(strict(""));
  CHECK_FALSE(strict("<think>x</think>\n<answer>4</answer>"));
  CHECK_FALSE(strict(std::string(kGood) + "\ntrailing"));
  CHECK_FALSE(strict("leading " + std::string(kGood)));
  CHECK_FALSE(strict("<think>\n\n</think>\n<answer>\n4\n</answer>"));
  CHECK_FALSE(strict("<think>\n \t\xC2\xA0\n</think>\n<answer>\n4\n</answer>"));
  CHECK_FALSE(strict("<think>\n</think>\n<answer>\n4\n</answer>"));
  CHECK_FALSE(strict("<think>\nx\n</think>\nbetween\n<answer>\n4\n</answer>"));
  CHECK_FALSE(strict("<think>\nx\n</think>\n<answer>\n4\n"));
  CHECK_FALSE(strict("<answer>\n4\n</answer>\n<think>\nx\n</think>"));
  CHECK_FALSE(strict("<think>\nx\n</think>\n<answer>\nuse <think> here\n</answer>"));
  CHECK_FALSE(strict("<think>\nx\n</think>\n<answer>\n4\n</answer>\n<answer>\n5\n</answer>"));
  CHECK_FALSE(strict("<think>\nx\n</think>\n<answer>\n</answer>"));
}

TEST_CASE("the_inline_rule_does_not_mind_line_breaks") {
  CHECK(in_line(kGood));
  CHECK(in_line("<think> reasoning process here </think> <answer> answer here </answer>"));
  CHECK(in_line("<think>x</think><answer>4</answer>"));
  CHECK(in_line("\n<think>x</think>\n\n<answer>4</answer>\n"));
  CHECK_FALSE(in_line("<think> </think><answer>4</answer>"));
  CHECK_FALSE(in_line("<think>x</think>so<answer>4</answer>"));
  CHECK_FALSE(in_line("<think>x</think><answer>4</answer>."));
  CHECK_FALSE(in_line("x</think><answer>4</answer>"));
  CHECK_FALSE(in_line("<think>x<answer>4</answer></think>"));
  CHECK_FALSE(in_line("<think>x</think><answer>4</answer><answer>5</answer>"));
  CHECK_FALSE(in_line("<think>x</answer><answer>4</think></answer>"));
  CHECK_FALSE(in_line(""));
}

TEST_CASE("open_r1_conventions_are_kept_with_their_gaps") {
  CHECK(or1(kGood));
  CHECK(or1(std::string(kGood) + "\ntrailing junk"));
  CHECK_FALSE(or1(std::string(kGood) + "trailing"));
  CHECK(or1("<think>\n\n</think>\n<answer>\n4\n</answer>"));
  CHECK_FALSE(or1("<think>\n</think>\n<answer>\n4\n</answer>"));
  CHECK_FALSE(or1(" " + std::string(kGood)));
  CHECK(or1("<think>\na\n</think>\n<answer>\n4\n</answer>x\n</answer>"));
  CHECK(tags(kGood) == 1.0);
  CHECK(tags("<think>\na\n</think>\n<answer>\n4\n</answer>\n<answer>\n5\n</answer>") == 0.5);
  CHECK(tags("<think>\n") == 0.25);
  CHECK(tags("<think>\n<think>\n") == 0.0);
  CHECK(tags("") == 0.0);
}

TEST_CASE("finished_asks_only_how_the_completion_ended") {
  CHECK(format_score(FormatRule::Finished, "", true) == 1);
  CHECK(format_score(FormatRule::Finished, kGood, false) == 0);
}

TEST_CASE("boxed_wants_a_closed_box_with_something_in_it_after_the_thinking") {
  CHECK(boxed("\\boxed{5}"));
  CHECK(boxed("<think>x</think> \\boxed{x+1}"));
  CHECK_FALSE(boxed("\\boxed{}"));
  CHECK_FALSE(boxed("\\boxed{ }"));
  CHECK_FALSE(boxed("\\boxed{5"));
  CHECK_FALSE(boxed("<think>\\boxed{5}</think> 5"));
  CHECK_FALSE(boxed("<think>\\boxed{5}"));
  CHECK_FALSE(boxed("boxed{5}"));
}

TEST_CASE("names_of_rules") {
  CHECK(format_rule("finished") == FormatRule::Finished);
  CHECK(format_rule("think_answer") == FormatRule::ThinkAnswer);
  CHECK(format_rule("think_answer_inline") == FormatRule::ThinkAnswerInline);
  CHECK(format_rule("tag_count") == FormatRule::TagCount);
  CHECK(format_rule("or1_format") == FormatRule::Or1Format);
  CHECK(format_rule("boxed") == FormatRule::Boxed);
  CHECK_FALSE(format_rule("finish"));
}

TEST_CASE("other_trainers_extraction_is_reproduced") {
  const std::string far = "#### 7 " + std::string(300, 'x');
  CHECK(gsm8k_extract(far, Gsm8kRule::First) == "7");
  CHECK_FALSE(gsm8k_extract(far, Gsm8kRule::Last));
  CHECK(gsm8k_extract("#### 1,234", Gsm8kRule::Last) == "1234");
  CHECK_FALSE(gsm8k_extract("#### $18", Gsm8kRule::Last));
  CHECK(gsm8k_extract("a 5 b 18.", Gsm8kRule::Flexible) == "18.");
  CHECK_FALSE(gsm8k_extract("no idea.", Gsm8kRule::Flexible));
}

TEST_CASE("every_rule_and_form_is_explained_in_docs_verifiers") {
  std::ifstream file(TROUPE_SOURCE_DIR "/docs/verifiers.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  REQUIRE_FALSE(page.empty());
  for (const std::string_view name : {"any", "boxed", "hash", "last_number", "answer_tag"}) {
    INFO(name);
    CHECK(answer_form(name));
    CHECK(page.find("| `" + std::string(name) + "` |") != std::string::npos);
  }
  for (const std::string_view name :
       {"finished", "think_answer", "think_answer_inline", "boxed", "tag_count", "or1_format"}) {
    INFO(name);
    CHECK(format_rule(name));
    CHECK(page.find("| `" + std::string(name) + "` |") != std::string::npos);
  }
}
