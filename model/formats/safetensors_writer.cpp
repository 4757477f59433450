#include "model/formats/safetensors_writer.hpp"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

namespace troupe::model {
namespace {

constexpr std::size_t kChunkElements = 1u << 18;  // converted at a time: 512 KiB of bf16

Error invalid(std::string message) {
  return Error{ErrorCode::InvalidArgument, std::move(message),
               "Write the tensors in the order of tensors(), each once"};
}

std::uint64_t bytes_of(const TensorInfo& info) {
  return static_cast<std::uint64_t>(info.elements()) * block_size(info.dtype).bytes;
}

}  // namespace

Result<SafetensorsWriter> SafetensorsWriter::create(Disk& disk, const std::filesystem::path& path,
                                                    std::vector<TensorInfo> tensors) {
  nlohmann::ordered_json header = {{"__metadata__", {{"format", "pt"}}}};
  std::uint64_t offset = 0;
  for (const TensorInfo& info : tensors) {
    if (block_size(info.dtype).elements != 1)
      return Error{ErrorCode::Unsupported,
                   "tensor '" + info.name + "' cannot be written as " + name_of(info.dtype),
                   "Write F32, F16 or BF16"};
    const std::uint64_t end = offset + bytes_of(info);
    header[info.name] = {
        {"dtype", name_of(info.dtype)}, {"shape", info.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // tensors begin aligned
  const std::uint64_t size = text.size();
  TROUPE_ASSIGN(auto file, disk.create(path));
  TROUPE_TRY(file->write(std::as_bytes(std::span(&size, 1))));
  TROUPE_TRY(file->write(text));
  return SafetensorsWriter(std::move(file), std::move(tensors));
}

Result<const TensorInfo*> SafetensorsWriter::expect(std::string_view name) const {
  if (next_ == tensors_.size())
    return invalid("tensor '" + std::string(name) + "' comes after the last one");
  if (tensors_[next_].name != name)
    return invalid("tensor '" + std::string(name) + "' comes where '" + tensors_[next_].name +
                   "' is due");
  return &tensors_[next_];
}

Result<void> SafetensorsWriter::write(std::string_view name, std::span<const std::byte> bytes) {
  TROUPE_ASSIGN(const TensorInfo* info, expect(name));
  if (bytes.size() != bytes_of(*info))
    return invalid("tensor '" + info->name + "' has " + std::to_string(bytes_of(*info)) +
                   " bytes, not " + std::to_string(bytes.size()));
  TROUPE_TRY(file_->write(bytes));
  ++next_;
  return {};
}

Result<void> SafetensorsWriter::write_f32(std::string_view name, std::span<const float> values) {
  TROUPE_ASSIGN(const TensorInfo* info, expect(name));
  if (info->dtype == Dtype::F32) return write(name, std::as_bytes(values));
  if (info->dtype != Dtype::BF16)
    return invalid("tensor '" + info->name + "' is not announced as F32 or BF16");
  if (values.size() != static_cast<std::size_t>(info->elements()))
    return invalid("tensor '" + info->name + "' has " + std::to_string(info->elements()) +
                   " elements, not " + std::to_string(values.size()));
  std::vector<std::uint16_t> chunk(std::min(values.size(), kChunkElements));
  while (!values.empty()) {
    const std::size_t count = std::min(values.size(), kChunkElements);
    std::transform(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count),
                   chunk.begin(), f32_to_bf16);
    TROUPE_TRY(file_->write(std::as_bytes(std::span(chunk.data(), count))));
    values = values.subspan(count);
  }
  ++next_;
  return {};
}

Result<void> SafetensorsWriter::finish() {
  if (next_ != tensors_.size())
    return invalid("tensor '" + tensors_[next_].name + "' was not written");
  return file_->sync();
}

Result<void> write_safetensors(Disk& disk, const std::filesystem::path& path,
                               std::span<const TensorToWrite> tensors) {
  std::vector<TensorInfo> infos;
  for (const TensorToWrite& tensor : tensors) infos.push_back(tensor.info);
  TROUPE_ASSIGN(auto writer, SafetensorsWriter::create(disk, path, std::move(infos)));
  for (const TensorToWrite& tensor : tensors)
    TROUPE_TRY(writer.write(tensor.info.name, tensor.bytes));
  return writer.finish();
}

}  // namespace troupe::model
