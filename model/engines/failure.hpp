#pragma once
// The boundary where exceptions of LibTorch and of the allocator become errors. Any thread.
#include <exception>
#include <string_view>

#include "schemas/base/result.hpp"

namespace troupe::model {

/// OutOfMemory for std::bad_alloc, Internal for the rest; `what` names the work that failed.
Error failure_of(std::exception_ptr failure, std::string_view what);

}  // namespace troupe::model
