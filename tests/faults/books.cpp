#include "tests/faults/books.hpp"

#include <algorithm>

#include "schemas/base/assert.hpp"

namespace troupe::test {

bool Books::Prompt::open() const {
  return std::any_of(slots.begin(), slots.end(), [](const Slot& slot) { return !slot.end; });
}

void Books::add(Fact fact) {
  facts_.push_back(std::move(fact));
  apply(facts_.back());
}

void Books::forget_after(std::uint64_t sequence) {
  std::erase_if(facts_, [&](const Fact& fact) { return fact.sequence > sequence; });
  prompts_.clear();
  uses_.clear();
  for (const Fact& fact : facts_) apply(fact);
}

void Books::keep_only_uses(std::uint32_t step) {
  facts_.clear();
  prompts_.clear();
  std::erase_if(uses_, [&](const auto& use) { return use.second > step; });
}

void Books::apply(const Fact& fact) {
  const auto slot_of = [&]() -> Slot& {
    const auto prompt = prompts_.find(fact.sample.prompt);
    TROUPE_ASSERT(prompt != prompts_.end(), "an end of an unknown prompt");
    Slot& slot = prompt->second.slots.at(fact.sample.sibling);
    TROUPE_ASSERT(!slot.end && slot.attempt == fact.sample.attempt,
                  "a second end of " + to_string(fact.sample));
    return slot;
  };
  switch (fact.what) {
    case Fact::What::Admitted: {
      const auto [found, fresh] = prompts_.try_emplace(fact.sample.prompt);
      TROUPE_ASSERT(fresh || found->second.awaited,
                    "admitted twice: " + to_string(fact.sample.prompt));
      if (fresh) found->second.slots.resize(fact.size);
      TROUPE_ASSERT(found->second.slots.size() == fact.size, "a group changed its size");
      found->second.awaited = false;
      return;
    }
    case Fact::What::Ended: {
      Slot& slot = slot_of();
      slot.end = fact.end;
      slot.step = fact.step;
      return;
    }
    case Fact::What::Refilled: {
      Slot& slot = slot_of();
      prompts_.at(fact.sample.prompt).earlier.emplace_back(fact.sample.sibling, fact.end);
      ++slot.attempt;
      return;
    }
    case Fact::What::Used:
      for (const PromptId& id : fact.prompts)
        TROUPE_ASSERT(uses_.emplace(id, fact.step).second, "trained twice: " + to_string(id));
      return;
    case Fact::What::EndedLeftOver:
      for (auto& [id, prompt] : prompts_) {
        prompt.awaited = false;
        for (Slot& slot : prompt.slots)
          if (!slot.end) slot.end = End::LeftOver;
      }
      return;
    case Fact::What::Resumed:
      return resume(fact.step, fact.prompts);
  }
}

void Books::resume(std::uint32_t step, const std::vector<PromptId>& journaled) {
  std::erase_if(uses_, [&](const auto& use) { return use.second > step; });
  for (auto& [id, prompt] : prompts_) {
    if (std::find(journaled.begin(), journaled.end(), id) != journaled.end()) {
      // With the learner: an end that the last session gave is taken back, and nothing else.
      for (Slot& slot : prompt.slots)
        if (slot.end == End::LeftOver) slot.end.reset();
      continue;
    }
    const bool again = std::any_of(prompt.slots.begin(), prompt.slots.end(), [&](const Slot& slot) {
      return !slot.end || slot.end == End::LeftOver ||
             (slot.end == End::Trained && slot.step > step);
    });
    if (!again) continue;
    prompt.awaited = true;
    for (std::uint16_t i = 0; i < prompt.slots.size(); ++i) {
      Slot& slot = prompt.slots[i];
      if (slot.end == End::Delivered || (slot.end == End::Trained && slot.step <= step)) continue;
      slot = Slot();
      std::erase_if(prompt.earlier, [&](const auto& attempt) { return attempt.first == i; });
    }
  }
}

std::uint64_t Books::samples_admitted() const {
  std::uint64_t count = 0;
  for (const auto& [id, prompt] : prompts_) count += prompt.slots.size() + prompt.earlier.size();
  return count;
}

std::uint64_t Books::samples(End end) const {
  std::uint64_t count = 0;
  for (const auto& [id, prompt] : prompts_) {
    for (const Slot& slot : prompt.slots) count += slot.end == end ? 1 : 0;
    for (const auto& [sibling, earlier] : prompt.earlier) count += earlier == end ? 1 : 0;
  }
  return count;
}

std::uint64_t Books::samples_open() const {
  std::uint64_t count = 0;
  for (const auto& [id, prompt] : prompts_)
    for (const Slot& slot : prompt.slots) count += slot.end ? 0 : 1;
  return count;
}

}  // namespace troupe::test
