#pragma once
// How other trainers extract a GSM8K answer, for comparing results with theirs. Their gaps (a
// currency sign hides the answer, a window of 300 characters cuts numbers) are kept on purpose;
// Troupe's own verifiers use answer.hpp. Pure functions, linear time.
#include <optional>
#include <string>
#include <string_view>

namespace troupe::stages {

enum class Gsm8kRule {
  First,     // first "#### number" (TinyZero's older copy)
  Last,      // last "#### number" in the final 300 characters (verl `strict`)
  Flexible,  // last number, as written (verl `flexible`)
};

std::optional<std::string> gsm8k_extract(std::string_view text, Gsm8kRule rule);

}  // namespace troupe::stages
