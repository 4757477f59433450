#pragma once
// Recorder: where the coordinator writes down what became of everything. A real run puts the
// ledger, the sample log, the checkpoints and the metrics behind it; simulations keep it in memory.
// Called by the coordinator only, one call at a time; calls may block for as long as a commit
// takes. An error ends the run with that error.
#include <filesystem>
#include <string>

#include "actors/runtime/event.hpp"

namespace troupe::runtime {

enum class Severity { Info, Warning, Error };

class Recorder {
 public:
  virtual ~Recorder() = default;
  /// Returns the siblings that have their end already, from a life of the run before this one.
  virtual Result<std::vector<std::uint16_t>> admitted(const GroupId& group, std::uint64_t number,
                                                      Version version,
                                                      std::uint32_t group_size) = 0;
  /// `failed` ended, and `again`, the next attempt at the same sibling, was admitted in its place.
  virtual Result<void> refilled(const EndedSample& failed, const SampleId& again) = 0;
  /// A step consumed these groups; `version` names the weights that it made. The ends of their
  /// samples follow.
  virtual Result<void> used(Version version, const std::vector<GroupId>& groups) = 0;
  /// `step`: the step that trained it, for End::Trained; else the current one.
  virtual Result<void> ended(const EndedSample& sample, std::uint32_t step) = 0;
  virtual Result<void> stepped(Version version, const Metrics& metrics) = 0;
  virtual Result<void> measured(const std::string& stage, std::uint32_t step,
                                const Metrics& metrics) = 0;
  virtual Result<std::filesystem::path> begin_checkpoint(std::uint32_t step) = 0;
  virtual Result<void> commit_checkpoint(Version version) = 0;
  virtual void note(Severity severity, const std::string& stage, const std::string& text) = 0;
  /// Everything so far is durable when this returns.
  virtual Result<void> commit() = 0;
};

}  // namespace troupe::runtime
