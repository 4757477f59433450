#pragma once
// SafetensorsFile: one memory-mapped .safetensors file: a JSON header and plain tensors. The header
// is checked against the file's size before anything is allocated. Immutable, any thread.
// Format: github.com/huggingface/safetensors, README ("Format").
#include <map>

#include "model/formats/mapped_file.hpp"
#include "model/formats/tensor_source.hpp"

namespace troupe::model {

struct SafetensorsEntry {
  TensorInfo info;
  std::span<const std::byte> bytes;
};

class SafetensorsFile {
 public:
  static Result<SafetensorsFile> open(const std::filesystem::path& path);
  const std::map<std::string, SafetensorsEntry, std::less<>>& tensors() const { return tensors_; }

 private:
  explicit SafetensorsFile(MappedFile file) : file_(std::move(file)) {}
  Result<void> parse();
  MappedFile file_;
  std::map<std::string, SafetensorsEntry, std::less<>> tensors_;
};

}  // namespace troupe::model
