#include "actors/ledger/ledger_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace troupe::ledger {
namespace {

nlohmann::json to_json(const PromptId& id) { return {id.dataset, id.epoch, id.row}; }

nlohmann::json to_json(const Equation& equation) {
  nlohmann::json data{{"admitted", equation.admitted}, {"in_flight", equation.in_flight}};
  for (int i = 0; i < kEnds; ++i)
    data[std::string(key_of(static_cast<End>(i)))] = equation.of(static_cast<End>(i));
  return data;
}

nlohmann::json difference(const Equation& all, const Equation& part) {
  nlohmann::json ends = nlohmann::json::array();
  for (int i = 0; i < kEnds; ++i)
    ends.push_back(all.of(static_cast<End>(i)) - part.of(static_cast<End>(i)));
  return ends;
}

}  // namespace

bool is_finished(const PromptRecord& record) {
  return std::none_of(record.current.begin(), record.current.end(), [](const SampleRecord& s) {
    return !s.end || s.end == End::LeftOver;
  });
}

Result<Entry*> Ledger::State::find_in_flight(const SampleId& sample) {
  const auto found = open.find(sample.prompt);
  const char* what = nullptr;
  if (found == open.end())
    what = seen.admitted(sample.prompt) ? "has ended already" : "was never admitted";
  else if (found->second.awaited)
    what = "belongs to an earlier life of the run; its prompt was not admitted again";
  else if (sample.sibling >= found->second.record.group_size())
    what = "was never admitted: its group is smaller";
  else if (const SampleRecord& record = found->second.record.current[sample.sibling];
           record.attempt < sample.attempt)
    what = "was never admitted: no refill made it";
  else if (record.attempt > sample.attempt || record.end)
    what = "has ended already";
  if (what) return bug(fmt::format("sample {} cannot end: it {}", to_string(sample), what));
  return &found->second;
}

Result<void> Ledger::State::admit_again(const Admission& admission) {
  const auto found = open.find(admission.prompt);
  if (found == open.end() || !found->second.awaited)
    return bug(fmt::format("prompt {} was admitted twice", to_string(admission.prompt)));
  Entry& entry = found->second;
  if (admission.group_size != entry.record.group_size())
    return bug(fmt::format("prompt {} was admitted with {} samples, before the resume with {}",
                           to_string(admission.prompt), admission.group_size,
                           entry.record.group_size()));
  if (admission.number != entry.record.number) {
    if (admission.number < totals.next_admission)
      return bug(fmt::format("prompt {} was admitted as number {}; it had {}, and {} is the next",
                             to_string(admission.prompt), admission.number, entry.record.number,
                             totals.next_admission));
    removed_numbers.push_back(entry.record.number);
    entry.record.number = admission.number;
    totals.next_admission = admission.number + 1;
  }
  entry.record.version = admission.version;
  entry.awaited = false;
  return happened(entry);
}

void Ledger::State::end_sample(Entry& entry, std::uint16_t sibling, End end, std::uint32_t reason,
                               std::uint32_t step) {
  SampleRecord& record = entry.record.current[sibling];
  record.end = end;
  record.reason = reason;
  record.step = step;
  reasons.count(end, reason);
  ++ended.samples.of(end);
  if (--entry.in_flight == 0) prompt_ended(entry);
}

void Ledger::State::end_in_flight(Entry& entry, End end, std::uint32_t reason,
                                  std::uint32_t step) {
  for (std::uint16_t sibling = 0; sibling < entry.record.group_size(); ++sibling)
    if (!entry.record.current[sibling].end) end_sample(entry, sibling, end, reason, step);
}

void Ledger::State::prompt_ended(Entry& entry) {
  ++ended.prompts.of(*entry.record.end());
  if (!is_finished(entry.record)) {
    entry.record.count_into(left_over);
    return;
  }
  seen.set_finished(entry.record.id, true);
  auto& unresolved = datasets[entry.record.id.dataset].unresolved;
  while (!unresolved.empty() && seen.finished(unresolved.front())) unresolved.pop_front();
}

void Ledger::State::mark_dirty(Entry& entry) {
  if (!store || entry.dirty) return;
  entry.dirty = true;
  dirty.push_back(&entry);
}

void Ledger::State::drop_ended() {
  std::erase_if(open, [](const auto& item) { return item.second.in_flight == 0; });
}

Result<void> Ledger::State::happened(Entry& entry) {
  mark_dirty(entry);
  if (!store && entry.in_flight == 0) {
    const PromptId id = entry.record.id;  // the key must not live in what is erased
    open.erase(id);
  }
  return event();
}

Result<void> Ledger::State::event() {
  ++totals.sequence;
  ++events_waiting;
  if (options.clock && !waiting_since) waiting_since = options.clock->now();
  ++events_since_try;
  return commit_if_due();
}

Accounts Ledger::State::accounts() const {
  Accounts accounts = ended;
  accounts.prompts.admitted = totals.admitted_prompts;
  accounts.samples.admitted = totals.admitted_samples;
  for (const auto& [id, entry] : open) {
    const std::uint32_t in_flight = entry.record.in_flight();
    accounts.samples.in_flight += in_flight;
    accounts.prompts.in_flight += in_flight > 0 ? 1 : 0;
  }
  return accounts;
}

nlohmann::json Ledger::State::summary(const std::vector<DatasetCursor>& cursors) const {
  const Accounts now = accounts();
  // What a ledger made again from this must not count: the ended samples of prompts that will be
  // admitted afresh.
  Accounts again = left_over;
  for (const auto& [id, entry] : open)
    if (entry.in_flight > 0) entry.record.count_into(again);
  nlohmann::json list = nlohmann::json::array();
  for (const DatasetCursor& cursor : cursors) {
    nlohmann::json resolved = nlohmann::json::array();
    for (const PromptId& id : cursor.resolved) resolved.push_back(to_json(id));
    list.push_back({{"dataset", cursor.dataset},
                    {"next", cursor.next ? to_json(*cursor.next) : nlohmann::json()},
                    {"last", cursor.last ? to_json(*cursor.last) : nlohmann::json()},
                    {"resolved", std::move(resolved)}});
  }
  return {{"format", 1},
          {"sequence", totals.sequence},
          {"next_admission", totals.next_admission},
          {"prompts", to_json(now.prompts)},
          {"samples", to_json(now.samples)},
          {"resolved_prompts", difference(now.prompts, again.prompts)},
          {"resolved_samples", difference(now.samples, again.samples)},
          {"cursors", std::move(list)}};
}

}  // namespace troupe::ledger
