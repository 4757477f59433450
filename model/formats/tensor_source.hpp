#pragma once
// TensorSource: named tensors in a file, memory-mapped. Names and shapes are always those of a
// Hugging Face checkpoint (`model.layers.0.self_attn.q_proj.weight`, [out, in]), whatever the
// format; the rows of q and k that GGUF permutes are put back on reading. Immutable after opening;
// every method may be called on any thread. What a file says was checked against its size when it
// was opened, so reading a listed tensor can fail only through a wrong name or a wrong `out` size.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/formats/dtype.hpp"
#include "schemas/base/result.hpp"

namespace troupe::model {

struct TensorInfo {
  std::string name;
  std::vector<std::int64_t> shape;  // every dimension positive; row-major
  Dtype dtype = Dtype::F32;         // as stored

  std::int64_t elements() const;
};

class TensorSource {
 public:
  virtual ~TensorSource() = default;
  /// Sorted by name; no name twice.
  virtual const std::vector<TensorInfo>& tensors() const = 0;
  /// Dequantises the whole tensor. `out` holds exactly its elements. NotFound, InvalidArgument.
  virtual Result<void> read_f32(std::string_view name, std::span<float> out) const = 0;
  /// The stored bytes of a plain tensor (F32, F16, BF16), row-major, valid as long as the source;
  /// not aligned. Empty when the tensor is quantised, permuted in the file, or not there.
  virtual std::span<const std::byte> raw(std::string_view name) const = 0;

  /// nullptr when there is none. Binary search.
  const TensorInfo* find(std::string_view name) const;
};

}  // namespace troupe::model
