#include "model/formats/model_config.hpp"

#include <cmath>

#include "model/formats/json.hpp"
#include "model/formats/tensor_source.hpp"

namespace troupe::model {
namespace {

constexpr const char* kSupported = "llama";

Error unsupported(const std::string& what) {
  return Error{ErrorCode::Unsupported, what,
               std::string("Choose a model without it; supported architectures: ") + kSupported};
}

Result<void> in_range(const char* key, std::int64_t value, std::int64_t most) {
  if (value >= 1 && value <= most) return {};
  return Error{ErrorCode::Corrupt,
               std::string("key '") + key + "' is " + std::to_string(value) + ", outside 1 to " +
                   std::to_string(most),
               "Use the files as their model's author published them"};
}

Error mismatch(const std::string& what) {
  return Error{ErrorCode::Corrupt, what, "Use the files as their model's author published them"};
}

Result<std::int32_t> token_id(const Json& value, const char* key) {
  if (!value.is_number_integer() || value < 0 || value > (1 << 30))
    return mismatch(std::string("key '") + key + "' is not a token id");
  return value.get<std::int32_t>();
}

/// What would change the arithmetic is refused rather than ignored.
Result<void> refuse_unknown_features(const Json& json) {
  TROUPE_ASSIGN(const std::string activation, string_field(json, "hidden_act", "silu"));
  if (activation != "silu")
    return unsupported("the activation '" + activation + "' is not offered");
  for (const char* key : {"attention_bias", "mlp_bias"}) {
    TROUPE_ASSIGN(const bool biased, bool_field(json, key, false));
    if (biased) return unsupported(std::string("'") + key + "' is not offered");
  }
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    const Json* rope = optional_field(json, key);
    if (rope == nullptr) continue;
    TROUPE_ASSIGN(const std::string old_name, string_field(*rope, "type", "default"));
    TROUPE_ASSIGN(const std::string type, string_field(*rope, "rope_type", old_name));
    if (type != "default") return unsupported("RoPE scaling '" + type + "' is not offered");
  }
  TROUPE_ASSIGN(const double part, number_field(json, "partial_rotary_factor", 1.0));
  if (part != 1.0) return unsupported("'partial_rotary_factor' other than 1 is not offered");
  return {};
}

Result<void> read_token_ids(const Json& json, ModelConfig& config) {
  if (const Json* bos = optional_field(json, "bos_token_id")) {
    TROUPE_ASSIGN(config.bos_token_id, token_id(*bos, "bos_token_id"));
  }
  if (const Json* pad = optional_field(json, "pad_token_id")) {
    if (*pad != -1) {  // what old Llama configurations write for "none"
      TROUPE_ASSIGN(config.pad_token_id, token_id(*pad, "pad_token_id"));
    }
  }
  if (const Json* eos = optional_field(json, "eos_token_id")) {
    const Json list = eos->is_array() ? *eos : Json::array({*eos});
    for (const Json& id : list) {
      TROUPE_ASSIGN(const std::int32_t value, token_id(id, "eos_token_id"));
      config.eos_token_ids.push_back(value);
    }
  }
  return {};
}

}  // namespace

Result<void> check(const ModelConfig& config) {
  if (config.architecture != "llama")
    return Error{ErrorCode::Unsupported,
                 "the architecture '" + config.architecture + "' is not offered",
                 std::string("Supported architectures: ") + kSupported};
  TROUPE_TRY(in_range("hidden_size", config.hidden_size, 1 << 18));
  TROUPE_TRY(in_range("num_hidden_layers", config.num_hidden_layers, 1 << 12));
  TROUPE_TRY(in_range("num_attention_heads", config.num_attention_heads, 1 << 12));
  TROUPE_TRY(in_range("num_key_value_heads", config.num_key_value_heads, 1 << 12));
  TROUPE_TRY(in_range("head_dim", config.head_dim, 1 << 12));
  TROUPE_TRY(in_range("intermediate_size", config.intermediate_size, 1 << 20));
  TROUPE_TRY(in_range("vocab_size", config.vocab_size, 1 << 24));
  TROUPE_TRY(in_range("max_position_embeddings", config.max_position_embeddings, 1 << 30));
  if (config.num_attention_heads % config.num_key_value_heads != 0)
    return mismatch("num_attention_heads is not a multiple of num_key_value_heads");
  if (config.head_dim % 2 != 0) return mismatch("head_dim is odd: RoPE rotates pairs");
  if (!std::isfinite(config.rms_norm_eps) || config.rms_norm_eps < 0 || config.rms_norm_eps > 1)
    return mismatch("rms_norm_eps is not between 0 and 1");
  if (!std::isfinite(config.rope_theta) || config.rope_theta < 1)
    return mismatch("rope_theta is not a number from 1 up");
  const auto outside = [&](std::int32_t id) { return id < 0 || id >= config.vocab_size; };
  if (config.bos_token_id && outside(*config.bos_token_id))
    return mismatch("bos_token_id is outside the vocabulary");
  if (config.pad_token_id && outside(*config.pad_token_id))
    return mismatch("pad_token_id is outside the vocabulary");
  for (const std::int32_t id : config.eos_token_ids)
    if (outside(id)) return mismatch("eos_token_id is outside the vocabulary");
  return {};
}

