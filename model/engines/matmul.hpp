#pragma once
// Matrix products on plain row-major memory through LibTorch (oneDNN for bf16, MKL for f32); the
// only place of the engines, besides the team size, that knows LibTorch. Sums are f32 inside; bf16
// results are rounded once. Runs on the calling thread's team. Throws what LibTorch throws.
#include <cstdint>

#include "model/engines/element.hpp"

namespace troupe::model {

/// y[rows, out] = x[rows, in] * w[out, in]^T
template <class T>
void linear(const T* x, const T* w, std::int64_t rows, std::int64_t out, std::int64_t in, T* y);

/// dx[rows, in] = dy[rows, out] * w[out, in]
template <class T>
void linear_input_gradient(const T* dy, const T* w, std::int64_t rows, std::int64_t out,
                           std::int64_t in, T* dx);

/// dw[out, in] = dy[rows, out]^T * x[rows, in]
template <class T>
void linear_weight_gradient(const T* dy, const T* x, std::int64_t rows, std::int64_t out,
                            std::int64_t in, T* dw);

}  // namespace troupe::model
