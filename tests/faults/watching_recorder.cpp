#include "tests/faults/watching_recorder.hpp"

#include <algorithm>

#include "schemas/base/assert.hpp"
#include "schemas/base/rng.hpp"

namespace troupe::test {

using What = Fact::What;

std::map<std::string, std::string> checkpoint_files(std::uint32_t step) {
  std::map<std::string, std::string> files;
  for (const char* name : {"model/model.safetensors", "model/config.json", "optimizer/state"}) {
    Rng rng(step, files.size());
    std::string& content = files[name];
    for (std::uint64_t i = 100 + rng.below(1500); i > 0; --i)
      content += static_cast<char>('a' + rng.below(26));
  }
  return files;
}

Result<std::vector<std::uint16_t>> WatchingRecorder::admitted(const GroupId& group,
                                                              std::uint64_t number, Version version,
                                                              std::uint32_t size) {
  auto kept = noted(inner_.admitted(group, number, version, size),
                    {What::Admitted, 0, {group, 0, 0}, size, End::Failed, 0, {}});
  if (!kept.ok()) return kept;
  std::vector<std::uint16_t> expected;
  const Books::Prompt& prompt = books_.prompts().at(group);
  for (std::uint16_t i = 0; i < prompt.slots.size(); ++i)
    if (prompt.slots[i].end) expected.push_back(i);
  TROUPE_ASSERT(*kept == expected, "other siblings were kept: " + to_string(group));
  return kept;
}

Result<void> WatchingRecorder::refilled(const runtime::EndedSample& failed, const SampleId& again) {
  return noted(inner_.refilled(failed, again),
               {What::Refilled, 0, failed.sample, 0, failed.end, 0, {}});
}

Result<void> WatchingRecorder::journal(const runtime::BatchRecord& batch) {
  TROUPE_TRY(inner_.journal(batch));
  journaled_until_ = batch.step;
  return {};
}

// What the books lack of a redone step, one event of the ledger after another.
std::vector<Fact> WatchingRecorder::lacking_of(
    Version version, const runtime::BatchRecord& batch,
    const std::vector<runtime::EndedSample>& samples) const {
  std::vector<Fact> lacking;
  std::vector<PromptId> unused;
  std::set<SampleId> open;  // of this batch, after it caught up
  for (const auto& group : batch.groups) {
    const auto use = books_.uses().find(group.id);
    TROUPE_ASSERT(use == books_.uses().end() || use->second == version.step,
                  "trained by two steps: " + to_string(group.id));
    if (!books_are_whole_) {
      if (use == books_.uses().end()) unused.push_back(group.id);
      continue;
    }
    const auto known = books_.prompts().find(group.id);
    const bool fresh = known == books_.prompts().end();
    if (!fresh && !known->second.open()) continue;
    if (fresh)
      lacking.push_back({What::Admitted, 0, {group.id, 0, 0}, group_size_, End::Failed, 0, {}});
    for (std::uint16_t i = 0; i < group_size_; ++i) {
      const Books::Slot slot = fresh ? Books::Slot() : known->second.slots.at(i);
      if (slot.end) continue;
      const auto trained =
          std::find_if(samples.begin(), samples.end(), [&](const runtime::EndedSample& sample) {
            return sample.sample.prompt == group.id && sample.sample.sibling == i;
          });
      SampleId id{group.id, i, slot.attempt};
      if (trained == samples.end()) {
        lacking.push_back({What::Ended, 0, id, 0, End::Failed, 0, {}});
        continue;
      }
      for (; id.attempt < trained->sample.attempt; ++id.attempt)
        lacking.push_back({What::Refilled, 0, id, 0, End::Failed, 0, {}});
      open.insert(id);
    }
    if (use == books_.uses().end()) unused.push_back(group.id);
  }
  if (!unused.empty()) lacking.push_back({What::Used, 0, {}, 0, End::Failed, version.step, unused});
  for (const runtime::EndedSample& sample : samples)
    if (open.contains(sample.sample))
      lacking.push_back({What::Ended, 0, sample.sample, 0, sample.end, version.step, {}});
  return lacking;
}

Result<void> WatchingRecorder::redone(Version version, const runtime::BatchRecord& batch,
                                      const std::vector<runtime::EndedSample>& samples) {
  std::vector<Fact> lacking = lacking_of(version, batch, samples);
  const auto done = inner_.redone(version, batch, samples);
  const std::uint64_t sequence = inner_.ledger().sequence();
  TROUPE_ASSERT(!done.ok() || !books_are_whole_ || sequence == last_ + lacking.size(),
                "a redone step recorded other events than it lacked");
  for (Fact& fact : lacking) {
    if (books_are_whole_ && last_ == sequence) break;
    fact.sequence = books_are_whole_ ? ++last_ : sequence;
    books_.add(std::move(fact));
  }
  last_ = sequence;
  if (done.ok()) ++steps_redone_;
  return done;
}

Result<void> WatchingRecorder::used(Version version, const std::vector<GroupId>& groups) {
  return noted(inner_.used(version, groups),
               {What::Used, 0, {}, 0, End::Failed, version.step, groups});
}

Result<void> WatchingRecorder::ended(const runtime::EndedSample& sample, std::uint32_t step) {
  return noted(
      inner_.ended(sample, step),
      {What::Ended, 0, sample.sample, 0, sample.end, sample.end == End::Trained ? step : 0, {}});
}

Result<std::filesystem::path> WatchingRecorder::begin_checkpoint(std::uint32_t step) {
  TROUPE_ASSIGN(begun_[step], inner_.begin_checkpoint(step));
  return begun_.at(step);
}

Result<void> WatchingRecorder::commit_checkpoint(Version version) {
  const std::filesystem::path folder = begun_.at(version.step);
  for (const auto& [name, content] : checkpoint_files(version.step)) {
    TROUPE_TRY(disk_.make_directories((folder / name).parent_path()));
    TROUPE_ASSIGN(auto file, disk_.create(folder / name));
    TROUPE_TRY(file->write(std::string_view(content)));
  }
  TROUPE_TRY(inner_.commit_checkpoint(version));
  synced_ = inner_.ledger().commit_stats().sequence;
  checkpoint_ = version.step;
  return {};
}

Result<void> WatchingRecorder::end_left_over() {
  auto ended = noted(inner_.ledger().end_left_over("the run ended"),
                     {What::EndedLeftOver, 0, {}, 0, End::LeftOver, 0, {}});
  if (!ended.ok()) return ended.error();
  return {};
}

}  // namespace troupe::test
