#pragma once
// What a judge model is asked and how its answer is read: the pure part of verifier.judge. Any
// thread; nothing can fail.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::stages {

/// What the placeholders of a judge's prompt stand for.
struct JudgedTexts {
  std::string_view question, answer, response;
};

/// `prompt` with {question}, {answer} and {response} filled in, once and from left to right, so
/// that a placeholder in a response is a text like any other. Other braces stay.
std::string fill_prompt(std::string_view prompt, const JudgedTexts& texts);

/// The words by which a judge says what it thinks; upper and lower case are alike.
struct JudgementWords {
  std::vector<std::string> correct{"correct"};
  std::vector<std::string> incorrect{"incorrect"};
};

/// Whether the judge holds the response to be correct: the last of the words in its answer decides,
/// as models think aloud before they conclude. A word counts only where it stands alone ("correct"
/// is not in "incorrectly"). Nothing: no word is there, or the last one stands behind a "not".
std::optional<bool> read_judgement(std::string_view answer, const JudgementWords& words);

/// At most `bytes` of the end of a text, from the beginning of a UTF-8 character on.
std::string_view end_of(std::string_view text, std::size_t bytes);

}  // namespace troupe::stages
