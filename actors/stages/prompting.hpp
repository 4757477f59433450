#pragma once
// How a prompt becomes a generation request and a generated sample becomes text: what the generator
// and the evaluator share. Pure but for what it is given.
#include <memory>
#include <string>
#include <vector>

#include "model/engine.hpp"
#include "model/tokenizer/tokenizer.hpp"
#include "schemas/messages.hpp"

namespace troupe::stages {

struct Prompting {
  std::shared_ptr<const model::Tokenizer> tokenizer;  // null: simulation, stand-in tokens
  std::vector<std::string> stop_strings;              // beside those of the template

  /// Tokens and stop tokens; seeds and sampling are the caller's.
  Result<model::GenerationRequest> request(const Prompt& prompt) const;
  /// Cuts the sample behind the first stop string, if it holds one, and says what it reads.
  std::string finish(const Prompt& prompt, model::GeneratedSample& made) const;
};

/// Of an engine's sample, in the words of messages.
Finish finish_of(model::FinishReason reason);

}  // namespace troupe::stages
