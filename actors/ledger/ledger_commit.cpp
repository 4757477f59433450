// How a ledger meets its file: committing what changed, and loading and repairing at a resume.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "actors/ledger/ledger_state.hpp"

namespace troupe::ledger {
namespace {

using nlohmann::json;

Error bad_summary(std::string_view what) {
  return {ErrorCode::Corrupt, fmt::format("the checkpoint's summary of the ledger is damaged: {}",
                                          what),
          "Move that checkpoint's folder away and resume again from the one before"};
}

std::optional<PromptId> prompt_from(const json& data) {
  if (data.is_null()) return std::nullopt;
  return PromptId{data.at(0).get<std::uint32_t>(), data.at(1).get<std::uint32_t>(),
                  data.at(2).get<std::uint64_t>()};
}

void ends_from(const json& data, Equation& equation) {
  for (int i = 0; i < kEnds; ++i)
    equation.ends[static_cast<std::size_t>(i)] =
        data.at(static_cast<std::size_t>(i)).get<std::uint64_t>();
}

}  // namespace

Result<void> Ledger::State::open_store() {
  TROUPE_ASSIGN(store, Store::open_to_write(options.path, options.vfs));
  if (options.clock) last_try = options.clock->now();
  return {};
}

Result<void> Ledger::State::commit_if_due() {
  if (!store || events_waiting == 0) return {};
  const bool due_by_time =
      options.clock && options.clock->now() - last_try >= options.commit_every;
  if (!due_by_time && events_since_try < options.commit_events) return {};
  return commit(Durability::Process);
}

Result<void> Ledger::State::commit(Durability durability) {
  // Before anything can fail: a disk that refuses is asked again after a while, not at each event.
  events_since_try = 0;
  if (options.durable == Durability::Power) durability = Durability::Power;
  if (options.clock) last_try = options.clock->now();
  if (distrusted) return *distrusted;
  // After a sync that failed nobody knows what is on the disk, and a later sync does not say: the
  // next life reads it again.
  const auto trusted = [&](Result<void> done) {
    if (!done.ok() && done.error().code == ErrorCode::Io && durability == Durability::Power)
      distrusted = done.error();
    return done;
  };
  if (options.before_commit) TROUPE_TRY(trusted(options.before_commit(durability)));
  if (!store || (events_waiting == 0 && durability == Durability::Process)) return {};

  Changes changes;
  changes.removed_numbers = removed_numbers;
  changes.prompts.reserve(dirty.size());
  for (const Entry* entry : dirty) changes.prompts.push_back(&entry->record);
  changes.batches = batches;
  changes.forget_batches_after = forget_batches_after;
  changes.reasons = reasons.fresh();
  changes.replace_everything = new_base.has_value();
  changes.base = new_base;
  changes.totals = totals;
  TROUPE_TRY(trusted(store->write(changes, durability == Durability::Power)));

  for (Entry* entry : dirty) {
    entry->dirty = false;
    if (entry->in_flight > 0) continue;
    const PromptId id = entry->record.id;
    open.erase(id);
  }
  dirty.clear();
  removed_numbers.clear();
  batches.clear();
  forget_batches_after.reset();
  new_base.reset();
  reasons.stored();
  events_waiting = 0;
  ++stats.commits;
  stats.sequence = totals.sequence;
  if (waiting_since)
    stats.behind_max = std::max(stats.behind_max, options.clock->now() - *waiting_since);
  waiting_since.reset();
  if (committed) committed();
  return {};
}

Result<void> Ledger::State::load(std::uint32_t checkpoint_step, const json* checkpoint) {
  TROUPE_ASSIGN(const auto stored, store->totals());
  std::uint64_t checkpoint_sequence = 0;
  if (checkpoint) {
    const auto found = checkpoint->find("sequence");
    if (found == checkpoint->end() || !found->is_number_unsigned())
      return bad_summary("it has no sequence number");
    checkpoint_sequence = found->get<std::uint64_t>();
  }
  if ((stored ? stored->sequence : 0) < checkpoint_sequence) {
    std::string text = checkpoint->dump();
    TROUPE_TRY(apply_base(text));
    repair.rebuilt_from_checkpoint = true;
    new_base = std::move(text);
    events_waiting = 1;
    return {};
  }
  if (stored) totals = *stored;
  TROUPE_TRY(store->unpack_changed(checkpoint_step));
  TROUPE_TRY(load_rows(checkpoint_step));
  ++totals.sequence;  // the repair itself: a ledger that was repaired differs from before
  ++events_waiting;
  return {};
}

Result<void> Ledger::State::load_rows(std::uint32_t checkpoint_step) {
  const Totals stored = totals;
  totals.admitted_prompts = totals.admitted_samples = 0;
  TROUPE_ASSIGN(const auto base, store->base());
  if (base) TROUPE_TRY(apply_base(*base));
  totals.sequence = stored.sequence;
  totals.next_admission = stored.next_admission;
  TROUPE_ASSIGN(auto texts, store->reasons());
  for (auto& [index, text] : texts) reasons.restore(index, std::move(text));

  std::uint64_t samples = totals.admitted_samples;  // as stored, before the repair
  std::map<std::uint32_t, std::vector<std::pair<std::uint64_t, PromptId>>> order;
  TROUPE_ASSIGN(const auto damaged, store->each_prompt([&](PromptRecord record) {
    samples += record.samples();
    order[record.id.dataset].emplace_back(record.position, record.id);
    take_record(std::move(record), checkpoint_step);
  }));
  repair.corrupt_rows = damaged.count();
  removed_numbers = damaged.rows;
  for (auto& [index, ids] : order) {
    std::sort(ids.begin(), ids.end());
    Dataset& dataset = datasets[index];
    dataset.admitted = ids.back().first + 1;
    dataset.last = ids.back().second;
    for (const auto& [position, id] : ids)
      if (!dataset.unresolved.empty() || !seen.finished(id)) dataset.unresolved.push_back(id);
  }
  if (repair.corrupt_rows == 0 &&
      (totals.admitted_prompts != stored.admitted_prompts || samples != stored.admitted_samples))
    return Error{ErrorCode::Corrupt,
                 fmt::format("'{}' does not add up: {} prompts and {} samples were "
                             "admitted, {} and {} are recorded",
                             options.path.string(), stored.admitted_prompts,
                             stored.admitted_samples, totals.admitted_prompts, samples),
                 kMakeAgain};

  TROUPE_ASSIGN(const std::uint64_t corrupt_batches, store->each_batch([&](BatchRecord batch) {
    if (batch.version.step > checkpoint_step) {
      ++repair.forgotten_batches;
      return;
    }
    for (const PromptId& id : batch.prompts) {
      if (const auto found = open.find(id); found != open.end()) {
        found->second.uses.emplace_back(batch.pass, batch.version.step);
      } else if (!seen.admitted(id)) {
        // Its own record is damaged, but it was trained: it must not be trained again.
        seen.set_admitted(id);
        seen.set_finished(id, true);
        datasets[id.dataset].base_resolved.push_back(id);
      }
    }
  }));
  repair.corrupt_rows += corrupt_batches;
  forget_batches_after = checkpoint_step;
  return {};
}

void Ledger::State::take_record(PromptRecord record, std::uint32_t checkpoint_step) {
  const bool redo = journaled.contains(record.id);
  const Reopening reopening = redo ? Reopening{} : reopen(record, checkpoint_step);
  const bool taken_back = redo && take_back_left_over(record);
  totals.admitted_prompts += 1;
  totals.admitted_samples += record.samples();
  seen.set_admitted(record.id);
  const auto count = [&](const SampleRecord& sample) {
    if (!sample.end) return;
    ++ended.samples.of(*sample.end);
    reasons.count(*sample.end, sample.reason);
  };
  for (const SampleRecord& sample : record.current) count(sample);
  for (const auto& [sibling, sample] : record.earlier) count(sample);
  if (!reopening.reopened && record.in_flight() == 0) {
    ++ended.prompts.of(*record.end());
    seen.set_finished(record.id, true);
    return;
  }
  repair.reopened_prompts += reopening.reopened ? 1 : 0;
  repair.undone_samples += reopening.undone;
  Entry& entry = open[record.id];
  entry.in_flight = record.in_flight();
  entry.awaited = reopening.reopened;
  entry.record = std::move(record);
  if (reopening.reopened || taken_back) mark_dirty(entry);
}

Result<void> Ledger::State::apply_base(const std::string& text) {
  try {
    const json base = json::parse(text);
    ends_from(base.at("resolved_prompts"), ended.prompts);
    ends_from(base.at("resolved_samples"), ended.samples);
    totals.sequence = base.at("sequence").get<std::uint64_t>();
    totals.next_admission = base.at("next_admission").get<std::uint64_t>();
    totals.admitted_prompts = ended.prompts.ended();
    totals.admitted_samples = ended.samples.ended();
    for (const json& cursor : base.at("cursors")) {
      Dataset& dataset = datasets[cursor.at("dataset").get<std::uint32_t>()];
      dataset.base_next = prompt_from(cursor.at("next"));
      dataset.last = prompt_from(cursor.at("last"));
      for (const json& id : cursor.at("resolved"))
        if (const auto prompt = prompt_from(id)) dataset.base_resolved.push_back(*prompt);
      if (!dataset.base_next && dataset.last) dataset.base_resolved.push_back(*dataset.last);
      for (const PromptId& id : dataset.base_resolved) {
        seen.set_admitted(id);
        seen.set_finished(id, true);
      }
    }
  } catch (const json::exception& exception) {
    return bad_summary(exception.what());
  }
  return {};
}

}  // namespace troupe::ledger
