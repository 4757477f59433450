#include "model/engines/matmul.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/mm.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "schemas/base/rng.hpp"

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
void linear(const T* x, const T* w, std::int64_t rows, std::int64_t out, std::int64_t in, T* y,
            bool exact) {
  const c10::InferenceMode guard;
  const auto product = [&](const T* from, std::int64_t n, T* to) {
    at::Tensor result = matrix(to, n, out);
    at::mm_out(result, matrix(from, n, in), matrix(w, out, in).t());
  };
  if (!exact) return product(x, rows, y);
  std::int64_t row = 0;
  for (; row + kExactRows <= rows; row += kExactRows)
    product(x + row * in, kExactRows, y + row * out);
  if (row == rows) return;
  std::vector<T> from(static_cast<std::size_t>(kExactRows * in)), to(kExactRows * out);
  std::copy(x + row * in, x + rows * in, from.begin());
  product(from.data(), kExactRows, to.data());
  std::copy_n(to.begin(), (rows - row) * out, y + row * out);
}

template <class T>
bool rows_are_independent(std::int64_t out, std::int64_t in) {
  Rng rng(static_cast<std::uint64_t>(out), static_cast<std::uint64_t>(in));
  const auto draw = [&](std::int64_t n) {
    std::vector<T> values(static_cast<std::size_t>(n));
    for (T& value : values) value = from_float<T>(static_cast<float>(rng.uniform() - 0.5));
    return values;
  };
  const std::vector<T> w = draw(out * in), row = draw(in);
  std::vector<T> first(static_cast<std::size_t>(out)), y(kExactRows * out);
  // At the borders of the blocks that products are computed in: 8, 16, 32 rows.
  for (const std::int64_t place : {0, 1, 7, 8, 15, 16, 31, 32, 33, 47, 48, 62, 63}) {
    std::vector<T> x = draw(kExactRows * in);
    std::copy(row.begin(), row.end(), x.begin() + place * in);
    linear(x.data(), w.data(), kExactRows, out, in, y.data(), true);
    const T* at = y.data() + place * out;
    if (place == 0) std::copy_n(at, out, first.begin());
    if (std::memcmp(at, first.data(), out * sizeof(T)) != 0) return false;
  }
  return true;
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
  template void linear<T>(const T*, const T*, std::int64_t, std::int64_t, std::int64_t, T*,  \
                          bool);                                                             \
  template bool rows_are_independent<T>(std::int64_t, std::int64_t);                         \
  template void linear_input_gradient<T>(const T*, const T*, std::int64_t, std::int64_t,   \
                                         std::int64_t, T*);                                \
  template void linear_weight_gradient<T>(const T*, const T*, std::int64_t, std::int64_t,  \
                                          std::int64_t, T*);
TROUPE_INSTANTIATE(Bf16)
TROUPE_INSTANTIATE(float)

}  // namespace troupe::model
