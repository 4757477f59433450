#include "model/tokenizer/byte_level.hpp"

#include <unicode/utf8.h>

#include <array>
#include <cstdint>

namespace troupe::model {
namespace {

constexpr std::array<std::uint16_t, 256> make_characters() {
  std::array<std::uint16_t, 256> characters{};
  std::uint16_t next = 256;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool printable =
        (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    characters[byte] = printable ? static_cast<std::uint16_t>(byte) : next++;
  }
  return characters;
}
constexpr auto kCharacters = make_characters();

constexpr auto make_bytes() {
  std::array<std::int16_t, 512> bytes{};
  for (auto& byte : bytes) byte = -1;
  for (unsigned byte = 0; byte < 256; ++byte)
    bytes[kCharacters[byte]] = static_cast<std::int16_t>(byte);
  return bytes;
}
constexpr auto kBytes = make_bytes();

}  // namespace

std::string byte_level_char(unsigned char byte) {
  const unsigned c = kCharacters[byte];
  if (c < 0x80) return std::string(1, static_cast<char>(c));
  return {static_cast<char>(0xC0 | (c >> 6)), static_cast<char>(0x80 | (c & 0x3F))};
}

std::string to_byte_level(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += byte_level_char(static_cast<unsigned char>(byte));
  return text;
}

std::optional<std::string> from_byte_level(std::string_view text) {
  std::string bytes;
  const auto* s = reinterpret_cast<const std::uint8_t*>(text.data());
  for (std::size_t i = 0; i < text.size();) {
    UChar32 c = 0;
    U8_NEXT(s, i, text.size(), c);
    if (c < 0 || c >= 512 || kBytes[static_cast<std::size_t>(c)] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(kBytes[static_cast<std::size_t>(c)]));
  }
  return bytes;
}

std::string valid_utf8(std::string bytes) {
  const auto* s = reinterpret_cast<const std::uint8_t*>(bytes.data());
  std::size_t i = 0;
  UChar32 c = 0;
  while (i < bytes.size() && c >= 0) U8_NEXT(s, i, bytes.size(), c);
  if (c >= 0) return bytes;  // the usual case: nothing to replace
  std::string valid;
  for (i = 0; i < bytes.size();) {
    const std::size_t start = i;
    U8_NEXT(s, i, bytes.size(), c);
    if (c >= 0) valid.append(bytes, start, i - start);
    else valid += "\xEF\xBF\xBD";
  }
  return valid;
}

}  // namespace troupe::model
