#pragma once
// Writing one .safetensors file: a JSON header, then plain tensors one after another. Streams from
// the caller's memory, nothing is copied whole. Blocks; any thread.
// Format: github.com/huggingface/safetensors, README ("Format").
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "schemas/base/disk.hpp"

namespace troupe::model {

struct TensorToWrite {
  std::string name;
  const char* dtype = "F32";  // F32 or BF16
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;  // row-major, little-endian; outlives the call
};

/// The file is synced; its directory is not. Errors of the disk.
Result<void> write_safetensors(Disk& disk, const std::filesystem::path& path,
                               std::span<const TensorToWrite> tensors);

}  // namespace troupe::model
