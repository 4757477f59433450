#pragma once
// Vectors of 16 floats for the kernels, in GCC's vector extensions: the same source becomes one
// AVX-512 register, two AVX or four SSE registers. Included only by kernels_<target>.cpp, inside
// the namespace that TROUPE_KERNELS names, so that no two builds of one function meet in a program.
namespace troupe::model::TROUPE_KERNELS {

typedef float V __attribute__((vector_size(64)));
typedef std::int32_t I __attribute__((vector_size(64)));
typedef std::uint32_t U __attribute__((vector_size(64)));
typedef std::uint16_t H __attribute__((vector_size(32)));
constexpr std::int64_t kLanes = 16;

#define TROUPE_INLINE inline __attribute__((always_inline))

TROUPE_INLINE V splat(float x) { return V{} + x; }

TROUPE_INLINE V load(const float* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
TROUPE_INLINE V load(const Bf16* p) {
  H h;
  __builtin_memcpy(&h, p, sizeof h);
  return reinterpret_cast<V>(__builtin_convertvector(h, U) << 16);
}
TROUPE_INLINE void store(float* p, V v) { __builtin_memcpy(p, &v, sizeof v); }
TROUPE_INLINE void store(Bf16* p, V v) {
  const U bits = reinterpret_cast<U>(v);
  const U rounded = bits + 0x7fff + ((bits >> 16) & 1);
  const U chosen = v == v ? rounded : (bits | 0x400000);  // NaN must not round to infinity
  const H h = __builtin_convertvector(chosen >> 16, H);
  __builtin_memcpy(&p->bits, &h, sizeof h);
}
/// The first n < 16 elements; the rest is `fill`.
template <class T>
TROUPE_INLINE V load_tail(const T* p, std::int64_t n, float fill) {
  V v = splat(fill);
  for (std::int64_t i = 0; i < n; ++i) v[i] = to_float(p[i]);
  return v;
}
template <class T>
TROUPE_INLINE void store_tail(T* p, std::int64_t n, V v) {
  for (std::int64_t i = 0; i < n; ++i) p[i] = from_float<T>(v[i]);
}

/// Own, because a copy of std::min or std::fill compiled here could be linked into a program for a
/// lesser processor.
TROUPE_INLINE std::int64_t least(std::int64_t a, std::int64_t b) { return a < b ? a : b; }
TROUPE_INLINE void zero(float* p, std::int64_t n) { __builtin_memset(p, 0, n * sizeof(float)); }

TROUPE_INLINE V max(V a, V b) { return a > b ? a : b; }
TROUPE_INLINE V min(V a, V b) { return a < b ? a : b; }

TROUPE_INLINE float sum(V v) {
  float lane[16];
  store(lane, v);
  for (int step = 8; step > 0; step /= 2)
    for (int i = 0; i < step; ++i) lane[i] += lane[i + step];
  return lane[0];
}
TROUPE_INLINE float max(V v) {
  float lane[16];
  store(lane, v);
  float best = lane[0];
  for (int i = 1; i < 16; ++i) best = lane[i] > best ? lane[i] : best;
  return best;
}
TROUPE_INLINE V iota() { return V{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}; }

/// e^x within about 2 units of the last place; 0 below -87, e^88 above 88. Range reduction by
/// powers of two and a polynomial of degree 6 (Cephes, expf).
TROUPE_INLINE V exp(V x) {
  x = min(max(x, splat(-88.0f)), splat(88.0f));
  const V magic = splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
  const V n = (x * 1.44269504f + magic) - magic;
  V r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  V p = splat(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const I exponent = (__builtin_convertvector(n, I) + 127) << 23;
  return p * reinterpret_cast<V>(exponent);
}

TROUPE_INLINE V sqrt(V x) {
#ifdef __AVX512F__
  return reinterpret_cast<V>(_mm512_sqrt_ps(reinterpret_cast<__m512>(x)));
#else
  for (int i = 0; i < 16; ++i) x[i] = std::sqrt(x[i]);
  return x;
#endif
}

}  // namespace troupe::model::TROUPE_KERNELS
