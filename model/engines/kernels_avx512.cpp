// The kernels for processors with AVX-512 (F, BW, VL, DQ).
#ifdef __x86_64__
#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "model/engines/kernel_builds.hpp"
#include "model/engines/kernels.hpp"

#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,fma")
#pragma GCC optimize("O3")
#define TROUPE_KERNELS build_avx512
#include "model/engines/kernels_body.hpp"

namespace troupe::model {
constexpr Kernels<Bf16> kBf16 = build_avx512::make_table<Bf16>("avx512");
constexpr Kernels<float> kF32 = build_avx512::make_table<float>("avx512");
const Kernels<Bf16>& kernels_avx512(Bf16) { return kBf16; }
const Kernels<float>& kernels_avx512(float) { return kF32; }
}  // namespace troupe::model
#endif
