#pragma once
// Prompt templates by name: how a question becomes the tokens a model continues. Pure functions,
// any thread. A template's own control tokens are special tokens; the question and the system text
// are always plain text. Errors: an unknown name (the message lists the known ones), a tokenizer
// without the control tokens that the template needs.
//
//   chatml   <|im_start|>system ... <|im_end|>, user, assistant. Without a system text SmolLM2's
//            default one is used, as its chat template does; "" means: no system message.
//   r1-zero  the plain text of DeepSeek-R1 (2501.12948), Table 1; the model continues after
//            "Assistant:". Takes no system text.
//   none     the question alone.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizer/tokenizer.hpp"

namespace troupe::model {

std::vector<std::string> template_names();

/// Checks the name only; for validating a graph before any model is open.
Result<void> check_template(std::string_view name);

Result<std::vector<Token>> encode_prompt(std::string_view name, const Tokenizer& tokenizer,
                                         std::string_view question,
                                         std::optional<std::string_view> system = std::nullopt);

/// What ends a completion.
struct StopRule {
  std::vector<Token> tokens;         // the sample ends with one of them
  std::vector<std::string> strings;  // the text is complete once it holds one of them; the tokens
                                     // of such a string are not unique, so engines do not know it
};
Result<StopRule> stop_rule(std::string_view name, const Tokenizer& tokenizer);

}  // namespace troupe::model