std::vector<TensorInfo> expected_tensors(const ModelConfig& c) {
  const std::int64_t q = c.num_attention_heads * c.head_dim,
                     kv = c.num_key_value_heads * c.head_dim;
  std::vector<TensorInfo> list;
  list.push_back({"model.embed_tokens.weight", {c.vocab_size, c.hidden_size}});
  for (std::int64_t i = 0; i < c.num_hidden_layers; ++i) {
    const std::string layer = "model.layers." + std::to_string(i) + ".";
    list.push_back({layer + "input_layernorm.weight", {c.hidden_size}});
    list.push_back({layer + "self_attn.q_proj.weight", {q, c.hidden_size}});
    list.push_back({layer + "self_attn.k_proj.weight", {kv, c.hidden_size}});
    list.push_back({layer + "self_attn.v_proj.weight", {kv, c.hidden_size}});
    list.push_back({layer + "self_attn.o_proj.weight", {c.hidden_size, q}});
    list.push_back({layer + "post_attention_layernorm.weight", {c.hidden_size}});
    list.push_back({layer + "mlp.gate_proj.weight", {c.intermediate_size, c.hidden_size}});
    list.push_back({layer + "mlp.up_proj.weight", {c.intermediate_size, c.hidden_size}});
    list.push_back({layer + "mlp.down_proj.weight", {c.hidden_size, c.intermediate_size}});
  }
  list.push_back({"model.norm.weight", {c.hidden_size}});
  if (!c.tie_word_embeddings) list.push_back({"lm_head.weight", {c.vocab_size, c.hidden_size}});
  return list;
}

Result<ModelConfig> config_from_json(std::string_view text) {
  TROUPE_ASSIGN(const Json json, parse_json(text));
  if (!json.is_object()) return mismatch("the configuration is not a JSON object");
  ModelConfig c;
  TROUPE_ASSIGN(c.architecture, string_field(json, "model_type"));
  if (c.architecture != "llama") return check(c).error();
  TROUPE_TRY(refuse_unknown_features(json));
  TROUPE_ASSIGN(c.hidden_size, int_field(json, "hidden_size"));
  TROUPE_ASSIGN(c.num_hidden_layers, int_field(json, "num_hidden_layers"));
  TROUPE_ASSIGN(c.num_attention_heads, int_field(json, "num_attention_heads"));
  TROUPE_ASSIGN(c.num_key_value_heads,
                int_field(json, "num_key_value_heads", c.num_attention_heads));
  const std::int64_t heads = c.num_attention_heads == 0 ? 1 : c.num_attention_heads;
  TROUPE_ASSIGN(c.head_dim, int_field(json, "head_dim", c.hidden_size / heads));
  TROUPE_ASSIGN(c.intermediate_size, int_field(json, "intermediate_size"));
  TROUPE_ASSIGN(c.vocab_size, int_field(json, "vocab_size"));
  TROUPE_ASSIGN(c.rms_norm_eps, number_field(json, "rms_norm_eps", 1e-6));
  TROUPE_ASSIGN(c.rope_theta, number_field(json, "rope_theta", 10000.0));
  if (const Json* rope = optional_field(json, "rope_parameters")) {
    TROUPE_ASSIGN(c.rope_theta, number_field(*rope, "rope_theta", c.rope_theta));
  }
  TROUPE_ASSIGN(c.max_position_embeddings, int_field(json, "max_position_embeddings", 2048));
  TROUPE_ASSIGN(c.tie_word_embeddings, bool_field(json, "tie_word_embeddings", false));
  TROUPE_ASSIGN(const std::string old_dtype, string_field(json, "torch_dtype", "float32"));
  TROUPE_ASSIGN(c.torch_dtype, string_field(json, "dtype", old_dtype));
  TROUPE_TRY(read_token_ids(json, c));
  TROUPE_TRY(check(c));
  return c;
}

std::string config_to_json(const ModelConfig& c) {
  Json json = {{"architectures", {"LlamaForCausalLM"}},
               {"model_type", c.architecture},
               {"attention_bias", false},
               {"attention_dropout", 0.0},
               {"head_dim", c.head_dim},
               {"hidden_act", "silu"},
               {"hidden_size", c.hidden_size},
               {"initializer_range", 0.02},
               {"intermediate_size", c.intermediate_size},
               {"max_position_embeddings", c.max_position_embeddings},
               {"mlp_bias", false},
               {"num_attention_heads", c.num_attention_heads},
               {"num_hidden_layers", c.num_hidden_layers},
               {"num_key_value_heads", c.num_key_value_heads},
               {"rms_norm_eps", c.rms_norm_eps},
               {"rope_scaling", nullptr},
               {"rope_theta", c.rope_theta},
               {"tie_word_embeddings", c.tie_word_embeddings},
               {"torch_dtype", c.torch_dtype},
               {"use_cache", true},
               {"vocab_size", c.vocab_size}};
  if (c.bos_token_id) json["bos_token_id"] = *c.bos_token_id;
  if (c.pad_token_id) json["pad_token_id"] = *c.pad_token_id;
  if (c.eos_token_ids.size() == 1) json["eos_token_id"] = c.eos_token_ids.front();
  if (c.eos_token_ids.size() > 1) json["eos_token_id"] = c.eos_token_ids;
  return json.dump(2) + "\n";
}

}  // namespace troupe::model
