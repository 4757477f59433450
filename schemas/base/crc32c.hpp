#pragma once
// CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected; RFC 3720 appendix B.4): the checksum of
// ledger rows, checkpoint files and TensorBoard records. With the processor's instruction where
// there is one, else by tables. Pure function, any thread.
#include <cstdint>
#include <span>
#include <string_view>

namespace troupe {

/// Checksum of `bytes` appended to what `so_far` is the checksum of. crc32c("123456789") ==
/// 0xE3069283.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t so_far = 0);
inline std::uint32_t crc32c(std::string_view text, std::uint32_t so_far = 0) {
  return crc32c(std::as_bytes(std::span(text.data(), text.size())), so_far);
}
/// The one by tables, for tests of the other.
std::uint32_t crc32c_by_tables(std::span<const std::byte> bytes, std::uint32_t so_far = 0);

}  // namespace troupe
