#pragma once
// Tiny models for tests, written as checkpoints into a temporary folder. Their weights derive from
// Rng streams, so that make_expected.py makes the same ones.
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "model/engine.hpp"
#include "model/engines/architecture.hpp"
#include "model/formats/safetensors_writer.hpp"
#include "schemas/base/rng.hpp"

extern "C" troupe::model::EngineLibrary* troupe_engine_library();

namespace troupe::model {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "troupe-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// 3 query heads per key/value head, tied embeddings: the proportions of SmolLM2.
inline ModelConfig tiny_config() {
  ModelConfig c;
  c.hidden_size = 48;
  c.num_hidden_layers = 3;
  c.num_attention_heads = 6;
  c.num_key_value_heads = 2;
  c.head_dim = 16;
  c.intermediate_size = 80;
  c.vocab_size = 97;
  c.rms_norm_eps = 1e-5;
  c.rope_theta = 1e4;
  c.max_position_embeddings = 128;
  c.tie_word_embeddings = true;
  return c;
}

/// No grouping of heads, an own head matrix, q wider than the hidden state.
inline ModelConfig untied_config() {
  ModelConfig c = tiny_config();
  c.hidden_size = 32;
  c.num_hidden_layers = 2;
  c.num_attention_heads = 4;
  c.num_key_value_heads = 4;
  c.head_dim = 32;
  c.intermediate_size = 64;
  c.vocab_size = 50;
  c.rms_norm_eps = 1e-6;
  c.rope_theta = 1e5;
  c.max_position_embeddings = 64;
  c.tie_word_embeddings = false;
  return c;
}

/// A checkpoint in Hugging Face layout, f32.
inline void write_tiny_model(const std::filesystem::path& folder, const ModelConfig& config) {
  const ArchitecturePtr a = Architecture::make(config).value();
  std::vector<std::vector<float>> values;
  std::vector<TensorToWrite> tensors;
  for (std::size_t stream = 0; stream < a->parameters.size(); ++stream) {
    const Parameter& p = a->parameters[stream];
    Rng rng(7, stream);
    auto& v = values.emplace_back(static_cast<std::size_t>(p.elements));
    for (float& x : v) {
      const double centred = rng.uniform() - 0.5;
      x = static_cast<float>(p.decays ? 0.6 * centred : 1 + 0.4 * centred);
    }
    tensors.push_back(
        {{p.name, p.shape, Dtype::F32}, std::as_bytes(std::span<const float>(v))});
  }
  Disk& disk = real_disk();
  TROUPE_ASSERT(disk.make_directories(folder).ok(), "test folder");
  TROUPE_ASSERT(write_safetensors(disk, folder / "model.safetensors", tensors).ok(), "test model");
  TROUPE_ASSERT(disk.replace(folder / "config.json", config_to_json(config)).ok(), "test config");
}

/// Loaded through the public entrance. Aborts the test on an error.
inline std::shared_ptr<Model> load_model(const std::filesystem::path& path,
                                         const std::string& dtype, unsigned threads = 2) {
  return troupe_engine_library()->load({.path = path, .dtype = dtype}, threads).value();
}

/// The small real model, or an empty path.
inline std::filesystem::path real_model_path() {
  const char* given = std::getenv("TROUPE_MODEL");
  const std::filesystem::path path =
      given ? given
            : std::filesystem::path(TROUPE_SOURCE_DIR) / "models/SmolLM2-135M-Instruct.Q4_1.gguf";
  std::error_code ignored;
  return std::filesystem::exists(path, ignored) ? path : std::filesystem::path();
}

}  // namespace troupe::model
