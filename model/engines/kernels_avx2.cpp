// The kernels for processors with AVX2 and FMA.
#ifdef __x86_64__
#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "model/engines/kernel_builds.hpp"
#include "model/engines/kernels.hpp"

#pragma GCC target("avx2,fma")
#pragma GCC optimize("O3")
#define TROUPE_KERNELS build_avx2
#include "model/engines/kernels_body.hpp"

namespace troupe::model {
constexpr Kernels<Bf16> kBf16 = build_avx2::make_table<Bf16>("avx2");
constexpr Kernels<float> kF32 = build_avx2::make_table<float>("avx2");
const Kernels<Bf16>& kernels_avx2(Bf16) { return kBf16; }
const Kernels<float>& kernels_avx2(float) { return kF32; }
}  // namespace troupe::model
#endif
