#pragma once
// Where a completion says its final answer, and whether that answer is right. The text is written
// by a model that is paid for finding gaps: everything here takes linear time, reads nothing twice
// in a loop and never throws for any bytes. Pure functions; any thread. Rules: docs/verifiers.md.
#include <optional>
#include <string>
#include <string_view>

#include "actors/stages/verifier/number.hpp"
#include "schemas/messages.hpp"

namespace troupe::stages {

/// Which ways of stating an answer count.
enum class AnswerForm {
  Any,         // the first that is there: box, ####, "answer is", last number
  Boxed,       // the last \boxed{...}
  Hash,        // the last #### followed by a number
  LastNumber,  // the last number
  AnswerTag,   // inside <answer>...</answer>, there as Any
};

/// "any", "boxed", "hash", "last_number", "answer_tag".
std::optional<AnswerForm> answer_form(std::string_view name);

struct ExtractOptions {
  AnswerForm extract = AnswerForm::Any;
  bool last_number = true;  // whether Any and AnswerTag end with the last number
};

/// The part of a completion that may hold the answer: what follows </think>, or everything when
/// there is no think tag. Nothing when thinking was opened and not closed.
std::optional<std::string_view> answer_region(std::string_view completion);

/// The content of the last box of `region`, and of those before it that only commas, "and", "or" or
/// white space part from it (joined by ", "). Nothing without a box; also when the last is not
/// closed.
std::optional<std::string> boxed_content(std::string_view region);

/// The answer as it stands in the completion.
std::optional<std::string> find_answer(std::string_view completion, const ExtractOptions& options);

/// The answer for people and tables: a number without separators, currency, unit and final dot
/// ("1234", "-3", "12.50", "3/4"); anything else as it stands.
std::optional<std::string> extract_answer(std::string_view completion,
                                          const ExtractOptions& options = {});

/// The number in a gold answer: after its last ####, or in its last box, or the whole.
std::optional<Number> parse_gold(std::string_view gold);

struct MathOptions {
  ExtractOptions extract;
  int precision = 6;  // decimal places when a decimal meets a fraction; negative: exact only
};

/// Scored 1 or 0, or unscorable when the gold answer is not a number. A missing or unreadable
/// answer is a wrong one. `detail` says in one line what was compared.
Verdict check_math(std::string_view completion, std::string_view gold,
                   const MathOptions& options = {});

}  // namespace troupe::stages
