#pragma once
// What a training checkpoint holds on disk, and how it is read back bit for bit:
//   model/      the published weights in Hugging Face layout (config.json, model.safetensors)
//   optimizer/  state.safetensors: master.<name>, m.<name>, v.<name> in f32 and, if the reference
//               was refreshed, reference.<name>; state.json: format and number of AdamW steps
// Blocks on the disk; called from the training engine's thread. Errors name the file.
#include <filesystem>

#include "model/engines/architecture.hpp"
#include "model/engines/optimizer.hpp"
#include "model/tokenizer/tokenizer.hpp"
#include "schemas/base/result.hpp"

namespace troupe::model {

/// `folder` must not exist. `weights` and `reference` (may be null) are flat buffers of
/// architecture.elements. With a tokenizer (may be null) model/ is complete: it can be
/// evaluated and trained further. Files and folders are synced.
template <class T>
Result<void> save_training(const std::filesystem::path& folder, const Architecture& a,
                           const T* weights, const Optimizer& optimizer, const T* reference,
                           const Tokenizer* tokenizer);

Result<void> load_optimizer(const std::filesystem::path& folder, const Architecture& a,
                            Optimizer& optimizer);

/// False: there is none, the reference is the initial model.
template <class T>
Result<bool> load_reference(const std::filesystem::path& folder, const Architecture& a,
                            T* reference);

}  // namespace troupe::model
