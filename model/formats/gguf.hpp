#pragma once
// GgufFile: the container format of ggml, versions 2 and 3, little-endian: key-value metadata and
// tensors, memory-mapped. Names and shapes are as the file has them (gguf_checkpoint.cpp turns them
// into Hugging Face's). Every length is checked against the file before anything is allocated, so
// a hostile file costs at most a small multiple of its own size. Immutable, any thread.
// Specification: github.com/ggml-org/ggml, docs/gguf.md.
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/formats/dtype.hpp"
#include "model/formats/mapped_file.hpp"
#include "schemas/base/result.hpp"

namespace troupe::model {

/// Type numbers of metadata values in the file.
enum class GgufType : std::uint32_t {
  U8 = 0, I8, U16, I16, U32, I32, F32, Bool, String, Array, U64, I64, F64
};

/// One metadata value; its bytes stay in the mapped file.
struct GgufValue {
  GgufType type = GgufType::U8;
  GgufType element = GgufType::U8;   // of an array
  std::uint64_t count = 1;           // elements of an array
  std::span<const std::byte> bytes;  // the value, or the array's elements one after another
};

struct GgufTensor {
  std::string name;
  std::vector<std::int64_t> shape;  // row-major: the file's dimensions in reverse order
  Dtype dtype = Dtype::F32;
  std::span<const std::byte> bytes;
};

class GgufFile {
 public:
  static Result<GgufFile> open(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return file_.path(); }
  const std::map<std::string, GgufTensor, std::less<>>& tensors() const { return tensors_; }
  bool has(std::string_view key) const { return values_.find(key) != values_.end(); }

  // Typed reading. NotFound when the key is missing, Corrupt when it has another type.
  Result<std::int64_t> integer(std::string_view key) const;  // any integer type, or bool
  Result<double> number(std::string_view key) const;         // any integer or float type
  Result<std::string> string(std::string_view key) const;
  Result<std::vector<std::string_view>> strings(std::string_view key) const;
  Result<std::vector<std::int64_t>> integers(std::string_view key) const;

 private:
  explicit GgufFile(MappedFile file) : file_(std::move(file)) {}
  Result<void> parse();
  Result<const GgufValue*> value(std::string_view key) const;
  Error wrong_type(std::string_view key, std::string_view wanted) const;

  MappedFile file_;
  std::map<std::string, GgufValue, std::less<>> values_;
  std::map<std::string, GgufTensor, std::less<>> tensors_;
};

}  // namespace troupe::model
