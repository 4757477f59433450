#pragma once
// Element types of tensors in checkpoint files, and their conversion to f32. Pure functions, any
// thread. Quantised types are stored in blocks along the last dimension; the layouts are those of
// the GGUF format (ggml's block_q8_0, block_q4_0, block_q4_1, block_q4_K, block_q6_K).
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace troupe::model {

enum class Dtype : std::uint8_t { F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q4_K, Q6_K };

/// "F32", "Q4_K": as in GGUF and safetensors.
const char* name_of(Dtype dtype);
/// "F32, F16, BF16, ..." for error messages.
std::string supported_dtypes();

/// Elements per block (1 for the plain types) and bytes per block.
struct BlockSize {
  std::uint32_t elements;
  std::uint32_t bytes;
};
BlockSize block_size(Dtype dtype);

/// `out.size()` must be a multiple of block_size(dtype).elements and `in` must hold exactly the
/// bytes of that many elements; both are asserted. Little-endian.
void to_f32(Dtype dtype, std::span<const std::byte> in, std::span<float> out);

float f16_to_f32(std::uint16_t bits);
float bf16_to_f32(std::uint16_t bits);
/// Round to nearest, ties to even; NaN stays NaN.
std::uint16_t f32_to_bf16(float value);

}  // namespace troupe::model
