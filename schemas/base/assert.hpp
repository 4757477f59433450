#pragma once
// TROUPE_ASSERT(condition, message): our own bugs. Always on, in every build: prints the
// condition, the place and the message (and, in a simulation, the seed that replays it), then
// aborts. Never used for input of a person or for what an operating system may refuse.
#include <string_view>

namespace troupe {
/// Printed by every failed assertion; simulations set it to the command that replays the seed.
/// The text must live as long as the process. Thread-local.
void set_assert_context(std::string_view context);
[[noreturn]] void assert_failed(const char* condition, const char* file, int line,
                                std::string_view message);
}  // namespace troupe

#define TROUPE_ASSERT(condition, message)                                    \
  do {                                                                       \
    if (!(condition)) [[unlikely]]                                           \
      ::troupe::assert_failed(#condition, __FILE__, __LINE__, (message));    \
  } while (false)
