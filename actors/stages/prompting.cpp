#include "actors/stages/prompting.hpp"

#include <algorithm>

#include "model/tokenizer/template.hpp"

namespace troupe::stages {

Result<model::GenerationRequest> Prompting::request(const Prompt& prompt) const {
  model::GenerationRequest request;
  if (!tokenizer) {
    for (const char c : prompt.question) request.prompt.push_back(static_cast<unsigned char>(c));
    return request;
  }
  std::optional<std::string_view> system;
  if (!prompt.system.empty()) system = prompt.system;
  TROUPE_ASSIGN(request.prompt,
                model::encode_prompt(prompt.prompt_template, *tokenizer, prompt.question, system));
  TROUPE_ASSIGN(const model::StopRule stop, model::stop_rule(prompt.prompt_template, *tokenizer));
  request.stop_tokens = stop.tokens;
  const std::vector<std::string> strings = strings_of(prompt);
  if (strings.empty()) return request;
  std::size_t longest = 0;
  for (const std::string& text : strings) longest = std::max(longest, text.size());
  request.stop_when = [tokenizer = tokenizer, strings,
                       longest](std::span<const model::Token> made) {
    // A token is at least one byte, so no more than `longest` of them can make up a stop string.
    const std::string tail =
        tokenizer->decode_bytes(made.last(std::min(made.size(), longest)), true);
    return std::any_of(strings.begin(), strings.end(), [&](const std::string& text) {
      return tail.find(text) != std::string::npos;
    });
  };
  return request;
}

std::vector<std::string> Prompting::strings_of(const Prompt& prompt) const {
  std::vector<std::string> strings = stop_strings;
  if (auto stop = model::stop_rule(prompt.prompt_template, *tokenizer); stop.ok())
    strings.insert(strings.end(), stop->strings.begin(), stop->strings.end());
  return strings;
}

std::string Prompting::finish(const Prompt& prompt, const model::GeneratedSample& made) const {
  if (!tokenizer) return std::string(made.tokens.begin(), made.tokens.end());
  std::string text = tokenizer->decode(made.tokens, true);
  // The last token may bring more than the end of a stop string: the reader sees none of it.
  std::size_t end = std::string::npos;
  for (const std::string& stop : strings_of(prompt)) {
    if (const auto at = text.find(stop); at != std::string::npos)
      end = std::min(end, at + stop.size());
  }
  if (end != std::string::npos) text.resize(end);
  return text;
}

Finish finish_of(model::FinishReason reason) {
  switch (reason) {
    case model::FinishReason::Stop:
      return Finish::Stop;
    case model::FinishReason::Length:
      return Finish::Length;
    case model::FinishReason::Abort:
      return Finish::Abort;
  }
  return Finish::Abort;
}

}  // namespace troupe::stages
