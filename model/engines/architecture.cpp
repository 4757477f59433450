#include "model/engines/architecture.hpp"

#include <cmath>

namespace troupe::model {
namespace {

constexpr std::int64_t kAlignment = 64;  // elements: a cache line at least, for any element type

class Builder {
 public:
  explicit Builder(Architecture& a) : a_(a) {}

  /// `aligned` false: directly after the tensor before, so that both are one matrix.
  std::int64_t add(std::string name, std::vector<std::int64_t> shape, bool aligned = true) {
    if (aligned) a_.elements = (a_.elements + kAlignment - 1) / kAlignment * kAlignment;
    Parameter p{.name = std::move(name), .shape = std::move(shape), .offset = a_.elements};
    p.elements = 1;
    for (const std::int64_t n : p.shape) p.elements *= n;
    p.decays = p.shape.size() > 1;
    a_.elements += p.elements;
    a_.parameter_count += p.elements;
    a_.parameters.push_back(std::move(p));
    return a_.parameters.back().offset;
  }

 private:
  Architecture& a_;
};

Result<void> check_sizes(const ModelConfig& config) {
  const auto need = [](const char* key, std::int64_t value) -> Result<void> {
    if (value > 0 && value % 16 == 0) return {};
    return Error{ErrorCode::Unsupported,
                 std::string(key) + " is " + std::to_string(value) +
                     ", but the engines need a multiple of 16",
                 "Use a model whose sizes are multiples of 16"};
  };
  TROUPE_TRY(need("hidden_size", config.hidden_size));
  TROUPE_TRY(need("intermediate_size", config.intermediate_size));
  TROUPE_TRY(need("head_dim", config.head_dim));
  if (config.head_dim > kMaxHeadDim) {
    return Error{ErrorCode::Unsupported,
                 "head_dim is " + std::to_string(config.head_dim) + "; the engines go up to " +
                     std::to_string(kMaxHeadDim),
                 "Use a model with smaller heads"};
  }
  return {};
}

}  // namespace

Result<ArchitecturePtr> Architecture::make(const ModelConfig& config, bool exact) {
  TROUPE_TRY(check(config));
  TROUPE_TRY(check_sizes(config));
  auto a = std::make_shared<Architecture>();
  a->config = config;
  a->heads = {config.num_attention_heads, config.num_key_value_heads, config.head_dim};
  a->layers = config.num_hidden_layers;
  a->hidden = config.hidden_size;
  a->intermediate = config.intermediate_size;
  a->vocab = config.vocab_size;
  a->context = config.max_position_embeddings;
  a->exact = exact;
  a->epsilon = static_cast<float>(config.rms_norm_eps);

  Builder build(*a);
  a->embedding = build.add("model.embed_tokens.weight", {a->vocab, a->hidden});
  for (std::int64_t i = 0; i < a->layers; ++i) {
    const std::string at = "model.layers." + std::to_string(i) + ".";
    LayerOffsets l{};
    l.attention_norm = build.add(at + "input_layernorm.weight", {a->hidden});
    l.qkv = build.add(at + "self_attn.q_proj.weight", {a->heads.q_width(), a->hidden});
    build.add(at + "self_attn.k_proj.weight", {a->heads.kv_width(), a->hidden}, false);
    build.add(at + "self_attn.v_proj.weight", {a->heads.kv_width(), a->hidden}, false);
    l.output = build.add(at + "self_attn.o_proj.weight", {a->hidden, a->heads.q_width()});
    l.mlp_norm = build.add(at + "post_attention_layernorm.weight", {a->hidden});
    l.gate_up = build.add(at + "mlp.gate_proj.weight", {a->intermediate, a->hidden});
    build.add(at + "mlp.up_proj.weight", {a->intermediate, a->hidden}, false);
    l.down = build.add(at + "mlp.down_proj.weight", {a->hidden, a->intermediate});
    a->layer.push_back(l);
  }
  a->final_norm = build.add("model.norm.weight", {a->hidden});
  a->head = config.tie_word_embeddings ? a->embedding
                                       : build.add("lm_head.weight", {a->vocab, a->hidden});
  a->elements = (a->elements + kAlignment - 1) / kAlignment * kAlignment;

  const std::int64_t dim = a->heads.dim, half = dim / 2;
  a->cos_sin.resize(static_cast<std::size_t>(a->context * dim));
  for (std::int64_t i = 0; i < half; ++i) {
    const float frequency =
        1.0f / static_cast<float>(std::pow(config.rope_theta, 2.0 * static_cast<double>(i) / dim));
    for (std::int64_t p = 0; p < a->context; ++p) {
      const float angle = static_cast<float>(p) * frequency;
      a->cos_sin[p * dim + i] = std::cos(angle);
      a->cos_sin[p * dim + half + i] = std::sin(angle);
    }
  }
  return ArchitecturePtr(std::move(a));
}

}  // namespace troupe::model
