#include "model/formats/dtype.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "schemas/base/assert.hpp"

namespace troupe::model {
namespace {

using Byte = std::uint8_t;

std::uint16_t load_u16(const Byte* p) {
  return static_cast<std::uint16_t>(p[0] | (static_cast<unsigned>(p[1]) << 8));
}
float load_f16(const Byte* p) { return f16_to_f32(load_u16(p)); }

// block_q8_0: f16 scale, 32 int8.
void q8_0(const Byte* in, float* out) {
  const float d = load_f16(in);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(static_cast<std::int8_t>(in[2 + i]));
}

// block_q4_0: f16 scale, 16 bytes; low nibbles are elements 0..15, high ones 16..31; offset 8.
void q4_0(const Byte* in, float* out) {
  const float d = load_f16(in);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * static_cast<float>((in[2 + i] & 0xF) - 8);
    out[i + 16] = d * static_cast<float>((in[2 + i] >> 4) - 8);
  }
}

// block_q4_1: f16 scale, f16 minimum, 16 bytes as in q4_0.
void q4_1(const Byte* in, float* out) {
  const float d = load_f16(in), m = load_f16(in + 2);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * static_cast<float>(in[4 + i] & 0xF) + m;
    out[i + 16] = d * static_cast<float>(in[4 + i] >> 4) + m;
  }
}

// block_q4_K: f16 scale of scales, f16 scale of minima, 8 x (6-bit scale, 6-bit minimum) in 12
// bytes, 128 bytes of nibbles; 8 sub-blocks of 32.
void q4_k(const Byte* in, float* out) {
  const float d = load_f16(in), dmin = load_f16(in + 2);
  const Byte* packed = in + 4;
  const Byte* q = in + 16;
  for (int j = 0; j < 8; ++j) {
    unsigned scale, minimum;
    if (j < 4) {
      scale = packed[j] & 63u;
      minimum = packed[j + 4] & 63u;
    } else {
      scale = (packed[j + 4] & 0xFu) | ((packed[j - 4] >> 6u) << 4u);
      minimum = (packed[j + 4] >> 4u) | ((packed[j] >> 6u) << 4u);
    }
    const float s = d * static_cast<float>(scale), m = dmin * static_cast<float>(minimum);
    const Byte* nibbles = q + 32 * (j / 2);
    for (int i = 0; i < 32; ++i) {
      const unsigned value = j % 2 == 0 ? nibbles[i] & 0xFu : nibbles[i] >> 4u;
      out[32 * j + i] = s * static_cast<float>(value) - m;
    }
  }
}

// block_q6_K: 128 bytes of low nibbles, 64 bytes of high bit pairs, 16 int8 scales, f16 scale.
void q6_k(const Byte* in, float* out) {
  const float d = load_f16(in + 208);
  for (int half = 0; half < 2; ++half) {
    const Byte* low = in + 64 * half;
    const Byte* high = in + 128 + 32 * half;
    const Byte* scales = in + 192 + 8 * half;
    float* y = out + 128 * half;
    for (int i = 0; i < 128; ++i) {
      const int quarter = i / 32, lane = i % 32;
      const unsigned byte = low[lane + 32 * (quarter % 2)];
      const unsigned nibble = quarter < 2 ? byte & 0xFu : byte >> 4u;
      const unsigned pair = (high[lane] >> (2 * quarter)) & 3u;
      const int q = static_cast<int>(nibble | (pair << 4u)) - 32;
      const auto scale = static_cast<std::int8_t>(scales[2 * quarter + lane / 16]);
      y[i] = d * static_cast<float>(scale) * static_cast<float>(q);
    }
  }
}

template <auto kBlock>
void blocks(BlockSize size, const Byte* in, std::span<float> out) {
  for (std::size_t i = 0; i < out.size(); i += size.elements, in += size.bytes)
    kBlock(in, out.data() + i);
}

}  // namespace

const char* name_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::F32: return "F32";
    case Dtype::F16: return "F16";
    case Dtype::BF16: return "BF16";
    case Dtype::Q8_0: return "Q8_0";
    case Dtype::Q4_0: return "Q4_0";
    case Dtype::Q4_1: return "Q4_1";
    case Dtype::Q4_K: return "Q4_K";
    case Dtype::Q6_K: return "Q6_K";
  }
  return "?";
}

std::string supported_dtypes() { return "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q4_K, Q6_K"; }

BlockSize block_size(Dtype dtype) {
  switch (dtype) {
    case Dtype::F32: return {1, 4};
    case Dtype::F16: return {1, 2};
    case Dtype::BF16: return {1, 2};
    case Dtype::Q8_0: return {32, 34};
    case Dtype::Q4_0: return {32, 18};
    case Dtype::Q4_1: return {32, 20};
    case Dtype::Q4_K: return {256, 144};
    case Dtype::Q6_K: return {256, 210};
  }
  return {1, 4};
}

void to_f32(Dtype dtype, std::span<const std::byte> in, std::span<float> out) {
  const BlockSize size = block_size(dtype);
  TROUPE_ASSERT(out.size() % size.elements == 0, "whole blocks only");
  TROUPE_ASSERT(in.size() == out.size() / size.elements * size.bytes, "bytes match the elements");
  if (out.empty()) return;
  const Byte* bytes = reinterpret_cast<const Byte*>(in.data());
  switch (dtype) {
    case Dtype::F32: std::memcpy(out.data(), bytes, in.size()); return;
    case Dtype::F16:
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = load_f16(bytes + 2 * i);
      return;
    case Dtype::BF16:
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = bf16_to_f32(load_u16(bytes + 2 * i));
      return;
    case Dtype::Q8_0: return blocks<q8_0>(size, bytes, out);
    case Dtype::Q4_0: return blocks<q4_0>(size, bytes, out);
    case Dtype::Q4_1: return blocks<q4_1>(size, bytes, out);
    case Dtype::Q4_K: return blocks<q4_k>(size, bytes, out);
    case Dtype::Q6_K: return blocks<q6_k>(size, bytes, out);
  }
}

float f16_to_f32(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1Fu;
  const std::uint32_t fraction = bits & 0x3FFu;
  if (exponent == 0x1F) return std::bit_cast<float>(sign | 0x7F800000u | (fraction << 13));
  if (exponent == 0) {  // zero or subnormal: fraction * 2^-24, exact in f32
    const float magnitude = static_cast<float>(fraction) * 0x1.0p-24f;
    return sign != 0 ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
}

float bf16_to_f32(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

std::uint16_t f32_to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace troupe::model
