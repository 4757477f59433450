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

class Prompting {
 public:
  std::shared_ptr<const model::Tokenizer> tokenizer;  // null: simulation, stand-in tokens
  std::vector<std::string> stop_strings;              // beside those of the template

  /// Tokens and what ends a completion; seeds and sampling are the caller's.
  Result<model::GenerationRequest> request(const Prompt& prompt) const;
  /// What the sample reads, up to its stop string if it has one.
  std::string finish(const Prompt& prompt, const model::GeneratedSample& made) const;

 private:
  std::vector<std::string> strings_of(const Prompt& prompt) const;
};

/// Of an engine's sample, in the words of messages.
Finish finish_of(model::FinishReason reason);

}  // namespace troupe::stages
