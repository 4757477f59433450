#pragma once
// Matrix products on plain row-major memory through LibTorch (oneDNN for bf16, MKL for f32); the
// only place of the engines, besides the team size, that knows LibTorch. Sums are f32 inside; bf16
// results are rounded once. Runs on the calling thread's team. Throws what LibTorch throws.
#include <cstdint>

#include "model/engines/element.hpp"

namespace troupe::model {

/// Rows of one product in exact mode.
inline constexpr std::int64_t kExactRows = 64;

/// y[rows, out] = x[rows, in] * w[out, in]^T. `exact`: computed as products of kExactRows rows
/// each, so that a row does not depend on how many there are: libraries choose how they add by
/// the number of rows.
template <class T>
void linear(const T* x, const T* w, std::int64_t rows, std::int64_t out, std::int64_t in, T* y,
            bool exact = false);

/// Whether a row of such a product is the same to the bit wherever among the kExactRows it stands
/// and whatever the others are, on this machine with this team. Tried with random numbers.
template <class T>
bool rows_are_independent(std::int64_t out, std::int64_t in);

/// dx[rows, in] = dy[rows, out] * w[out, in]
template <class T>
void linear_input_gradient(const T* dy, const T* w, std::int64_t rows, std::int64_t out,
                           std::int64_t in, T* dx);

/// dw[out, in] = dy[rows, out]^T * x[rows, in]
template <class T>
void linear_weight_gradient(const T* dy, const T* x, std::int64_t rows, std::int64_t out,
                            std::int64_t in, T* dw);

}  // namespace troupe::model
