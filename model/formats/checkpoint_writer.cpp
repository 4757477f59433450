#include "model/formats/checkpoint_writer.hpp"

namespace troupe::model {
namespace {

const char* torch_name(Dtype dtype) {
  switch (dtype) {
    case Dtype::F16: return "float16";
    case Dtype::BF16: return "bfloat16";
    default: return "float32";
  }
}

Result<void> write_text(Disk& disk, const std::filesystem::path& path, std::string_view text) {
  TROUPE_ASSIGN(auto file, disk.create(path));
  TROUPE_TRY(file->write(text));
  return file->sync();
}

}  // namespace

Result<CheckpointWriter> CheckpointWriter::create(Disk& disk, const std::filesystem::path& folder,
                                                  ModelConfig config, const Tokenizer& tokenizer,
                                                  Dtype dtype) {
  if (disk.exists(folder))
    return Error{ErrorCode::Conflict, "'" + folder.string() + "' exists already",
                 "Write into a new folder, or remove it first"};
  TROUPE_TRY(check(config));
  TROUPE_TRY(disk.make_directories(folder));
  config.torch_dtype = torch_name(dtype);
  const TokenizerData& data = tokenizer.data();
  TROUPE_TRY(write_text(disk, folder / "config.json", config_to_json(config)));
  TROUPE_TRY(
      write_text(disk, folder / "generation_config.json", generation_config_to_json(config)));
  TROUPE_TRY(write_text(disk, folder / "tokenizer.json", tokenizer_to_json(data)));
  TROUPE_TRY(write_text(disk, folder / "tokenizer_config.json",
                        tokenizer_config_to_json(data, config)));
  std::vector<TensorInfo> tensors = expected_tensors(config);
  for (TensorInfo& info : tensors) info.dtype = dtype;
  TROUPE_ASSIGN(SafetensorsWriter writer,
                SafetensorsWriter::create(disk, folder / "model.safetensors", std::move(tensors)));
  return CheckpointWriter(disk, folder, std::move(writer));
}

Result<void> CheckpointWriter::finish() {
  TROUPE_TRY(writer_.finish());
  return disk_->sync_directory(folder_);
}

}  // namespace troupe::model
