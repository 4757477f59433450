#include "model/engines/kernels.hpp"

#include <array>
#include <cmath>

#include "model/engines/kernel_builds.hpp"

namespace troupe::model {
namespace {

constexpr std::int64_t kTileRows = 6;

/// Prefix and own keys are padded apart.
std::int64_t padded(std::int64_t keys) {
  return (keys + kPageTokens - 1) / kPageTokens * kPageTokens + kPageTokens;
}

template <class T>
struct Usable {
  std::array<const Kernels<T>*, 3> builds{};
  std::size_t count = 0;
  Usable() {
#ifdef __x86_64__
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
      builds[count++] = &kernels_avx512(T{});
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
      builds[count++] = &kernels_avx2(T{});
    }
#endif
    builds[count++] = &kernels_portable(T{});
  }
};

template <class T>
const Usable<T>& usable() {
  static const Usable<T> builds;
  return builds;
}

}  // namespace

template <class T>
std::span<const Kernels<T>* const> all_kernels() {
  return {usable<T>().builds.data(), usable<T>().count};
}
template <class T>
const Kernels<T>& kernels() {
  return *usable<T>().builds[0];
}
template std::span<const Kernels<Bf16>* const> all_kernels<Bf16>();
template std::span<const Kernels<float>* const> all_kernels<float>();
template const Kernels<Bf16>& kernels<Bf16>();
template const Kernels<float>& kernels<float>();

double RowStatistics::log_sum() const { return max + std::log(sum); }
double RowStatistics::entropy() const { return std::log(sum) - weighted / sum; }

std::int64_t attention_scratch(std::int64_t keys, std::int64_t dim) {
  return 2 * padded(keys) * dim + kTileRows * (padded(keys) + dim);
}
std::int64_t attention_backward_scratch(std::int64_t keys, std::int64_t dim) {
  return 5 * padded(keys) * dim + 4 * kTileRows * dim;
}
std::int64_t decode_scratch(std::int64_t tokens, std::int64_t repeat) {
  return repeat * padded(tokens);
}

}  // namespace troupe::model
