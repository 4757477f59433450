#include "model/formats/safetensors.hpp"

#include <cstring>

#include "model/formats/json.hpp"

namespace troupe::model {
namespace {

// 300,000 tensors; parsing costs 20 times this.
constexpr std::uint64_t kHeaderBytesMax = 32u << 20;
constexpr std::size_t kDimensionsMax = 8;

Error corrupt(std::string message) {
  return Error{ErrorCode::Corrupt, std::move(message),
               "The file is damaged or not complete: fetch it again"};
}

std::optional<Dtype> dtype_of(std::string_view name) {
  if (name == "F32") return Dtype::F32;
  if (name == "F16") return Dtype::F16;
  if (name == "BF16") return Dtype::BF16;
  return std::nullopt;
}

/// Non-negative integer of at most 2^62.
std::optional<std::uint64_t> size_value(const Json& json) {
  if (!json.is_number_unsigned()) return std::nullopt;
  const auto value = json.get<std::uint64_t>();
  return value <= (1ull << 62) ? std::optional(value) : std::nullopt;
}

Result<SafetensorsEntry> entry_of(const std::string& name, const Json& json,
                                  std::span<const std::byte> data) {
  const std::string where = "tensor '" + name + "'";
  SafetensorsEntry entry;
  entry.info.name = name;
  auto type_name = string_field(json, "dtype");
  if (!type_name) return type_name.error().in(where);
  const auto dtype = dtype_of(*type_name);
  if (!dtype)
    return Error{ErrorCode::Unsupported, where + " has the type '" + *type_name + "'",
                 "safetensors files with F32, F16 and BF16 can be read: convert the model"};
  entry.info.dtype = *dtype;

  const Json* shape = optional_field(json, "shape");
  if (shape == nullptr || !shape->is_array() || shape->size() > kDimensionsMax)
    return corrupt(where + " has no valid shape");
  std::uint64_t elements = 1;
  for (const Json& dimension : *shape) {
    const auto size = size_value(dimension);
    // More elements than bytes in the file cannot be.
    if (!size || *size == 0 || *size > data.size() || elements > data.size() / *size)
      return corrupt(where + " has an impossible shape");
    elements *= *size;
    entry.info.shape.push_back(static_cast<std::int64_t>(*size));
  }

  const Json* offsets = optional_field(json, "data_offsets");
  if (offsets == nullptr || !offsets->is_array() || offsets->size() != 2)
    return corrupt(where + " has no valid data_offsets");
  const auto begin = size_value((*offsets)[0]), end = size_value((*offsets)[1]);
  if (!begin || !end || *begin > *end || *end > data.size())
    return corrupt(where + " does not fit into the file");
  if (*end - *begin != elements * block_size(*dtype).bytes)
    return corrupt(where + ": its shape and its bytes do not agree");
  entry.bytes = data.subspan(*begin, *end - *begin);
  return entry;
}

}  // namespace

Result<SafetensorsFile> SafetensorsFile::open(const std::filesystem::path& path) {
  TROUPE_ASSIGN(MappedFile mapped, MappedFile::open(path));
  SafetensorsFile file(std::move(mapped));
  if (auto parsed = file.parse(); !parsed) return parsed.error().in("'" + path.string() + "'");
  return file;
}

Result<void> SafetensorsFile::parse() {
  const std::span<const std::byte> bytes = file_.bytes();
  std::uint64_t header_bytes = 0;
  if (bytes.size() < 8) return corrupt("too short for a safetensors file");
  std::memcpy(&header_bytes, bytes.data(), 8);
  if (header_bytes > bytes.size() - 8 || header_bytes > kHeaderBytesMax)
    return corrupt("its header does not fit into the file");
  TROUPE_ASSIGN(const Json header,
                parse_json({reinterpret_cast<const char*>(bytes.data()) + 8,
                            static_cast<std::size_t>(header_bytes)}));
  if (!header.is_object()) return corrupt("its header is not a JSON object");
  const auto data = bytes.subspan(8 + static_cast<std::size_t>(header_bytes));
  std::uint64_t total = 0;
  for (const auto& [name, json] : header.items()) {
    if (name == "__metadata__") continue;
    TROUPE_ASSIGN(SafetensorsEntry entry, entry_of(name, json, data));
    // Tensors that share bytes would let a small file ask for much memory.
    total += entry.bytes.size();
    if (total > data.size()) return corrupt("tensor '" + name + "' overlaps another tensor");
    tensors_.emplace(name, std::move(entry));
  }
  return {};
}

}  // namespace troupe::model
