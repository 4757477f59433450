#pragma once
// Filling a flat parameter buffer from a checkpoint, several tensors at a time. Blocks; any thread.
#include <functional>
#include <span>

#include "model/engines/architecture.hpp"
#include "model/formats/checkpoint.hpp"

namespace troupe::model {

/// Calls `store` once per parameter with its f32 values, from several threads. The first error.
Result<void> read_parameters(
    const Checkpoint& checkpoint, const Architecture& a, unsigned threads,
    const std::function<void(const Parameter&, std::span<const float>)>& store);

}  // namespace troupe::model
