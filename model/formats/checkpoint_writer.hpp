#pragma once
// CheckpointWriter: writes a folder in Hugging Face layout that `transformers` loads: config.json,
// generation_config.json, tokenizer.json, tokenizer_config.json, model.safetensors. Tensors are
// streamed. One owner, one thread; calls block on the disk. After an error the folder is not
// complete: the caller removes it. The caller renames a finished folder into place.
//
//   TROUPE_ASSIGN(auto writer, CheckpointWriter::create(disk, folder, config, *tokenizer, dtype));
//   for (const TensorInfo& info : writer.tensors()) TROUPE_TRY(writer.write_f32(info.name, ...));
//   TROUPE_TRY(writer.finish());
#include <filesystem>
#include <string>

#include "model/formats/model_config.hpp"
#include "model/formats/safetensors_writer.hpp"
#include "model/tokenizer/tokenizer.hpp"

namespace troupe::model {

class CheckpointWriter {
 public:
  /// `folder` must not exist (Conflict). `dtype`: BF16, F32 or F16, of every tensor. Writes
  /// everything but the tensors.
  static Result<CheckpointWriter> create(Disk& disk, const std::filesystem::path& folder,
                                         ModelConfig config, const Tokenizer& tokenizer,
                                         Dtype dtype);

  /// What must be written, in this order; lm_head.weight is not among them when it is tied.
  const std::vector<TensorInfo>& tensors() const { return writer_.tensors(); }
  Result<void> write(std::string_view name, std::span<const std::byte> bytes) {
    return writer_.write(name, bytes);
  }
  Result<void> write_f32(std::string_view name, std::span<const float> values) {
    return writer_.write_f32(name, values);
  }
  /// Every tensor is written: waits until all files and the folder are on stable storage.
  Result<void> finish();

 private:
  CheckpointWriter(Disk& disk, std::filesystem::path folder, SafetensorsWriter writer)
      : disk_(&disk), folder_(std::move(folder)), writer_(std::move(writer)) {}
  Disk* disk_;
  std::filesystem::path folder_;
  SafetensorsWriter writer_;
};

/// Text of the files, for tools that write them elsewhere.
std::string generation_config_to_json(const ModelConfig& config);
std::string tokenizer_to_json(const TokenizerData& data);
std::string tokenizer_config_to_json(const TokenizerData& data, const ModelConfig& config);

}  // namespace troupe::model
