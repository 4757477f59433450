#include "model/formats/gguf.hpp"

#include <cstring>
#include <limits>

#include "model/formats/gguf_reader.hpp"

namespace troupe::model {
namespace {

// Far above what any model has; they keep a hostile header from costing time.
constexpr std::uint64_t kValuesMax = 1u << 16;
constexpr std::uint64_t kTensorsMax = 1u << 20;
constexpr std::size_t kNameBytesMax = 1u << 10;
constexpr std::uint64_t kAlignmentMax = 1u << 16;

std::optional<Dtype> dtype_of(std::uint32_t ggml_type) {
  switch (ggml_type) {
    case 0: return Dtype::F32;
    case 1: return Dtype::F16;
    case 2: return Dtype::Q4_0;
    case 3: return Dtype::Q4_1;
    case 8: return Dtype::Q8_0;
    case 12: return Dtype::Q4_K;
    case 14: return Dtype::Q6_K;
    case 30: return Dtype::BF16;
    default: return std::nullopt;
  }
}

std::optional<GgufType> type_of(std::uint32_t number) {
  if (number > static_cast<std::uint32_t>(GgufType::F64)) return std::nullopt;
  return static_cast<GgufType>(number);
}

/// Bytes of a scalar; 0 for strings and arrays.
std::size_t scalar_bytes(GgufType type) {
  switch (type) {
    case GgufType::U8:
    case GgufType::I8:
    case GgufType::Bool: return 1;
    case GgufType::U16:
    case GgufType::I16: return 2;
    case GgufType::U32:
    case GgufType::I32:
    case GgufType::F32: return 4;
    case GgufType::U64:
    case GgufType::I64:
    case GgufType::F64: return 8;
    case GgufType::String:
    case GgufType::Array: return 0;
  }
  return 0;
}

/// Moves past one value. Arrays of arrays are in no known file and are refused.
bool take_value(GgufReader& reader, GgufValue& value) {
  std::uint32_t number = 0;
  if (!reader.number(number)) return false;
  const auto type = type_of(number);
  if (!type) return false;
  value.type = *type;
  value.element = *type;
  if (value.type == GgufType::Array) {
    if (!reader.number(number) || !reader.number(value.count)) return false;
    const auto element = type_of(number);
    if (!element || *element == GgufType::Array) return false;
    value.element = *element;
  }
  const std::size_t start = reader.position();
  if (const std::size_t size = scalar_bytes(value.element); size > 0) {
    if (value.count > reader.left() / size) return false;
    reader.skip(static_cast<std::size_t>(value.count) * size);
  } else {
    for (std::uint64_t i = 0; i < value.count; ++i)  // every string takes at least 8 bytes
      if (std::string_view text; !reader.string(text)) return false;
  }
  value.bytes = reader.since(start);
  return true;
}

struct TensorHeader {
  GgufTensor tensor;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

Error corrupt(std::string message) {
  return Error{ErrorCode::Corrupt, std::move(message),
               "The file is damaged or not complete: fetch it again"};
}

Result<TensorHeader> take_tensor(GgufReader& reader) {
  TensorHeader header;
  std::string_view name;
  std::uint32_t dimensions = 0, ggml_type = 0;
  if (!reader.string(name) || name.size() > kNameBytesMax)
    return corrupt("the name of a tensor does not fit into the file");
  header.tensor.name = std::string(name);
  const std::string where = "tensor '" + header.tensor.name + "'";
  if (!reader.number(dimensions) || dimensions < 1 || dimensions > 4)
    return corrupt(where + " has no valid number of dimensions (1 to 4)");
  std::uint64_t elements = 1;
  header.tensor.shape.resize(dimensions);
  for (std::uint32_t d = 0; d < dimensions; ++d) {
    std::uint64_t size = 0;
    if (!reader.number(size)) return corrupt(where + " ends inside its dimensions");
    // 2^40 elements are more than any file that can be mapped here holds.
    if (size == 0 || size > (1ull << 40) || elements > (1ull << 40) / size)
      return corrupt(where + " has an impossible dimension " + std::to_string(size));
    elements *= size;
    header.tensor.shape[dimensions - 1 - d] = static_cast<std::int64_t>(size);
  }
  if (!reader.number(ggml_type) || !reader.number(header.offset))
    return corrupt(where + " ends inside its header");
  const auto dtype = dtype_of(ggml_type);
  if (!dtype)
    return Error{ErrorCode::Unsupported,
                 where + " has the ggml type number " + std::to_string(ggml_type) +
                     ", which cannot be read",
                 "Use a file whose tensors are one of " + supported_dtypes()};
  header.tensor.dtype = *dtype;
  const BlockSize block = block_size(*dtype);
  if (header.tensor.shape.back() % block.elements != 0)
    return corrupt(where + ": its rows are not whole blocks of " + name_of(*dtype));
  header.bytes = elements / block.elements * block.bytes;
  return header;
}

}  // namespace

Result<GgufFile> GgufFile::open(const std::filesystem::path& path) {
  TROUPE_ASSIGN(MappedFile mapped, MappedFile::open(path));
  GgufFile file(std::move(mapped));
  if (auto parsed = file.parse(); !parsed) return parsed.error().in("'" + path.string() + "'");
  return file;
}

Result<void> GgufFile::parse() {
  GgufReader reader(file_.bytes());
  std::uint32_t magic = 0, version = 0;
  std::uint64_t tensor_count = 0, value_count = 0;
  if (!reader.number(magic) || magic != 0x46554747u)
    return Error{ErrorCode::Corrupt, "not a GGUF file (it does not begin with 'GGUF')",
                 "Give a .gguf file or a folder in Hugging Face layout"};
  if (!reader.number(version) || version < 2 || version > 3)
    return Error{ErrorCode::Unsupported, "GGUF version " + std::to_string(version),
                 "Versions 2 and 3 (little-endian) can be read: convert the file"};
  if (!reader.number(tensor_count) || !reader.number(value_count) || tensor_count > kTensorsMax ||
      value_count > kValuesMax)
    return corrupt("impossible numbers of tensors and keys in its header");

  for (std::uint64_t i = 0; i < value_count; ++i) {
    std::string_view key;
    if (!reader.string(key) || key.empty() || key.size() > kNameBytesMax)
      return corrupt("metadata key number " + std::to_string(i) + " does not fit into the file");
    GgufValue value;
    if (!take_value(reader, value))
      return corrupt("the value of key '" + std::string(key) + "' does not fit into the file");
    if (!values_.emplace(std::string(key), value).second)
      return corrupt("key '" + std::string(key) + "' is there twice");
  }

  std::vector<TensorHeader> headers;
  for (std::uint64_t i = 0; i < tensor_count; ++i) {
    TROUPE_ASSIGN(TensorHeader header, take_tensor(reader));
    headers.push_back(std::move(header));
  }

  std::uint64_t alignment = 32;
  if (has("general.alignment")) {
    TROUPE_ASSIGN(const std::int64_t given, integer("general.alignment"));
    alignment = static_cast<std::uint64_t>(given);
    if (given < 1 || alignment > kAlignmentMax || (alignment & (alignment - 1)) != 0)
      return corrupt("key 'general.alignment' is not a power of two");
  }
  const std::uint64_t start = (reader.position() + alignment - 1) / alignment * alignment;
  const std::uint64_t size = file_.bytes().size();
  const std::uint64_t room = start < size ? size - start : 0;
  std::uint64_t total = 0;
  for (TensorHeader& header : headers) {
    const std::string where = "tensor '" + header.tensor.name + "'";
    if (header.offset > room || header.bytes > room - header.offset)
      return corrupt(where + " (" + std::to_string(header.bytes) +
                     " bytes) does not fit into the file");
    // Tensors that share bytes would let a small file ask for much memory.
    total += header.bytes;
    if (total > room) return corrupt(where + " overlaps another tensor");
    if (header.offset % alignment != 0) return corrupt(where + " is not aligned");
    header.tensor.bytes = file_.bytes().subspan(start + header.offset, header.bytes);
    std::string name = header.tensor.name;
    if (!tensors_.emplace(std::move(name), std::move(header.tensor)).second)
      return corrupt(where + " is there twice");
  }
  return {};
}

Result<const GgufValue*> GgufFile::value(std::string_view key) const {
  const auto it = values_.find(key);
  if (it == values_.end())
    return Error{ErrorCode::NotFound,
                 "'" + path().string() + "' has no metadata key '" + std::string(key) + "'",
                 "Use a GGUF file made by llama.cpp's converter"};
  return &it->second;
}

Error GgufFile::wrong_type(std::string_view key, std::string_view wanted) const {
  return Error{ErrorCode::Corrupt,
               "'" + path().string() + "': metadata key '" + std::string(key) + "' is not " +
                   std::string(wanted),
               "Use a GGUF file made by llama.cpp's converter"};
}

namespace {

template <class T>
T load(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

/// nullopt when it is not an integer or does not fit.
std::optional<std::int64_t> load_integer(GgufType type, const std::byte* bytes) {
  switch (type) {
    case GgufType::U8: return load<std::uint8_t>(bytes);
    case GgufType::I8: return load<std::int8_t>(bytes);
    case GgufType::U16: return load<std::uint16_t>(bytes);
    case GgufType::I16: return load<std::int16_t>(bytes);
    case GgufType::U32: return load<std::uint32_t>(bytes);
    case GgufType::I32: return load<std::int32_t>(bytes);
    case GgufType::I64: return load<std::int64_t>(bytes);
    case GgufType::Bool: return load<std::uint8_t>(bytes) != 0 ? 1 : 0;
    case GgufType::U64: {
      const auto value = load<std::uint64_t>(bytes);
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return {};
      return static_cast<std::int64_t>(value);
    }
    default: return {};
  }
}

}  // namespace

Result<std::int64_t> GgufFile::integer(std::string_view key) const {
  TROUPE_ASSIGN(const GgufValue* found, value(key));
  const auto number = found->type == GgufType::Array
                          ? std::nullopt
                          : load_integer(found->type, found->bytes.data());
  if (!number) return wrong_type(key, "an integer");
  return *number;
}

Result<double> GgufFile::number(std::string_view key) const {
  TROUPE_ASSIGN(const GgufValue* found, value(key));
  if (found->type == GgufType::F32) return static_cast<double>(load<float>(found->bytes.data()));
  if (found->type == GgufType::F64) return load<double>(found->bytes.data());
  const auto whole = found->type == GgufType::Array
                         ? std::nullopt
                         : load_integer(found->type, found->bytes.data());
  if (!whole) return wrong_type(key, "a number");
  return static_cast<double>(*whole);
}

Result<std::string> GgufFile::string(std::string_view key) const {
  TROUPE_ASSIGN(const GgufValue* found, value(key));
  if (found->type != GgufType::String) return wrong_type(key, "a string");
  std::string_view text;
  GgufReader(found->bytes).string(text);
  return std::string(text);
}

Result<std::vector<std::string_view>> GgufFile::strings(std::string_view key) const {
  TROUPE_ASSIGN(const GgufValue* found, value(key));
  if (found->type != GgufType::Array || found->element != GgufType::String)
    return wrong_type(key, "an array of strings");
  std::vector<std::string_view> texts(static_cast<std::size_t>(found->count));
  GgufReader reader(found->bytes);
  for (auto& text : texts) reader.string(text);
  return texts;
}

Result<std::vector<std::int64_t>> GgufFile::integers(std::string_view key) const {
  TROUPE_ASSIGN(const GgufValue* found, value(key));
  if (found->type != GgufType::Array) return wrong_type(key, "an array of integers");
  const std::size_t size = scalar_bytes(found->element);
  std::vector<std::int64_t> numbers(size == 0 ? 0 : static_cast<std::size_t>(found->count));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto number = load_integer(found->element, found->bytes.data() + i * size);
    if (!number) return wrong_type(key, "an array of integers");
    numbers[i] = *number;
  }
  if (size == 0 && found->count > 0) return wrong_type(key, "an array of integers");
  return numbers;
}

}  // namespace troupe::model
