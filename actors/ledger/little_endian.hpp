#pragma once
// Integers as little-endian bytes, for what this folder stores. Pure functions.
#include <cstddef>
#include <string>
#include <string_view>

namespace troupe::ledger {

template <class T>
void put(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

/// Takes sizeof(T) bytes off the front of `bytes`, which must have them.
template <class T>
T take(std::string_view& bytes) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    value = static_cast<T>(value | static_cast<T>(static_cast<unsigned char>(bytes[i]))
                                       << (8 * i));
  bytes.remove_prefix(sizeof(T));
  return value;
}

}  // namespace troupe::ledger
