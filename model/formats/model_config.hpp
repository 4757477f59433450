#pragma once
// ModelConfig: what a checkpoint says about its model, with the keys of Hugging Face's config.json
// whatever file it came from. A value; read once. Reading checks every number: an instance has
// positive sizes that fit each other (heads, head_dim, limits below), so products of any three
// sizes cannot overflow 64 bits. An architecture that is not offered is an error that names those
// that are.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/base/result.hpp"

namespace troupe::model {

struct ModelConfig {
  std::string architecture = "llama";  // model_type of config.json, general.architecture of GGUF
  std::int64_t hidden_size = 0;
  std::int64_t num_hidden_layers = 0;
  std::int64_t num_attention_heads = 0;
  std::int64_t num_key_value_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t vocab_size = 0;
  double rms_norm_eps = 1e-5;
  double rope_theta = 10000.0;
  std::int64_t max_position_embeddings = 0;
  bool tie_word_embeddings = false;  // true: there is no lm_head.weight
  std::optional<std::int32_t> bos_token_id;
  std::vector<std::int32_t> eos_token_ids;  // the first one is "the" eos
  std::optional<std::int32_t> pad_token_id;
  std::string torch_dtype = "float32";  // what the file holds: "bfloat16", "float32", ...; for
                                        // quantised files what a writer should choose
};

struct TensorInfo;
/// Every tensor that the architecture needs: name, shape [out, in]; dtype is left F32.
std::vector<TensorInfo> expected_tensors(const ModelConfig& config);

/// Errors name the key. Also called by the readers below.
Result<void> check(const ModelConfig& config);

/// From config.json. Understands transformers 4 (rope_theta, torch_dtype) and 5 (rope_parameters,
/// dtype). Features that would change the arithmetic and are not offered (rope scaling, biases,
/// another activation) are errors, never ignored.
Result<ModelConfig> config_from_json(std::string_view text);
/// config.json that transformers reads (both 4 and 5).
std::string config_to_json(const ModelConfig& config);

}  // namespace troupe::model
