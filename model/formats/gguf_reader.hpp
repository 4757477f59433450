#pragma once
// GgufReader: reads numbers and strings from bytes, never past their end. Every method returns
// false, and the position stays, when the bytes do not suffice. A value; one owner.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace troupe::model {

class GgufReader {
 public:
  explicit GgufReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::size_t position() const { return position_; }
  std::size_t left() const { return bytes_.size() - position_; }
  std::span<const std::byte> since(std::size_t start) const {
    return bytes_.subspan(start, position_ - start);
  }

  bool skip(std::size_t count) {
    if (count > left()) return false;
    position_ += count;
    return true;
  }
  template <class T>
  bool number(T& value) {
    if (sizeof value > left()) return false;
    std::memcpy(&value, bytes_.data() + position_, sizeof value);
    position_ += sizeof value;
    return true;
  }
  /// A 64-bit length and as many bytes.
  bool string(std::string_view& text) {
    std::uint64_t size = 0;
    const std::size_t start = position_;
    if (!number(size) || size > left()) {
      position_ = start;
      return false;
    }
    text = {reinterpret_cast<const char*>(bytes_.data()) + position_,
            static_cast<std::size_t>(size)};
    position_ += static_cast<std::size_t>(size);
    return true;
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t position_ = 0;
};

}  // namespace troupe::model
