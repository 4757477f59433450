#pragma once
// What models and engines need of this machine's memory, computed from their shapes as the engines
// allocate (model/engines). No LibTorch: `troupe plan` asks here before anything is loaded. Pure
// functions, bytes; a change of what an engine allocates belongs here too, and
// tests/model_engines/memory_test.cpp holds the two together.
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "model/formats/model_config.hpp"
#include "schemas/base/result.hpp"

namespace troupe::model {

/// What a model's headers say. Sizes were checked when they were read.
struct ModelFacts {
  ModelConfig config;
  std::uint64_t parameters = 0;
  std::uint64_t elements = 0;    // of the flat buffer: parameters and padding between tensors
  std::uint64_t file_bytes = 0;  // mapped while the model is loaded
};
ModelFacts facts_of(const ModelConfig& config);
/// Reads headers only: milliseconds. Errors as open_checkpoint gives them.
Result<ModelFacts> read_model_facts(const std::filesystem::path& path);

/// 2 for "bf16", 4 for "f32".
std::uint64_t element_bytes(std::string_view dtype);

/// One set of working weights.
std::uint64_t weights_bytes(const ModelFacts& facts, std::uint64_t element);
/// Master weights, both moments and the gradient, all f32.
std::uint64_t optimizer_bytes(const ModelFacts& facts);
/// Memory of a forward pass over so many tokens; with `keep` that of every layer, as training
/// wants.
std::uint64_t tape_bytes(const ModelFacts& facts, std::uint64_t element, std::uint64_t rows,
                         bool keep);
/// Logits of so many predicting rows, their input and its gradient.
std::uint64_t head_bytes(const ModelFacts& facts, std::uint64_t element, std::uint64_t rows);
/// Gradients of activations in the backward pass.
std::uint64_t backward_bytes(const ModelFacts& facts, std::uint64_t element, std::uint64_t rows);
/// Gradients of the largest matrices before they are added in f32, and the copies of them that a
/// product makes: for any number of tokens.
std::uint64_t matrix_scratch_bytes(const ModelFacts& facts, std::uint64_t element);
/// Keys and values of one page of the cache, kCachePageTokens tokens.
std::uint64_t page_bytes(const ModelFacts& facts, std::uint64_t element);
inline constexpr std::uint64_t kCachePageTokens = 16;
std::uint64_t pages_of(std::uint64_t tokens);

/// Tokens of prompts that one pass computes at most, but for a longer prompt.
inline constexpr std::uint64_t kPrefillTokensMax = 2048;

}  // namespace troupe::model
