#include "model/engines/safetensors_writer.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace troupe::model {
namespace {
constexpr std::size_t kPiece = 64u << 20;  // bytes per write
}

Result<void> write_safetensors(Disk& disk, const std::filesystem::path& path,
                               std::span<const TensorToWrite> tensors) {
  nlohmann::json header;
  header["__metadata__"] = {{"format", "pt"}};  // transformers refuses a file without it
  std::uint64_t offset = 0;
  for (const TensorToWrite& t : tensors) {
    header[t.name] = {{"dtype", t.dtype},
                      {"shape", t.shape},
                      {"data_offsets", {offset, offset + t.bytes.size()}}};
    offset += t.bytes.size();
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // the data starts aligned
  std::string length(8, '\0');
  for (int i = 0; i < 8; ++i) {
    length[i] = static_cast<char>((static_cast<std::uint64_t>(text.size()) >> (8 * i)) & 0xff);
  }
  TROUPE_ASSIGN(std::unique_ptr<DiskFile> file, disk.create(path));
  TROUPE_TRY(file->write(std::string_view(length)));
  TROUPE_TRY(file->write(std::string_view(text)));
  for (const TensorToWrite& t : tensors) {
    for (std::size_t at = 0; at < t.bytes.size(); at += kPiece) {
      TROUPE_TRY(file->write(t.bytes.subspan(at, std::min(kPiece, t.bytes.size() - at))));
    }
  }
  return file->sync();
}

}  // namespace troupe::model
