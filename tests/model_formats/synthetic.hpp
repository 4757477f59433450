#pragma once
// Small GGUF and safetensors files made in memory, for tests that need no real model.
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace synthetic {

inline void write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(),
                                              static_cast<std::streamsize>(bytes.size()));
}

/// Builds a GGUF file piece by piece; what it writes is as correct as its arguments.
class Gguf {
 public:
  template <class T>
  Gguf& raw(T value) {
    header_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Gguf& text(std::string_view value) {
    raw<std::uint64_t>(value.size());
    header_.append(value);
    return *this;
  }
  Gguf& key(std::string_view name, std::uint32_t type) {
    ++keys_;
    return text(name).raw(type);
  }
  Gguf& u32(std::string_view name, std::uint32_t value) { return key(name, 4).raw(value); }
  Gguf& f32(std::string_view name, float value) { return key(name, 6).raw(value); }
  Gguf& str(std::string_view name, std::string_view value) { return key(name, 8).text(value); }
  Gguf& strings(std::string_view name, const std::vector<std::string>& values) {
    key(name, 9).raw<std::uint32_t>(8).raw<std::uint64_t>(values.size());
    for (const auto& value : values) text(value);
    return *this;
  }
  Gguf& ints(std::string_view name, const std::vector<std::int32_t>& values) {
    key(name, 9).raw<std::uint32_t>(5).raw<std::uint64_t>(values.size());
    for (const auto value : values) raw(value);
    return *this;
  }
  /// `shape` row-major; `ggml_type` with `bytes` of data.
  Gguf& tensor(std::string_view name, std::vector<std::uint64_t> shape, std::uint32_t ggml_type,
               std::size_t bytes) {
    std::string saved = std::move(header_);
    header_.clear();
    text(name).raw(static_cast<std::uint32_t>(shape.size()));
    for (std::size_t i = shape.size(); i-- > 0;) raw(shape[i]);
    raw(ggml_type).raw<std::uint64_t>(data_.size());
    tensors_ += header_;
    header_ = std::move(saved);
    ++tensor_count_;
    for (std::size_t i = 0; i < bytes; ++i) data_.push_back(static_cast<char>((i * 37 + 11) % 101));
    data_.resize((data_.size() + 31) / 32 * 32);
    return *this;
  }
  std::string bytes() const {
    std::string file = "GGUF";
    const std::uint32_t version = 3;
    file.append(reinterpret_cast<const char*>(&version), 4);
    file.append(reinterpret_cast<const char*>(&tensor_count_), 8);
    file.append(reinterpret_cast<const char*>(&keys_), 8);
    file += header_ + tensors_;
    file.resize((file.size() + 31) / 32 * 32);
    return file + data_;
  }

 private:
  std::string header_, tensors_, data_;
  std::uint64_t keys_ = 0, tensor_count_ = 0;
};

/// A Llama model of 1 layer, hidden 32, 2 heads, 1 key/value head, with the quantised types, and a
/// tokenizer of 5 tokens.
inline Gguf tiny_llama() {
  Gguf g;
  g.str("general.architecture", "llama");
  g.u32("llama.embedding_length", 32).u32("llama.block_count", 1);
  g.u32("llama.attention.head_count", 2).u32("llama.attention.head_count_kv", 1);
  g.u32("llama.feed_forward_length", 64).u32("llama.context_length", 128);
  g.f32("llama.attention.layer_norm_rms_epsilon", 1e-5f).f32("llama.rope.freq_base", 1e4f);
  g.str("tokenizer.ggml.model", "gpt2").str("tokenizer.ggml.pre", "smollm");
  g.strings("tokenizer.ggml.tokens", {"<|e|>", "a", "b", "ab", "1"});
  g.ints("tokenizer.ggml.token_type", {3, 1, 1, 1, 1});
  g.strings("tokenizer.ggml.merges", {"a b"});
  g.u32("tokenizer.ggml.eos_token_id", 0);
  g.tensor("token_embd.weight", {5, 32}, 8, 5 * 34);           // Q8_0
  g.tensor("output_norm.weight", {32}, 0, 32 * 4);             // F32
  g.tensor("blk.0.attn_norm.weight", {32}, 0, 32 * 4);
  g.tensor("blk.0.attn_q.weight", {32, 32}, 3, 32 * 20);       // Q4_1
  g.tensor("blk.0.attn_k.weight", {16, 32}, 2, 16 * 18);       // Q4_0
  g.tensor("blk.0.attn_v.weight", {16, 32}, 1, 16 * 64);       // F16
  g.tensor("blk.0.attn_output.weight", {32, 32}, 30, 32 * 64); // BF16
  g.tensor("blk.0.ffn_norm.weight", {32}, 0, 32 * 4);
  g.tensor("blk.0.ffn_gate.weight", {64, 32}, 3, 64 * 20);
  g.tensor("blk.0.ffn_up.weight", {64, 32}, 3, 64 * 20);
  g.tensor("blk.0.ffn_down.weight", {32, 64}, 3, 64 * 20);
  return g;
}

}  // namespace synthetic
