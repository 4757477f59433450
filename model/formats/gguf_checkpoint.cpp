#include "model/formats/gguf_checkpoint.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "model/formats/required_tensors.hpp"

namespace troupe::model {
namespace {

struct NamePair {
  std::string_view gguf, hugging_face;
};
constexpr std::array kWholeModel{
    NamePair{"token_embd.weight", "model.embed_tokens.weight"},
    NamePair{"output_norm.weight", "model.norm.weight"},
    NamePair{"output.weight", "lm_head.weight"},
};
constexpr std::array kPerLayer{
    NamePair{"attn_norm.weight", "input_layernorm.weight"},
    NamePair{"attn_q.weight", "self_attn.q_proj.weight"},
    NamePair{"attn_k.weight", "self_attn.k_proj.weight"},
    NamePair{"attn_v.weight", "self_attn.v_proj.weight"},
    NamePair{"attn_output.weight", "self_attn.o_proj.weight"},
    NamePair{"ffn_norm.weight", "post_attention_layernorm.weight"},
    NamePair{"ffn_gate.weight", "mlp.gate_proj.weight"},
    NamePair{"ffn_up.weight", "mlp.up_proj.weight"},
    NamePair{"ffn_down.weight", "mlp.down_proj.weight"},
};

class GgufCheckpoint final : public Checkpoint {
 public:
  GgufCheckpoint(GgufFile file, ModelConfig config)
      : file_(std::move(file)), config_(std::move(config)) {
    for (const auto& [name, tensor] : file_.tensors()) {
      std::string translated = hugging_face_name(name);
      if (translated.empty()) continue;  // e.g. precomputed RoPE tables
      sources_.push_back({translated, &tensor});
      infos_.push_back({std::move(translated), tensor.shape, tensor.dtype});
    }
    const auto by_name = [](const auto& a, const auto& b) { return a.name < b.name; };
    std::sort(infos_.begin(), infos_.end(), by_name);
    std::sort(sources_.begin(), sources_.end(), by_name);
  }

  const ModelConfig& config() const override { return config_; }
  const std::vector<TensorInfo>& tensors() const override { return infos_; }

  Result<void> read_f32(std::string_view name, std::span<float> out) const override {
    const GgufTensor* tensor = source(name);
    TROUPE_TRY(check_read(tensor == nullptr ? nullptr : find(name), name, out.size()));
    const std::int64_t heads = permuted_heads(name);
    if (heads == 0) {
      to_f32(tensor->dtype, tensor->bytes, out);
      return {};
    }
    if (tensor->shape.size() != 2 || tensor->shape[0] % (2 * heads) != 0)  // of no layer we have
      return Error{ErrorCode::Corrupt, "tensor '" + std::string(name) + "' has no heads",
                   "The file is damaged or not complete: fetch it again"};
    // GGUF row (head, i, s) is row (head, s, i) of the checkpoint: s is the half of the head that
    // RoPE pairs, i the position in it.
    const auto rows = static_cast<std::size_t>(tensor->shape[0]);
    const auto columns = static_cast<std::size_t>(tensor->shape[1]);
    const std::size_t row_bytes = tensor->bytes.size() / rows;
    const std::size_t head = rows / static_cast<std::size_t>(heads), half = head / 2;
    for (std::size_t row = 0; row < rows; ++row) {
      const std::size_t in_head = row % head;
      const std::size_t from = row - in_head + 2 * (in_head % half) + in_head / half;
      to_f32(tensor->dtype, tensor->bytes.subspan(from * row_bytes, row_bytes),
             out.subspan(row * columns, columns));
    }
    return {};
  }

  std::span<const std::byte> raw(std::string_view name) const override {
    const GgufTensor* tensor = source(name);
    if (tensor == nullptr || permuted_heads(name) != 0) return {};
    return block_size(tensor->dtype).elements == 1 ? tensor->bytes : std::span<const std::byte>{};
  }

 private:
  struct Source {
    std::string name;
    const GgufTensor* tensor;  // into file_, whose map never changes
  };

  const GgufTensor* source(std::string_view name) const {
    const auto it =
        std::lower_bound(sources_.begin(), sources_.end(), name,
                         [](const Source& a, std::string_view b) { return a.name < b; });
    return it != sources_.end() && it->name == name ? it->tensor : nullptr;
  }
  std::int64_t permuted_heads(std::string_view name) const {
    if (name.ends_with(".self_attn.q_proj.weight")) return config_.num_attention_heads;
    if (name.ends_with(".self_attn.k_proj.weight")) return config_.num_key_value_heads;
    return 0;
  }

