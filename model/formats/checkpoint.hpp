#pragma once
// Checkpoint: configuration and tensors of a model on disk. Opening reads and checks all headers:
// every tensor that the architecture needs (expected_tensors) is there with its shape, so an engine
// may read them without further checks. Immutable, any thread. Errors (NotFound, Corrupt,
// Unsupported, Io) name the file and the key or tensor.
#include <filesystem>
#include <memory>

#include "model/formats/model_config.hpp"
#include "model/formats/tensor_source.hpp"
#include "schemas/base/result.hpp"

namespace troupe::model {

class Checkpoint : public TensorSource {
 public:
  virtual const ModelConfig& config() const = 0;
};

/// `path`: a .gguf file, or a folder with config.json and model.safetensors (or shards named by
/// model.safetensors.index.json). A folder that holds no config.json but exactly one .gguf works.
Result<std::unique_ptr<Checkpoint>> open_checkpoint(const std::filesystem::path& path);

}  // namespace troupe::model
