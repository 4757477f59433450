#pragma once
// TextService: answers calls for a text (TextRequest) on a stage's generation engine, beside
// whatever else the stage does with it. What a call gets depends on its request and the weights
// alone: the seed is the caller's, and samples of one engine do not see each other. Owned by the
// stage; not thread-safe.
#include <unordered_map>

#include "actors/runtime/stage.hpp"
#include "actors/stages/prompting.hpp"
#include "model/engine.hpp"

namespace troupe::stages {

class TextService {
 public:
  /// Starts the work for a call; an unreadable or impossible request is answered at once.
  void begin(runtime::Call call, const Prompting& prompting, model::GenerationEngine& engine,
             runtime::Outbox& out);
  /// Whether the ticket was of a call; then its answer has gone out.
  bool done(runtime::Ticket ticket, runtime::EngineResult& result, const Prompting& prompting,
            runtime::Outbox& out);

 private:
  struct Serving {
    runtime::Call call;
    Prompt prompt;
  };
  std::unordered_map<runtime::Ticket, Serving> serving_;
};

}  // namespace troupe::stages
