#pragma once
// The Llama family in GGUF files, seen as a Hugging Face checkpoint: names are translated, and the
// rows of q and k, which the converter interleaves per head for ggml's RoPE, are put back. See
// checkpoint.hpp.
#include "model/formats/checkpoint.hpp"
#include "model/formats/gguf.hpp"

namespace troupe::model {

Result<std::unique_ptr<Checkpoint>> open_gguf_checkpoint(const std::filesystem::path& path);

/// Configuration from metadata keys.
Result<ModelConfig> config_from_gguf(const GgufFile& file);

/// "blk.3.attn_q.weight" -> "model.layers.3.self_attn.q_proj.weight"; empty when it has none.
std::string hugging_face_name(std::string_view gguf_name);

}  // namespace troupe::model
