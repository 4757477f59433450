#include "model/engines/failure.hpp"

#include <new>
#include <string>

namespace troupe::model {

Error failure_of(std::exception_ptr failure, std::string_view what) {
  try {
    std::rethrow_exception(std::move(failure));
  } catch (const std::bad_alloc&) {
    return {ErrorCode::OutOfMemory, std::string(what) + " did not fit into memory",
            "Use fewer sequences or a smaller micro-batch, or free memory"};
  } catch (const std::exception& e) {
    const std::string_view text = e.what();  // LibTorch appends a C++ stack from the second line on
    return {ErrorCode::Internal,
            std::string(what) + " failed: " + std::string(text.substr(0, text.find('\n'))),
            "Run again; if it repeats, report it with the log"};
  } catch (...) {
    return {ErrorCode::Internal, std::string(what) + " failed for an unknown reason",
            "Run again; if it repeats, report it with the log"};
  }
}

}  // namespace troupe::model
