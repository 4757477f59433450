#pragma once
// MemoryRecorder: keeps what the coordinator records, and holds it against the promises: every
// admitted sample ends exactly once, and nothing that was not admitted ends.
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "actors/runtime/recorder.hpp"
#include "schemas/base/assert.hpp"

namespace troupe::simulations {

class MemoryRecorder final : public runtime::Recorder {
 public:
  Result<std::vector<std::uint16_t>> admitted(const GroupId& group, std::uint64_t number,
                                              Version version, std::uint32_t size) override {
    TROUPE_ASSERT(number == numbers_from + groups.size(), "admission numbers have gaps");
    TROUPE_ASSERT(groups.emplace(group, version).second, "a prompt was admitted twice");
    order.push_back(group);
    for (std::uint32_t i = 0; i < size; ++i) open.insert({group, static_cast<std::uint16_t>(i), 0});
    samples_admitted += size;
    recorded();
    return std::vector<std::uint16_t>();
  }
  Result<void> refilled(const runtime::EndedSample& failed, const SampleId& again) override {
    TROUPE_TRY(ended(failed, steps));
    TROUPE_ASSERT(again.attempt == failed.sample.attempt + 1, "a refill is the next attempt");
    TROUPE_ASSERT(open.insert(again).second, "a refill was made twice");
    ++samples_admitted;
    ++refills;
    return {};
  }
  Result<void> journal(const runtime::BatchRecord& batch) override {
    TROUPE_ASSERT(batch.step == steps + 1, "a batch was journaled for another step");
    batches[batch.step] = batch;
    return {};
  }
  Result<runtime::BatchRecord> journaled(std::uint32_t step) override {
    TROUPE_ASSERT(batches.contains(step), "a step is redone that was not journaled");
    return batches.at(step);
  }
  Result<void> redone(Version version, const runtime::BatchRecord& batch,
                      const std::vector<runtime::EndedSample>& samples) override {
    TROUPE_ASSERT(version.step == batch.step && !samples.empty(), "another step was redone");
    redone_steps.insert(version.step);
    return {};
  }
  Result<void> used(Version, const std::vector<GroupId>& taken) override {
    for (const GroupId& group : taken)
      TROUPE_ASSERT(used_groups.insert(group).second, "a group was trained twice");
    return {};
  }
  Result<void> ended(const runtime::EndedSample& sample, std::uint32_t step) override {
    TROUPE_ASSERT(open.erase(sample.sample) == 1, "a sample ended that was not in flight");
    ++ends[sample.end];
    if (watch) watch(sample);
    recorded();
    if (sample.end == End::Trained) trained_by_step[step].push_back(sample.sample);
    return {};
  }
  Result<void> stepped(Version version, const runtime::Metrics& metrics) override {
    TROUPE_ASSERT(version.step == steps + 1, "steps have gaps");
    steps = version.step;
    staleness_max = std::max(staleness_max, metrics.at("staleness/max"));
    return {};
  }
  Result<void> measured(const std::string& stage, std::uint32_t step,
                        const runtime::Metrics&) override {
    if (stage == "eval") evaluated.push_back(step);
    return {};
  }
  Result<std::filesystem::path> begin_checkpoint(std::uint32_t step) override {
    TROUPE_ASSERT(step <= steps, "a checkpoint of a step that was not taken");
    begun.insert(step);
    return std::filesystem::path("memory");
  }
  Result<void> commit_checkpoint(Version version) override {
    TROUPE_ASSERT(begun.contains(version.step), "a checkpoint was committed that was not begun");
    checkpoints.push_back(version.step);
    return {};
  }
  void note(runtime::Severity, const std::string& stage, const std::string& text) override {
    notes.push_back(stage + ": " + text);
  }
  Result<void> commit() override {
    if (waits_since) behind_max = std::max(behind_max, clock->now() - *waits_since);
    waits_since.reset();
    return {};
  }

  std::uint64_t ended_total() const {
    std::uint64_t total = 0;
    for (const auto& [end, count] : ends) total += count;
    return total;
  }

  std::function<void(const runtime::EndedSample&)> watch;  // sees every end

  std::map<GroupId, Version> groups;
  std::vector<GroupId> order;
  std::set<SampleId> open;
  std::set<GroupId> used_groups;
  std::uint64_t numbers_from = 0;  // of a resumed run
  std::set<std::uint32_t> redone_steps;
  std::map<std::uint32_t, runtime::BatchRecord> batches;
  std::map<End, std::uint64_t> ends;
  std::map<std::uint32_t, std::vector<SampleId>> trained_by_step;
  std::uint64_t samples_admitted = 0, refills = 0;
  std::uint32_t steps = 0;
  double staleness_max = 0;
  std::vector<std::uint32_t> evaluated, checkpoints;
  std::set<std::uint32_t> begun;
  std::vector<std::string> notes;
  const Clock* clock = nullptr;          // to measure how far commits are behind
  std::optional<TimePoint> waits_since;  // of the first thing that is not committed
  Duration behind_max{};

 private:
  void recorded() {
    if (clock != nullptr && !waits_since) waits_since = clock->now();
  }
};

}  // namespace troupe::simulations
