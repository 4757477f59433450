#include "model/engines/matmul.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/mm.h>
#include <c10/core/InferenceMode.h>

namespace troupe::model {
namespace {

template <class T>
constexpr at::ScalarType kType = std::is_same_v<T, float> ? at::kFloat : at::kBFloat16;

template <class T>
at::Tensor matrix(const T* data, std::int64_t rows, std::int64_t cols) {
  return at::from_blob(const_cast<T*>(data), {rows, cols}, kType<T>);
}

}  // namespace

template <class T>
void linear(const T* x, const T* w, std::int64_t rows, std::int64_t out, std::int64_t in, T* y) {
  const c10::InferenceMode guard;
  at::Tensor result = matrix(y, rows, out);
  at::mm_out(result, matrix(x, rows, in), matrix(w, out, in).t());
}

template <class T>
void linear_input_gradient(const T* dy, const T* w, std::int64_t rows, std::int64_t out,
                           std::int64_t in, T* dx) {
  const c10::InferenceMode guard;
  at::Tensor result = matrix(dx, rows, in);
  at::mm_out(result, matrix(dy, rows, out), matrix(w, out, in));
}

template <class T>
void linear_weight_gradient(const T* dy, const T* x, std::int64_t rows, std::int64_t out,
                            std::int64_t in, T* dw) {
  const c10::InferenceMode guard;
  at::Tensor result = matrix(dw, out, in);
  at::mm_out(result, matrix(dy, rows, out).t(), matrix(x, rows, in));
}

#define TROUPE_INSTANTIATE(T)                                                              \
  template void linear<T>(const T*, const T*, std::int64_t, std::int64_t, std::int64_t, T*); \
  template void linear_input_gradient<T>(const T*, const T*, std::int64_t, std::int64_t,   \
                                         std::int64_t, T*);                                \
  template void linear_weight_gradient<T>(const T*, const T*, std::int64_t, std::int64_t,  \
                                          std::int64_t, T*);
TROUPE_INSTANTIATE(Bf16)
TROUPE_INSTANTIATE(float)

}  // namespace troupe::model
