#pragma once
// SafetensorsWriter: writes one .safetensors file as its tensors arrive, in the order announced, so
// that a model is never held twice. One owner, one thread. What the disk refuses is returned and
// leaves a file that is not complete; wrong order or size is InvalidArgument.
// Format: github.com/huggingface/safetensors, README ("Format").
#include <memory>
#include <vector>

#include "model/formats/tensor_source.hpp"
#include "schemas/base/disk.hpp"

namespace troupe::model {

class SafetensorsWriter {
 public:
  /// Writes the header. Dtypes: F32, F16, BF16.
  static Result<SafetensorsWriter> create(Disk& disk, const std::filesystem::path& path,
                                          std::vector<TensorInfo> tensors);

  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  /// The next tensor, whole, row-major, little-endian.
  Result<void> write(std::string_view name, std::span<const std::byte> bytes);
  /// The same from floats, converted to the tensor's dtype (F32 or BF16).
  Result<void> write_f32(std::string_view name, std::span<const float> values);
  /// All tensors are written: waits until the bytes are on stable storage.
  Result<void> finish();

 private:
  SafetensorsWriter(std::unique_ptr<DiskFile> file, std::vector<TensorInfo> tensors)
      : file_(std::move(file)), tensors_(std::move(tensors)) {}
  Result<const TensorInfo*> expect(std::string_view name) const;

  std::unique_ptr<DiskFile> file_;
  std::vector<TensorInfo> tensors_;
  std::size_t next_ = 0;
};

struct TensorToWrite {
  TensorInfo info;
  std::span<const std::byte> bytes;  // row-major, little-endian; outlives the call
};

/// A whole file of tensors that are in memory. The file is synced; its directory is not.
Result<void> write_safetensors(Disk& disk, const std::filesystem::path& path,
                               std::span<const TensorToWrite> tensors);

}  // namespace troupe::model
