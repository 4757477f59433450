#pragma once
// Reasons: the sentences that say why samples ended, each stored once, and how often each was
// given. Bounded: kMaxReasons different ones of kMaxReasonBytes; further ones are counted together.
// For this folder. Value; one thread.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "schemas/base/end.hpp"

namespace troupe::ledger {

class Reasons {
 public:
  static constexpr std::uint32_t kMaxReasons = 4096;
  static constexpr std::size_t kMaxReasonBytes = 200;
  static constexpr std::uint32_t kNone = 0;   // ""
  static constexpr std::uint32_t kOther = 1;  // "other reasons"

  Reasons();
  /// The index of a reason, made if it is new.
  std::uint32_t index_of(std::string_view reason);
  /// Puts one back that was stored.
  void restore(std::uint32_t index, std::string text);
  const std::string& text(std::uint32_t index) const;

  void count(End end, std::uint32_t index) { ++counts_[{end, index}]; }
  const std::map<std::pair<End, std::uint32_t>, std::uint64_t>& counts() const { return counts_; }

  /// New since the last stored(): to be written.
  const std::vector<std::pair<std::uint32_t, std::string>>& fresh() const { return fresh_; }
  void stored() { fresh_.clear(); }

 private:
  std::vector<std::string> texts_;
  std::unordered_map<std::string, std::uint32_t> indices_;
  std::map<std::pair<End, std::uint32_t>, std::uint64_t> counts_;
  std::vector<std::pair<std::uint32_t, std::string>> fresh_;
  // Samples that end one after another mostly do so for the same reason.
  std::string last_text_;
  std::uint32_t last_index_ = kNone;
};

}  // namespace troupe::ledger
