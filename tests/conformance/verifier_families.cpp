#include "actors/stages/verifier/answer.hpp"
#include "actors/stages/verifier/format.hpp"
#include "actors/stages/verifier/gsm8k_rules.hpp"
#include "tests/conformance/families.hpp"

namespace troupe::vectors {
namespace {

using namespace troupe::stages;

Json text_or_null(const std::optional<std::string>& text) { return text ? Json(*text) : Json(); }

Json gsm8k(const Json& inputs, const Json&) {
  const std::string text = inputs.at("text").get<std::string>();
  return {{"first", text_or_null(gsm8k_extract(text, Gsm8kRule::First))},
          {"last", text_or_null(gsm8k_extract(text, Gsm8kRule::Last))},
          {"flexible", text_or_null(gsm8k_extract(text, Gsm8kRule::Flexible))},
          {"good", text_or_null(extract_answer(text))}};
}

Json format_reward(const Json& inputs, const Json&) {
  const std::string text = inputs.at("text").get<std::string>();
  return {{"or1_format", format_score(FormatRule::Or1Format, text, true)},
          {"tag_count", format_score(FormatRule::TagCount, text, true)},
          {"strict", format_score(FormatRule::ThinkAnswer, text, true)}};
}

}  // namespace

Families verifier_families() {
  return {{"gsm8k_extract", gsm8k}, {"format_reward", format_reward}};
}

}  // namespace troupe::vectors
