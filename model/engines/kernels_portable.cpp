// The kernels for any processor.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "model/engines/kernel_builds.hpp"
#include "model/engines/kernels.hpp"


#pragma GCC optimize("O3")
#define TROUPE_KERNELS build_portable
#include "model/engines/kernels_body.hpp"

namespace troupe::model {
constexpr Kernels<Bf16> kBf16 = build_portable::make_table<Bf16>("portable");
constexpr Kernels<float> kF32 = build_portable::make_table<float>("portable");
const Kernels<Bf16>& kernels_portable(Bf16) { return kBf16; }
const Kernels<float>& kernels_portable(float) { return kF32; }
}  // namespace troupe::model
