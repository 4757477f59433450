#include "actors/stages/text_service.hpp"

namespace troupe::stages {

void TextService::begin(runtime::Call call, const Prompting& prompting,
                        model::GenerationEngine& engine, runtime::Outbox& out) {
  auto asked = decode_text_request(call.request.payload);
  if (!asked.ok()) return out.answer(call, asked.error(), {});
  Prompt prompt;
  prompt.id = call.request.sample.prompt;
  prompt.question = std::move(asked->question);
  prompt.prompt_template = std::move(asked->prompt_template);
  prompt.system = std::move(asked->system);
  auto request = prompting.request(prompt);
  if (!request.ok()) return out.answer(call, request.error(), {});
  request->seeds = {asked->seed};
  request->sampling.temperature = asked->temperature;
  request->sampling.top_p = asked->top_p;
  request->sampling.max_new_tokens = static_cast<std::int32_t>(asked->max_new_tokens);
  const runtime::Ticket ticket = out.start();
  serving_.emplace(ticket, Serving{std::move(call), std::move(prompt)});
  engine.submit(std::move(*request),
                [done = out.completion(ticket)](Result<model::GeneratedSample> made) {
                  if (made.ok())
                    done(std::any(std::move(*made)));
                  else
                    done(made.error());
                });
}

bool TextService::done(runtime::Ticket ticket, runtime::EngineResult& result,
                       const Prompting& prompting, runtime::Outbox& out) {
  const auto it = serving_.find(ticket);
  if (it == serving_.end()) return false;
  const Serving serving = std::move(it->second);
  serving_.erase(it);
  if (!result.ok()) {
    out.answer(serving.call, result.error(), {});
    return true;
  }
  const auto made = std::any_cast<model::GeneratedSample>(std::move(*result));
  TextAnswer answer;
  answer.text = prompting.finish(serving.prompt, made);
  answer.finish = finish_of(made.finish);
  answer.tokens = static_cast<std::uint32_t>(made.tokens.size());
  // Weights that came in the middle of the answer wrote its end, which is what callers read.
  const Version version = made.versions.empty() ? Version{} : made.versions.back().version;
  out.answer(serving.call, encode(answer), version);
  return true;
}

}  // namespace troupe::stages
