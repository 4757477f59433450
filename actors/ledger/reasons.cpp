#include "actors/ledger/reasons.hpp"

#include "actors/ledger/json_text.hpp"

namespace troupe::ledger {

Reasons::Reasons() : texts_{"", "other reasons"}, indices_{{"", kNone}, {texts_[1], kOther}} {}

std::uint32_t Reasons::index_of(std::string_view reason) {
  if (reason == last_text_) return last_index_;
  std::string text = clean_utf8(reason, kMaxReasonBytes);
  auto found = indices_.find(text);
  if (found == indices_.end()) {
    if (texts_.size() >= kMaxReasons) return kOther;
    const auto index = static_cast<std::uint32_t>(texts_.size());
    texts_.push_back(text);
    fresh_.emplace_back(index, text);
    found = indices_.emplace(std::move(text), index).first;
  }
  if (reason.size() > 4 * kMaxReasonBytes) return found->second;
  last_text_ = reason;
  last_index_ = found->second;
  return last_index_;
}

void Reasons::restore(std::uint32_t index, std::string text) {
  if (index <= kOther || index >= kMaxReasons) return;
  while (texts_.size() <= index) texts_.emplace_back("reason not recorded");
  texts_[index] = text;
  indices_.emplace(std::move(text), index);
}

const std::string& Reasons::text(std::uint32_t index) const {
  return texts_[index < texts_.size() ? index : kOther];
}

}  // namespace troupe::ledger
