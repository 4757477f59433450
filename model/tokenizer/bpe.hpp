#pragma once
// Bpe: byte-pair encoding over token ids: the pair with the best (lowest) rank, leftmost first, is
// merged until none is left (Sennrich et al., 1508.07909, on bytes). Immutable after build(); any
// thread. Short pieces are scanned, long ones use a heap, so that a hostile text costs n log n.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/tokenizer/tokenizer_data.hpp"

namespace troupe::model {

class Bpe {
 public:
  /// Error: a merge whose parts or result are no tokens.
  Result<void> build(const TokenizerData& data);

  /// Appends the ids of one piece of text.
  void encode(std::string_view piece, std::vector<std::int32_t>& out) const;
  /// Id of a token that is not special, by its text in the byte-level alphabet.
  std::optional<std::int32_t> find(std::string_view text) const;

 private:
  struct Merge {
    std::uint64_t pair = 0;  // left id << 32 | right id
    std::int32_t rank = -1;  // -1: empty slot
    std::int32_t id = 0;
  };
  const Merge* merge_of(std::int32_t left, std::int32_t right) const;
  void add_merge(const Merge& merge);
  void merge_short(std::vector<std::int32_t>& ids) const;
  void merge_long(std::vector<std::int32_t>& ids) const;

  std::unordered_map<std::string, std::int32_t> ids_;
  std::vector<Merge> slots_;  // open addressing, a power of two, at most half full
  std::int32_t byte_ids_[256] = {};  // -1: no token
  std::optional<std::int32_t> unknown_;
  bool ignore_merges_ = false;
};

}  // namespace troupe::model
