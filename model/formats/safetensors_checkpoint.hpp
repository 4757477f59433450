#pragma once
// A folder in Hugging Face layout: config.json and model.safetensors, or shards that
// model.safetensors.index.json names. See checkpoint.hpp.
#include "model/formats/checkpoint.hpp"

namespace troupe::model {

Result<std::unique_ptr<Checkpoint>> open_safetensors_checkpoint(
    const std::filesystem::path& folder);

}  // namespace troupe::model
