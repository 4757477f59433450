#pragma once
// CHECK_THAT(text, contains_text("part")): Catch2 v2 and v3 name this matcher differently.
#include <string>

#include "tests/catch.hpp"

inline auto contains_text(const std::string& part) {
#ifdef TROUPE_CATCH2_V3
  return Catch::Matchers::ContainsSubstring(part);
#else
  return Catch::Matchers::Contains(part);
#endif
}
