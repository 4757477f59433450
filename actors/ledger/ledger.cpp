#include "actors/ledger/ledger.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "actors/ledger/ledger_state.hpp"

namespace troupe::ledger {

Ledger::Ledger(std::unique_ptr<State> state) : state_(std::move(state)) {}
Ledger::~Ledger() = default;

Result<std::unique_ptr<Ledger>> Ledger::create(LedgerOptions options) {
  auto state = std::make_unique<State>(std::move(options));
  if (!state->options.path.empty()) {
    TROUPE_TRY(state->open_store());
    TROUPE_ASSIGN(const auto totals, state->store->totals());
    if (totals)
      return Error{ErrorCode::Conflict,
                   fmt::format("'{}' already has the records of a run",
                               state->options.path.string()),
                   "Continue that run with `troupe resume`, or start in a fresh run directory"};
  }
  auto ledger = std::unique_ptr<Ledger>(new Ledger(std::move(state)));
  ledger->state_->events_waiting = 1;  // so that even an empty ledger is one
  TROUPE_TRY(ledger->commit());
  return ledger;
}

Result<std::unique_ptr<Ledger>> Ledger::resume(LedgerOptions options,
                                               std::uint32_t checkpoint_step,
                                               const nlohmann::json* summary,
                                               std::span<const PromptId> journaled) {
  auto state = std::make_unique<State>(std::move(options));
  TROUPE_ASSERT(!state->options.path.empty(), "a ledger in memory cannot be resumed");
  TROUPE_TRY(state->open_store());
  state->journaled.insert(journaled.begin(), journaled.end());
  TROUPE_TRY(state->load(checkpoint_step, summary));
  auto ledger = std::unique_ptr<Ledger>(new Ledger(std::move(state)));
  TROUPE_TRY(ledger->commit(Durability::Power));
  return ledger;
}

Result<void> Ledger::admit(const Admission& admission) {
  State& state = *state_;
  const PromptId& id = admission.prompt;
  if (admission.group_size == 0)
    return state.bug(fmt::format("prompt {} was admitted with no samples", to_string(id)));
  if (state.seen.admitted(id)) return state.admit_again(admission);
  if (admission.number < state.totals.next_admission)
    return state.bug(fmt::format("prompt {} was admitted as number {}, but {} is the next",
                                 to_string(id), admission.number, state.totals.next_admission));
  Dataset& dataset = state.datasets[id.dataset];
  Entry& entry = state.open[id];
  entry.record.id = id;
  entry.record.number = admission.number;
  entry.record.position = dataset.admitted++;
  entry.record.version = admission.version;
  entry.record.current.resize(admission.group_size);
  entry.in_flight = admission.group_size;
  dataset.unresolved.push_back(id);
  dataset.last = id;
  state.seen.set_admitted(id);
  state.totals.next_admission = admission.number + 1;
  state.totals.admitted_prompts += 1;
  state.totals.admitted_samples += admission.group_size;
  return state.happened(entry);
}

Result<SampleId> Ledger::refill(const SampleId& sample, End end, std::string_view reason) {
  State& state = *state_;
  TROUPE_ASSIGN(Entry* entry, state.find_in_flight(sample));
  if (sample.attempt == UINT16_MAX || end == End::Trained || end == End::LeftOver)
    return state.bug(fmt::format("sample {} cannot be refilled after '{}'", to_string(sample),
                                 name_of(end)));
  SampleRecord& record = entry->record.current[sample.sibling];
  SampleRecord ended = record;
  ended.end = end;
  ended.reason = state.reasons.index_of(reason);
  state.reasons.count(end, ended.reason);
  entry->record.earlier.emplace_back(sample.sibling, ended);
  record = SampleRecord{static_cast<std::uint16_t>(sample.attempt + 1)};
  ++state.ended.samples.of(end);
  ++state.totals.admitted_samples;
  TROUPE_TRY(state.happened(*entry));
  SampleId next = sample;
  ++next.attempt;
  return next;
}

Result<void> Ledger::end(const SampleId& sample, End end, std::string_view reason,
                         std::uint32_t step) {
  State& state = *state_;
  TROUPE_ASSIGN(Entry* entry, state.find_in_flight(sample));
  if ((end == End::Trained) != (step > 0))
    return state.bug(fmt::format("sample {} ended as '{}' with step {}", to_string(sample),
                                 name_of(end), step));
  state.end_sample(*entry, sample.sibling, end, state.reasons.index_of(reason), step);
  return state.happened(*entry);
}

Result<std::uint32_t> Ledger::end_group(const GroupId& group, End end, std::string_view reason,
                                        std::uint32_t step) {
  State& state = *state_;
  const auto found = state.open.find(group);
  if (found == state.open.end() || found->second.in_flight == 0 || found->second.awaited)
    return state.bug(fmt::format("group {} cannot end: nothing of it is in flight",
                                 to_string(group)));
  if ((end == End::Trained) != (step > 0))
    return state.bug(
        fmt::format("group {} ended as '{}' with step {}", to_string(group), name_of(end), step));
  Entry& entry = found->second;
  const std::uint32_t count = entry.in_flight;
  state.end_in_flight(entry, end, state.reasons.index_of(reason), step);
  TROUPE_TRY(state.happened(entry));
  return count;
}

Result<void> Ledger::use(const BatchUse& use) {
  State& state = *state_;
  if (use.version.step == 0 || use.prompts.empty())
    return state.bug(fmt::format("a batch of {} prompts for step {}", use.prompts.size(),
                                 use.version.step));
  // Each prompt is marked as it is checked, so that one that is twice in the batch is found.
  for (std::size_t i = 0; i < use.prompts.size(); ++i) {
    const auto found = state.open.find(use.prompts[i]);
    const bool in_flight = found != state.open.end() && found->second.in_flight > 0;
    const bool used = in_flight && found->second.used(use.pass);
    if (in_flight && !used) {
      found->second.uses.emplace_back(use.pass, use.version.step);
      continue;
    }
    for (std::size_t k = 0; k < i; ++k) state.open.at(use.prompts[k]).uses.pop_back();
    return state.bug(fmt::format("step {} takes prompt {} in pass {}, but it {}",
                                 use.version.step, to_string(use.prompts[i]), use.pass,
                                 used ? "was used in that pass already" : "is not in flight"));
  }
  if (state.store)
    state.batches.push_back(
        {use.version, use.pass, std::vector<PromptId>(use.prompts.begin(), use.prompts.end())});
  return state.event();
}

Result<std::uint64_t> Ledger::end_left_over(std::string_view reason) {
  State& state = *state_;
  const std::uint32_t index = state.reasons.index_of(reason);
  std::uint64_t ended = 0;
  for (auto& [id, entry] : state.open) {
    if (entry.in_flight == 0) continue;
    entry.awaited = false;
    ended += entry.in_flight;
    state.end_in_flight(entry, End::LeftOver, index, 0);
    state.mark_dirty(entry);
    ++state.totals.sequence;
    ++state.events_waiting;
  }
  if (!state.store) state.drop_ended();
  return ended;
}

Result<void> Ledger::commit(Durability durability) { return state_->commit(durability); }
Result<std::uint64_t> Ledger::pack(std::uint32_t step) {
  // A block is packed in about 10 ms; a checkpoint takes longer than so many of them.
  constexpr std::uint32_t kBlockRows = 4096, kBlocksMax = 16;
  if (!state_->store) return std::uint64_t{0};
  return state_->store->pack(step, kBlockRows, kBlocksMax);
}
Result<void> Ledger::commit_if_due() { return state_->commit_if_due(); }

const CommitStats& Ledger::commit_stats() const { return state_->stats; }

void Ledger::on_commit(std::function<void()> told) { state_->committed = std::move(told); }

Accounts Ledger::accounts() const { return state_->accounts(); }

std::vector<ReasonCount> Ledger::reasons() const {
  std::vector<ReasonCount> counts;
  for (const auto& [key, samples] : state_->reasons.counts())
    counts.push_back({key.first, state_->reasons.text(key.second), samples});
  std::stable_sort(counts.begin(), counts.end(), [](const ReasonCount& a, const ReasonCount& b) {
    return a.samples > b.samples;
  });
  return counts;
}

std::uint64_t Ledger::next_admission() const { return state_->totals.next_admission; }
bool Ledger::is_resolved(const PromptId& prompt) const { return state_->seen.finished(prompt); }

bool Ledger::is_admitted(const PromptId& prompt) const { return state_->seen.admitted(prompt); }

std::vector<SampleId> Ledger::in_flight(const PromptId& prompt) const {
  std::vector<SampleId> samples;
  const auto found = state_->open.find(prompt);
  if (found == state_->open.end() || found->second.awaited) return samples;
  const auto& current = found->second.record.current;
  for (std::uint16_t sibling = 0; sibling < current.size(); ++sibling)
    if (!current[sibling].end) samples.push_back({prompt, sibling, current[sibling].attempt});
  return samples;
}

bool Ledger::is_used(const PromptId& prompt, std::uint32_t pass) const {
  const auto found = state_->open.find(prompt);
  return found != state_->open.end() && found->second.used(pass);
}

std::vector<DatasetCursor> Ledger::cursors() const {
  std::vector<DatasetCursor> cursors;
  for (const auto& [index, dataset] : state_->datasets) {
    DatasetCursor cursor;
    cursor.dataset = index;
    cursor.last = dataset.last;
    for (const PromptId& id : dataset.unresolved) {
      if (state_->seen.finished(id))
        cursor.resolved.push_back(id);
      else if (!cursor.next)
        cursor.next = id;
    }
    // A ledger made again from a checkpoint: nothing of this dataset was admitted since, or only
    // what came before the end that the checkpoint had reached.
    if (!cursor.next && dataset.base_next && !state_->seen.finished(*dataset.base_next))
      cursor.next = dataset.base_next;
    cursor.resolved.insert(cursor.resolved.end(), dataset.base_resolved.begin(),
                           dataset.base_resolved.end());
    cursors.push_back(std::move(cursor));
  }
  return cursors;
}

std::vector<ReopenedPrompt> Ledger::reopened() const {
  std::vector<ReopenedPrompt> prompts;
  for (const auto& [id, entry] : state_->open) {
    if (!entry.awaited) continue;
    ReopenedPrompt prompt{id, entry.record.number, entry.record.group_size(), {}, {}};
    for (std::uint16_t sibling = 0; sibling < prompt.group_size; ++sibling)
      if (entry.record.current[sibling].end) prompt.kept.push_back(sibling);
    for (const auto& [pass, step] : entry.uses) prompt.passes_done.push_back(pass);
    prompts.push_back(std::move(prompt));
  }
  std::sort(prompts.begin(), prompts.end(),
            [](const auto& a, const auto& b) { return a.number < b.number; });
  return prompts;
}

const RepairReport& Ledger::repair_report() const { return state_->repair; }
std::uint64_t Ledger::sequence() const { return state_->totals.sequence; }
nlohmann::json Ledger::summary() const { return state_->summary(cursors()); }

}  // namespace troupe::ledger
