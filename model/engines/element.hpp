#pragma once
// Element types of the engines: what activations and published weights are stored as. Arithmetic
// on them is done in f32 registers. Values.
#include <cstdint>
#include <cstring>

namespace troupe::model {

/// A bfloat16 number: the upper half of a float.
struct Bf16 {
  std::uint16_t bits = 0;
};
static_assert(sizeof(Bf16) == 2);

inline float to_float(float x) { return x; }
inline float to_float(Bf16 x) {
  const std::uint32_t bits = std::uint32_t{x.bits} << 16;
  float out;
  std::memcpy(&out, &bits, sizeof out);
  return out;
}

template <class T>
T from_float(float x);
template <>
inline float from_float<float>(float x) {
  return x;
}
/// Round to nearest, ties to even; NaN stays NaN.
template <>
inline Bf16 from_float<Bf16>(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  if (x != x) return {static_cast<std::uint16_t>((bits >> 16) | 0x40)};
  return {static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16)};
}

}  // namespace troupe::model
