#include "model/formats/checkpoint.hpp"

#include <optional>

#include "model/formats/gguf_checkpoint.hpp"
#include "model/formats/safetensors_checkpoint.hpp"
#include "schemas/base/disk.hpp"

namespace troupe::model {
namespace fs = std::filesystem;

Result<std::unique_ptr<Checkpoint>> open_checkpoint(const fs::path& path) {
  std::error_code code;
  const fs::file_status status = fs::status(path, code);
  if (status.type() == fs::file_type::not_found)
    return Error{ErrorCode::NotFound, "there is no model at '" + path.string() + "'",
                 "Check the path; it must be a .gguf file or a folder in Hugging Face layout"};
  if (!fs::is_directory(status)) {
    if (path.extension() == ".safetensors")
      return Error{ErrorCode::InvalidArgument,
                   "'" + path.string() + "' holds tensors but no configuration",
                   "Give the folder that holds it together with config.json"};
    return open_gguf_checkpoint(path);
  }
  if (fs::exists(path / "config.json", code)) return open_safetensors_checkpoint(path);
  TROUPE_ASSIGN(const auto names, real_disk().list(path));
  std::optional<fs::path> only;
  for (const std::string& name : names) {
    if (!name.ends_with(".gguf")) continue;
    if (only)
      return Error{ErrorCode::InvalidArgument, "'" + path.string() + "' holds several .gguf files",
                   "Give the path of one of them"};
    only = path / name;
  }
  if (only) return open_gguf_checkpoint(*only);
  return Error{ErrorCode::NotFound,
               "'" + path.string() + "' holds neither config.json nor a .gguf file",
               "Give a .gguf file or a folder in Hugging Face layout"};
}

}  // namespace troupe::model
