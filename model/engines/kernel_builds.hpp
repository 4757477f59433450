#pragma once
// The builds of the kernels, one per target; the argument only names the element type. Calling a
// kernel of a build that the processor cannot run is an illegal instruction: ask all_kernels().
#include "model/engines/kernels.hpp"

namespace troupe::model {

const Kernels<Bf16>& kernels_avx512(Bf16);
const Kernels<float>& kernels_avx512(float);
const Kernels<Bf16>& kernels_avx2(Bf16);
const Kernels<float>& kernels_avx2(float);
const Kernels<Bf16>& kernels_portable(Bf16);
const Kernels<float>& kernels_portable(float);

}  // namespace troupe::model
