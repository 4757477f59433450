#pragma once
// Checks that every checkpoint format shares. Pure functions.
#include <string_view>

#include "model/formats/checkpoint.hpp"

namespace troupe::model {

/// Every tensor that the architecture needs is there with its shape; the error names the first
/// that is not.
Result<void> check_complete(const Checkpoint& checkpoint);

/// A read of `name` into `out_size` floats is possible. `info` is nullptr when there is no such
/// tensor.
Result<void> check_read(const TensorInfo* info, std::string_view name, std::size_t out_size);

/// "[49152, 576]"
std::string shape_text(const std::vector<std::int64_t>& shape);

}  // namespace troupe::model
