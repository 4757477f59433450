#pragma once
// Catch2 v2 or v3, and how a test says that it cannot run here.
#ifdef TROUPE_CATCH2_V3
#include <catch2/catch_all.hpp>
using Catch::Approx;
#else
#include <catch2/catch.hpp>
#endif

#include <iostream>
#include <string_view>

/// CTest lists the test as skipped with the reason; the caller returns.
inline void skip_test(std::string_view reason) { std::cout << "SKIPPED: " << reason << std::endl; }
