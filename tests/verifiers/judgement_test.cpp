// What a judge is asked, and how its answer is read.
#include "actors/stages/verifier/judgement.hpp"

#include "tests/catch.hpp"

using namespace troupe::stages;

namespace {

std::optional<bool> read(std::string_view answer) { return read_judgement(answer, {}); }

}  // namespace

TEST_CASE("the_last_word_of_a_judge_decides") {
  CHECK(read("correct") == true);
  CHECK(read("Incorrect.") == false);
  CHECK(read("At first it looks incorrect, but 7 = 7: **CORRECT**") == true);
  CHECK(read("One could say correct. Yet the sign is wrong, so: incorrect\n") == false);
  CHECK(read("Verdict: \"correct\"") == true);
}

TEST_CASE("a_word_within_another_is_no_judgement") {
  CHECK(read("It was answered incorrectly") == std::nullopt);
  CHECK(read("correctness cannot be told") == std::nullopt);
  CHECK(read("in_correct") == std::nullopt);
  CHECK(read("übercorrect") == std::nullopt);
  CHECK(read("") == std::nullopt);
  CHECK(read("I cannot say.") == std::nullopt);
}

TEST_CASE("a_negated_word_is_unclear_and_not_its_contrary") {
  CHECK(read("This is not correct") == std::nullopt);
  CHECK(read("This isn't  correct") == std::nullopt);
  CHECK(read("Why not? It is correct") == true);
  CHECK(read("It is in a knot: correct") == true);
}

TEST_CASE("a_judge_may_speak_in_other_words_and_longer_ones_win") {
  const JudgementWords words{{"yes", "not wrong"}, {"no", "wrong"}};
  CHECK(read_judgement("Yes", words) == true);
  CHECK(read_judgement("yes ... or rather: NO", words) == false);
  CHECK(read_judgement("It is not wrong", words) == true);
  CHECK(read_judgement("It is wrong", words) == false);
  CHECK(read_judgement("Correct", words) == std::nullopt);
  CHECK(read_judgement("anything", {{""}, {""}}) == std::nullopt);
}

TEST_CASE("placeholders_are_filled_once_and_a_response_cannot_add_any") {
  const JudgedTexts texts{"2+2?", "4", "{answer} and {question}"};
  CHECK(fill_prompt("Q {question} A {answer} R {response} {\"a\": {}}", texts) ==
        "Q 2+2? A 4 R {answer} and {question} {\"a\": {}}");
  CHECK(fill_prompt("{response", texts) == "{response");
  CHECK(fill_prompt("", texts).empty());
}

TEST_CASE("the_end_of_a_text_begins_with_a_whole_character") {
  CHECK(end_of("abc", 5) == "abc");
  CHECK(end_of("abcdef", 2) == "ef");
  CHECK(end_of("aéb", 2) == "b");  // the second byte of é alone is none
  CHECK(end_of("aéb", 3) == "éb");
  CHECK(end_of("\x80\x80\x80", 2).empty());
}

TEST_CASE("a_judgement_in_megabytes_is_read_at_once") {
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += "incorrectly ";
  CHECK(read(text) == std::nullopt);
  CHECK(read("correct " + text) == true);
}
