#include "model/tokenizer/bpe.hpp"

#include <algorithm>
#include <limits>
#include <queue>
#include <unordered_set>

#include "model/tokenizer/byte_level.hpp"
#include "schemas/base/rng.hpp"

namespace troupe::model {
namespace {

/// Up to this many symbols a scan for the best pair beats a heap.
constexpr std::size_t kShortMax = 64;
constexpr std::int32_t kNoRank = std::numeric_limits<std::int32_t>::max();

std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
         static_cast<std::uint32_t>(right);
}

Error corrupt(std::string message) {
  return Error{ErrorCode::Corrupt, std::move(message),
               "The tokenizer's file is damaged or not complete: fetch it again"};
}

}  // namespace

Result<void> Bpe::build(const TokenizerData& data) {
  // Special tokens are not reachable from plain text, whatever the merges say: a question must
  // not be able to spell one.
  std::vector<bool> special(data.tokens.size(), false);
  for (const AddedToken& token : data.added)
    if (token.id >= 0 && static_cast<std::size_t>(token.id) < special.size())
      special[static_cast<std::size_t>(token.id)] = token.special;
  std::unordered_set<std::string_view> special_texts;
  ids_.reserve(data.tokens.size());
  for (std::size_t id = 0; id < data.tokens.size(); ++id) {
    if (data.tokens[id].empty()) continue;
    if (special[id]) special_texts.insert(data.tokens[id]);
    else ids_.emplace(data.tokens[id], static_cast<std::int32_t>(id));
  }
  for (unsigned byte = 0; byte < 256; ++byte) {
    const auto it = ids_.find(byte_level_char(static_cast<unsigned char>(byte)));
    byte_ids_[byte] = it == ids_.end() ? -1 : it->second;
  }
  unknown_ = data.unknown;
  ignore_merges_ = data.ignore_merges;

  std::size_t capacity = 16;
  while (capacity < 2 * data.merges.size()) capacity *= 2;
  slots_.assign(capacity, Merge{});
  const auto known = [&](std::int32_t id) {
    return id >= 0 && static_cast<std::size_t>(id) < data.tokens.size();
  };
  std::string text;
  for (std::size_t rank = 0; rank < data.merges.size(); ++rank) {
    const auto [left, right] = data.merges[rank];
    if (!known(left) || !known(right))
      return corrupt("merge number " + std::to_string(rank) + " is of tokens that do not exist");
    text = data.tokens[static_cast<std::size_t>(left)];
    text += data.tokens[static_cast<std::size_t>(right)];
    const auto it = ids_.find(text);
    if (it == ids_.end() && special_texts.contains(text)) continue;
    if (it == ids_.end())
      return corrupt("merge number " + std::to_string(rank) + " gives '" + text +
                     "', which is not a token");
    add_merge({pair_key(left, right), static_cast<std::int32_t>(rank), it->second});
  }
  return {};
}

void Bpe::add_merge(const Merge& merge) {
  std::size_t slot = mix64(merge.pair) & (slots_.size() - 1);
  // A pair given twice keeps its last rank, as in the reference.
  while (slots_[slot].rank >= 0 && slots_[slot].pair != merge.pair)
    slot = (slot + 1) & (slots_.size() - 1);
  slots_[slot] = merge;
}

const Bpe::Merge* Bpe::merge_of(std::int32_t left, std::int32_t right) const {
  const std::uint64_t pair = pair_key(left, right);
  std::size_t slot = mix64(pair) & (slots_.size() - 1);
  while (slots_[slot].rank >= 0) {
    if (slots_[slot].pair == pair) return &slots_[slot];
    slot = (slot + 1) & (slots_.size() - 1);
  }
  return nullptr;
}

std::optional<std::int32_t> Bpe::find(std::string_view text) const {
  const auto it = ids_.find(std::string(text));
  return it == ids_.end() ? std::nullopt : std::optional(it->second);
}

void Bpe::encode(std::string_view piece, std::vector<std::int32_t>& out) const {
  if (ignore_merges_) {
    if (const auto whole = find(to_byte_level(piece))) {
      out.push_back(*whole);
      return;
    }
  }
  std::vector<std::int32_t> ids;
  ids.reserve(piece.size());
  for (const char c : piece) {
    const std::int32_t id = byte_ids_[static_cast<unsigned char>(c)];
    if (id >= 0) ids.push_back(id);
    else if (unknown_) ids.push_back(*unknown_);
  }
  if (ids.size() <= kShortMax) merge_short(ids);
  else merge_long(ids);
  out.insert(out.end(), ids.begin(), ids.end());
}

void Bpe::merge_short(std::vector<std::int32_t>& ids) const {
  if (ids.size() < 2) return;
  const Merge* merges[kShortMax];  // merges[i]: of ids[i] and ids[i + 1], or nullptr
  std::size_t count = ids.size();
  for (std::size_t i = 0; i + 1 < count; ++i) merges[i] = merge_of(ids[i], ids[i + 1]);
  for (;;) {
    std::size_t best = count;
    std::int32_t best_rank = kNoRank;
    for (std::size_t i = 0; i + 1 < count; ++i)
      if (merges[i] != nullptr && merges[i]->rank < best_rank) {
        best = i;
        best_rank = merges[i]->rank;
      }
    if (best == count) break;
    ids[best] = merges[best]->id;
    for (std::size_t i = best + 1; i + 1 < count; ++i) ids[i] = ids[i + 1];
    for (std::size_t i = best + 1; i + 2 < count; ++i) merges[i] = merges[i + 1];
    --count;
    if (best > 0) merges[best - 1] = merge_of(ids[best - 1], ids[best]);
    if (best + 1 < count) merges[best] = merge_of(ids[best], ids[best + 1]);
  }
  ids.resize(count);
}

void Bpe::merge_long(std::vector<std::int32_t>& ids) const {
  struct Symbol {
    std::int32_t id;  // -1: merged into its left neighbour
    std::size_t previous, next;
  };
  struct Candidate {
    std::int32_t rank, id;  // id: of the merged token
    std::size_t left;
    std::int32_t left_id, right_id;  // stale when the symbols have others by now
    bool operator<(const Candidate& other) const {  // std::priority_queue wants the largest
      return rank != other.rank ? rank > other.rank : left > other.left;
    }
  };
  constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();
  std::vector<Symbol> symbols(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i)
    symbols[i] = {ids[i], i == 0 ? kNone : i - 1, i + 1 == ids.size() ? kNone : i + 1};
  std::priority_queue<Candidate> queue;
  const auto offer = [&](std::size_t left) {
    if (left == kNone || symbols[left].next == kNone) return;
    const std::int32_t a = symbols[left].id, b = symbols[symbols[left].next].id;
    if (const Merge* merge = merge_of(a, b)) queue.push({merge->rank, merge->id, left, a, b});
  };
  for (std::size_t i = 0; i + 1 < symbols.size(); ++i) offer(i);
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Symbol& left = symbols[best.left];
    if (left.id != best.left_id || left.next == kNone || symbols[left.next].id != best.right_id)
      continue;
    Symbol& right = symbols[left.next];
    left.id = best.id;
    left.next = right.next;
    right.id = -1;
    if (left.next != kNone) symbols[left.next].previous = best.left;
    offer(left.previous);
    offer(best.left);
  }
  ids.clear();
  for (const Symbol& symbol : symbols)
    if (symbol.id >= 0) ids.push_back(symbol.id);
}

}  // namespace troupe::model
