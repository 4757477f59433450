#pragma once
// Result<T>: the value of an operation, or the operational error that kept it from being made
// (peer gone, disk full, corrupt file). Bugs abort through TROUPE_ASSERT instead; wrong user
// input becomes diagnostics (graphs/diagnostic.hpp). Results are values: movable, owned by the
// caller, usable on any thread. Reading the wrong side aborts.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "schemas/base/assert.hpp"

namespace troupe {

enum class ErrorCode {
  InvalidArgument,  // the caller's input is wrong; nothing was tried
  NotFound,         // a file, tensor, stage or run that does not exist
  Corrupt,          // bytes that do not mean what they should: checksum, bounds, format
  Unsupported,      // understood, but not offered here
  Io,               // the operating system refused a read or write
  DiskFull,         // no space left; free some and repeat
  Conflict,         // somebody else holds it: a second run in one directory
  Timeout,          // a bounded wait ended
  Cancelled,        // asked to stop
  OutOfMemory,      // did not fit
  Infra,            // a component failed by itself: not a wrong answer, never a zero reward
  Internal,         // a library threw something we have no better name for
};

/// Stable name of a code, as it appears in logs and JSON: "not_found".
const char* name_of(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::Internal;
  std::string message;  // what happened, to what, in one sentence
  std::string help;     // what to do next; may be empty inside, never at the person's end

  /// "message. help" in one line.
  std::string text() const;
  /// The same error with `where: ` before its message.
  Error in(std::string_view where) const;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return check(), std::get<0>(state_); }
  const T& value() const& { return check(), std::get<0>(state_); }
  T&& value() && { return check(), std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const {
    TROUPE_ASSERT(!ok(), "error() of a result that holds a value");
    return std::get<1>(state_);
  }

 private:
  void check() const { TROUPE_ASSERT(ok(), std::get<1>(state_).message); }
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}
  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const {
    TROUPE_ASSERT(!ok(), "error() of a result that holds a value");
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

}  // namespace troupe

/// Returns the error of `expression` from the enclosing function, if it has one.
#define TROUPE_TRY(expression)                              \
  do {                                                      \
    if (auto troupe_try_ = (expression); !troupe_try_.ok()) \
      return troupe_try_.error();                           \
  } while (false)

#define TROUPE_CONCAT_(a, b) a##b
#define TROUPE_CONCAT(a, b) TROUPE_CONCAT_(a, b)
/// Declares `declaration` with the value of `expression`, or returns its error.
#define TROUPE_ASSIGN(declaration, expression)                        \
  auto TROUPE_CONCAT(troupe_result_, __LINE__) = (expression);        \
  if (!TROUPE_CONCAT(troupe_result_, __LINE__).ok())                  \
    return TROUPE_CONCAT(troupe_result_, __LINE__).error();           \
  declaration = std::move(TROUPE_CONCAT(troupe_result_, __LINE__)).value()
