#include "model/memory.hpp"

#include <algorithm>
#include <system_error>

#include "model/formats/checkpoint.hpp"

namespace troupe::model {
namespace {

using Size = std::uint64_t;

constexpr Size kAlignment = 64;  // elements between tensors, as in Architecture

Size hidden(const ModelFacts& f) { return static_cast<Size>(f.config.hidden_size); }
Size inner(const ModelFacts& f) { return static_cast<Size>(f.config.intermediate_size); }
Size vocabulary(const ModelFacts& f) { return static_cast<Size>(f.config.vocab_size); }
Size layers(const ModelFacts& f) { return static_cast<Size>(f.config.num_hidden_layers); }
Size heads(const ModelFacts& f) { return static_cast<Size>(f.config.num_attention_heads); }
Size q_width(const ModelFacts& f) { return heads(f) * static_cast<Size>(f.config.head_dim); }
Size kv_width(const ModelFacts& f) {
  return static_cast<Size>(f.config.num_key_value_heads * f.config.head_dim);
}
Size qkv_width(const ModelFacts& f) { return q_width(f) + 2 * kv_width(f); }

Size file_bytes(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    const auto size = std::filesystem::file_size(path, error);
    return error ? 0 : size;
  }
  Size total = 0;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    const auto kind = entry.path().extension();
    if (kind != ".safetensors" && kind != ".gguf") continue;
    const auto size = entry.file_size(error);
    if (!error) total += size;
  }
  return total;
}

}  // namespace

ModelFacts facts_of(const ModelConfig& config) {
  ModelFacts out;
  out.config = config;
  const auto add = [&](Size elements) {
    out.parameters += elements;
    out.elements = (out.elements + kAlignment - 1) / kAlignment * kAlignment + elements;
  };
  add(vocabulary(out) * hidden(out));
  for (Size i = 0; i < layers(out); ++i) {
    add(hidden(out));
    add(qkv_width(out) * hidden(out));
    add(hidden(out) * q_width(out));
    add(hidden(out));
    add(2 * inner(out) * hidden(out));
    add(hidden(out) * inner(out));
  }
  add(hidden(out));
  if (!config.tie_word_embeddings) add(vocabulary(out) * hidden(out));
  out.elements = (out.elements + kAlignment - 1) / kAlignment * kAlignment;
  return out;
}

Result<ModelFacts> read_model_facts(const std::filesystem::path& path) {
  TROUPE_ASSIGN(const auto checkpoint, open_checkpoint(path));
  ModelFacts out = facts_of(checkpoint->config());
  out.file_bytes = file_bytes(path);
  return out;
}

std::uint64_t element_bytes(std::string_view dtype) { return dtype == "f32" ? 4 : 2; }

std::uint64_t weights_bytes(const ModelFacts& facts, std::uint64_t element) {
  return facts.elements * element;
}

std::uint64_t optimizer_bytes(const ModelFacts& facts) { return facts.elements * 4 * 4; }

std::uint64_t tape_bytes(const ModelFacts& f, std::uint64_t element, std::uint64_t rows,
                         bool keep) {
  const Size residuals = keep ? 2 : 1;
  const Size layer = 4 * (residuals * hidden(f) + 2 + heads(f)) +
                     element * (qkv_width(f) + q_width(f) + 2 * inner(f));
  const Size shared = 4 * (hidden(f) + 1) + element * (2 * hidden(f) + inner(f));
  return rows * (shared + (keep ? layers(f) : 1) * layer);
}

std::uint64_t head_bytes(const ModelFacts& f, std::uint64_t element, std::uint64_t rows) {
  return rows * element * (vocabulary(f) + 2 * hidden(f));
}

std::uint64_t backward_bytes(const ModelFacts& f, std::uint64_t element, std::uint64_t rows) {
  return rows *
         (4 * hidden(f) + element * (hidden(f) + std::max(inner(f), qkv_width(f)) + q_width(f)));
}

std::uint64_t matrix_scratch_bytes(const ModelFacts& f, std::uint64_t element) {
  const Size head = vocabulary(f) * hidden(f), wide = std::max(2 * inner(f), qkv_width(f));
  // The gradient of the head, that of the widest layer, and the product's copy of the head.
  return element * (2 * head + wide * hidden(f));
}

std::uint64_t page_bytes(const ModelFacts& f, std::uint64_t element) {
  return layers(f) * 2 * kv_width(f) * kCachePageTokens * element;
}

std::uint64_t pages_of(std::uint64_t tokens) {
  return (tokens + kCachePageTokens - 1) / kCachePageTokens;
}

}  // namespace troupe::model
