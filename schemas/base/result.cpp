#include "schemas/base/result.hpp"

#include <cstdio>
#include <cstdlib>

namespace troupe {

const char* name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::InvalidArgument: return "invalid_argument";
    case ErrorCode::NotFound: return "not_found";
    case ErrorCode::Corrupt: return "corrupt";
    case ErrorCode::Unsupported: return "unsupported";
    case ErrorCode::Io: return "io";
    case ErrorCode::DiskFull: return "disk_full";
    case ErrorCode::Conflict: return "conflict";
    case ErrorCode::Timeout: return "timeout";
    case ErrorCode::Cancelled: return "cancelled";
    case ErrorCode::OutOfMemory: return "out_of_memory";
    case ErrorCode::Infra: return "infra";
    case ErrorCode::Internal: return "internal";
  }
  return "internal";
}

std::string Error::text() const {
  if (help.empty()) return message;
  return message + ". " + help;
}

Error Error::in(std::string_view where) const {
  return Error{code, std::string(where) + ": " + message, help};
}

namespace {
thread_local std::string_view assert_context;
}

void set_assert_context(std::string_view context) { assert_context = context; }

void assert_failed(const char* condition, const char* file, int line, std::string_view message) {
  std::fprintf(stderr, "troupe: bug: %s:%d: %s: %.*s\n", file, line, condition,
               static_cast<int>(message.size()), message.data());
  if (!assert_context.empty())
    std::fprintf(stderr, "troupe: replay with: %.*s\n", static_cast<int>(assert_context.size()),
                 assert_context.data());
  std::abort();
}

}  // namespace troupe
