#pragma once
// Format rules: whether a completion is written in the asked shape, regardless of what it says.
// Pure functions, linear time, any bytes, any thread. Rules and conventions: docs/verifiers.md.
#include <optional>
#include <string_view>

namespace troupe::stages {

enum class FormatRule {
  Finished,           // ended by itself (finish reason Stop), not by a limit
  ThinkAnswer,        // <think>\n..\n</think>\n<answer>\n..\n</answer> and nothing else, each tag
                      // once, thinking not blank
  ThinkAnswerInline,  // the same with any or no white space around the tags: R1-Zero's own prompt
                      // shows them in one line
  TagCount,           // open-r1: 0.25 for each of four tag lines that occurs exactly once
  Or1Format,          // open-r1's regular expression; lets text follow, and tags repeat
  Boxed,              // a closed, not empty \boxed{} after the thinking
};

/// "finished", "think_answer", "think_answer_inline", "tag_count", "or1_format", "boxed".
std::optional<FormatRule> format_rule(std::string_view name);

/// 0 to 1. `finished`: the generator's finish reason was Stop (only Finished looks at it).
double format_score(FormatRule rule, std::string_view completion, bool finished);

}  // namespace troupe::stages
