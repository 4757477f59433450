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
  return request;
}

std::string Prompting::finish(const Prompt& prompt, model::GeneratedSample& made) const {
  if (!tokenizer) return std::string(made.tokens.begin(), made.tokens.end());
  std::vector<std::string> strings = stop_strings;
  if (auto stop = model::stop_rule(prompt.prompt_template, *tokenizer); stop.ok())
    strings.insert(strings.end(), stop->strings.begin(), stop->strings.end());
  std::string text = tokenizer->decode(made.tokens, true);
  std::size_t end = std::string::npos;
  for (const std::string& stop : strings) {
    if (const auto at = text.find(stop); at != std::string::npos)
      end = std::min(end, at + stop.size());
  }
  if (end == std::string::npos) return text;
  // The shortest prefix of tokens that reads at least as far: by bisection, since a longer prefix
  // never reads shorter.
  std::size_t low = 0, high = made.tokens.size();
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    const std::span prefix(made.tokens.data(), middle);
    if (tokenizer->decode(prefix, true).size() >= end)
      high = middle;
    else
      low = middle + 1;
  }
  if (low < made.tokens.size()) {
    made.tokens.resize(low);
    made.logprobs.resize(low);
    while (made.versions.size() > 1 && made.versions.back().first >= low) made.versions.pop_back();
  }
  made.finish = model::FinishReason::Stop;
  text.resize(end);
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
