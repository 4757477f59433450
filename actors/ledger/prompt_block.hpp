#pragma once
// PromptBlock: many ended prompts' records as compressed bytes, for the ledger's own growth: what a
// long run needs of them is only whether they were trained, and that they can be counted. For this
// folder; pure functions, any thread. Decoding takes bytes from a disk: whatever they are, it gives
// records or nothing, and no more memory than kBlockBytesMax.
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "actors/ledger/prompt_record.hpp"

namespace troupe::ledger {

// Uncompressed. A block of 4,096 prompts with groups of 64 has 3.6 MiB.
inline constexpr std::size_t kBlockBytesMax = 64u << 20;

/// Nothing when they are too large for one block.
std::optional<std::string> encode_block(std::span<const PromptRecord> records);
std::optional<std::vector<PromptRecord>> decode_block(std::string_view bytes);

}  // namespace troupe::ledger
