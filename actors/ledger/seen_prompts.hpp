#pragma once
// SeenPrompts: which prompts were ever admitted and which of them are finished, two bits each, in
// pages of 512 rows, because a run may see millions. For this folder. Value; one thread.
#include <array>
#include <cstdint>
#include <unordered_map>

#include "schemas/base/ids.hpp"

namespace troupe::ledger {

class SeenPrompts {
 public:
  bool admitted(const PromptId& id) const { return bit(id, 0); }
  bool finished(const PromptId& id) const { return bit(id, 1); }
  void set_admitted(const PromptId& id) { set(id, 0, true); }
  void set_finished(const PromptId& id, bool finished) { set(id, 1, finished); }

 private:
  static constexpr std::uint64_t kRows = 512;
  struct Page {
    std::array<std::array<std::uint64_t, kRows / 64>, 2> bits{};
  };
  // The id of a page is the id of its first row.
  static PromptId page_of(const PromptId& id) {
    return {id.dataset, id.epoch, id.row - id.row % kRows};
  }
  bool bit(const PromptId& id, std::size_t which) const {
    const auto found = pages_.find(page_of(id));
    if (found == pages_.end()) return false;
    const std::uint64_t row = id.row % kRows;
    return (found->second.bits[which][row / 64] >> (row % 64)) & 1;
  }
  void set(const PromptId& id, std::size_t which, bool value) {
    const std::uint64_t row = id.row % kRows;
    std::uint64_t& word = pages_[page_of(id)].bits[which][row / 64];
    const std::uint64_t mask = std::uint64_t{1} << (row % 64);
    word = value ? word | mask : word & ~mask;
  }
  std::unordered_map<PromptId, Page> pages_;
};

}  // namespace troupe::ledger
