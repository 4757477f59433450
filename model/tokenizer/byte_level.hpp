#pragma once
// The byte-level alphabet of GPT-2 (encoder.py, bytes_to_unicode): 256 printable characters that
// stand for the 256 bytes in vocabulary files. Pure functions, any thread.
#include <optional>
#include <string>
#include <string_view>

namespace troupe::model {

/// UTF-8 of the character that stands for `byte`.
std::string byte_level_char(unsigned char byte);
/// Bytes to alphabet.
std::string to_byte_level(std::string_view bytes);
/// Alphabet to bytes; nullopt when a character is not in it.
std::optional<std::string> from_byte_level(std::string_view text);
/// Replaces what is not valid UTF-8 by U+FFFD, one per maximal invalid part (Unicode 15, 3.9).
std::string valid_utf8(std::string bytes);

}  // namespace troupe::model
