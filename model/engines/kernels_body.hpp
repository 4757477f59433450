#pragma once
// The body of every build of the kernels. A kernels_<target>.cpp names its namespace in
// TROUPE_KERNELS, includes the standard headers, sets the target, and includes this.
#pragma GCC diagnostic ignored "-Wpsabi"  // vectors are never passed between translation units
#include "model/engines/simd.hpp"
//
#include "model/engines/kernels_vocabulary.hpp"
//
#include "model/engines/kernels_attention.hpp"
#include "model/engines/kernels_elementwise.hpp"

namespace troupe::model::TROUPE_KERNELS {

template <class T>
constexpr Kernels<T> make_table(const char* name) {
  return {
      .name = name,
      .embed = embed<T>,
      .add_rmsnorm = add_rmsnorm<T>,
      .rope = rope<T>,
      .swiglu = swiglu<T>,
      .swiglu_backward = swiglu_backward<T>,
      .rmsnorm_backward = rmsnorm_backward<T>,
      .embed_backward = embed_backward<T>,
      .attention = attention<T>,
      .attention_backward = attention_backward<T>,
      .add_kv_gradient = add_kv_gradient<T>,
      .decode_attention = decode_attention<T>,
      .cache_store = cache_store<T>,
      .row_statistics = row_statistics<T>,
      .argmax = argmax<T>,
      .find_cumulative = find_cumulative<T>,
      .scaled_softmax = scaled_softmax<T>,
      .accumulate = accumulate<T>,
      .adamw = adamw<T>,
      .sum_of_squares = sum_of_squares,
      .convert = convert<T>,
  };
}

}  // namespace troupe::model::TROUPE_KERNELS