  GgufFile file_;
  ModelConfig config_;
  std::vector<TensorInfo> infos_;
  std::vector<Source> sources_;
};

Error unsupported(const GgufFile& file, const std::string& what) {
  return Error{ErrorCode::Unsupported, "'" + file.path().string() + "': " + what,
               "Choose a Llama-family model without it"};
}

Result<void> refuse_unknown_features(const GgufFile& file) {
  if (file.has("llama.rope.scaling.type")) {
    TROUPE_ASSIGN(const std::string scaling, file.string("llama.rope.scaling.type"));
    if (scaling != "none")
      return unsupported(file, "RoPE scaling '" + scaling + "' is not offered");
  }
  if (file.tensors().contains("rope_freqs.weight"))
    return unsupported(file, "tensor 'rope_freqs.weight': scaled RoPE is not offered");
  if (file.has("llama.expert_count")) {
    TROUPE_ASSIGN(const std::int64_t experts, file.integer("llama.expert_count"));
    if (experts != 0) return unsupported(file, "mixtures of experts are not offered");
  }
  for (const auto& [name, tensor] : file.tensors())
    if (name.ends_with(".bias")) return unsupported(file, "'" + name + "': biases are not offered");
  return {};
}

Result<std::optional<std::int32_t>> token_id(const GgufFile& file, const char* key) {
  if (!file.has(key)) return std::optional<std::int32_t>{};
  TROUPE_ASSIGN(const std::int64_t id, file.integer(key));
  if (id < 0 || id > (1 << 30))
    return Error{ErrorCode::Corrupt, std::string("key '") + key + "' is not a token id",
                 "Use a GGUF file made by llama.cpp's converter"};
  return std::optional(static_cast<std::int32_t>(id));
}

}  // namespace

std::string hugging_face_name(std::string_view gguf_name) {
  for (const NamePair& pair : kWholeModel)
    if (pair.gguf == gguf_name) return std::string(pair.hugging_face);
  if (!gguf_name.starts_with("blk.")) return {};
  gguf_name.remove_prefix(4);
  const std::size_t dot = gguf_name.find('.');
  if (dot == std::string_view::npos || dot == 0 || dot > 6) return {};
  unsigned layer = 0;
  const auto [end, status] = std::from_chars(gguf_name.data(), gguf_name.data() + dot, layer);
  // "blk.01" and "blk.1" must not both become layer 1.
  if (status != std::errc{} || std::to_string(layer) != gguf_name.substr(0, dot)) return {};
  for (const NamePair& pair : kPerLayer)
    if (pair.gguf == gguf_name.substr(dot + 1))
      return "model.layers." + std::to_string(layer) + "." + std::string(pair.hugging_face);
  return {};
}

Result<ModelConfig> config_from_gguf(const GgufFile& file) {
  ModelConfig c;
  TROUPE_ASSIGN(c.architecture, file.string("general.architecture"));
  if (c.architecture != "llama") return check(c).error();
  TROUPE_TRY(refuse_unknown_features(file));
  TROUPE_ASSIGN(c.hidden_size, file.integer("llama.embedding_length"));
  TROUPE_ASSIGN(c.num_hidden_layers, file.integer("llama.block_count"));
  TROUPE_ASSIGN(c.num_attention_heads, file.integer("llama.attention.head_count"));
  c.num_key_value_heads = c.num_attention_heads;
  if (file.has("llama.attention.head_count_kv")) {
    TROUPE_ASSIGN(c.num_key_value_heads, file.integer("llama.attention.head_count_kv"));
  }
  c.head_dim = c.num_attention_heads > 0 ? c.hidden_size / c.num_attention_heads : 0;
  if (file.has("llama.attention.key_length")) {
    TROUPE_ASSIGN(c.head_dim, file.integer("llama.attention.key_length"));
  }
  if (file.has("llama.rope.dimension_count")) {
    TROUPE_ASSIGN(const std::int64_t rotated, file.integer("llama.rope.dimension_count"));
    if (rotated != c.head_dim) return unsupported(file, "partial RoPE is not offered");
  }
  TROUPE_ASSIGN(c.intermediate_size, file.integer("llama.feed_forward_length"));
  TROUPE_ASSIGN(c.rms_norm_eps, file.number("llama.attention.layer_norm_rms_epsilon"));
  if (file.has("llama.rope.freq_base")) {
    TROUPE_ASSIGN(c.rope_theta, file.number("llama.rope.freq_base"));
  }
  TROUPE_ASSIGN(c.max_position_embeddings, file.integer("llama.context_length"));
  const auto embedding = file.tensors().find("token_embd.weight");
  if (embedding == file.tensors().end() || embedding->second.shape.size() != 2)
    return Error{ErrorCode::Corrupt, "tensor 'token_embd.weight' is missing or not a matrix",
                 "The file is damaged or not complete: fetch it again"};
  c.vocab_size = embedding->second.shape[0];
  c.tie_word_embeddings = !file.tensors().contains("output.weight");
  TROUPE_ASSIGN(c.bos_token_id, token_id(file, "tokenizer.ggml.bos_token_id"));
  TROUPE_ASSIGN(c.pad_token_id, token_id(file, "tokenizer.ggml.padding_token_id"));
  TROUPE_ASSIGN(const auto eos, token_id(file, "tokenizer.ggml.eos_token_id"));
  if (eos) c.eos_token_ids.push_back(*eos);
  c.torch_dtype = embedding->second.dtype == Dtype::F32   ? "float32"
                  : embedding->second.dtype == Dtype::F16 ? "float16"
                                                          : "bfloat16";
  TROUPE_TRY(check(c));
  return c;
}

Result<std::unique_ptr<Checkpoint>> open_gguf_checkpoint(const std::filesystem::path& path) {
  TROUPE_ASSIGN(GgufFile file, GgufFile::open(path));
  auto config = config_from_gguf(file);
  if (!config) return config.error().in("'" + path.string() + "'");
  auto checkpoint = std::make_unique<GgufCheckpoint>(std::move(file), std::move(*config));
  if (auto complete = check_complete(*checkpoint); !complete)
    return complete.error().in("'" + path.string() + "'");
  return std::unique_ptr<Checkpoint>(std::move(checkpoint));
}

}  // namespace troupe::model
