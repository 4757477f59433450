#pragma once
// Recorder: where the coordinator writes down what became of everything. A real run puts the
// ledger, the sample log, the checkpoints and the metrics behind it; simulations keep it in memory.
// Called by the coordinator only, one call at a time; calls may block for as long as a commit
// takes. An error ends the run with that error.
#include <filesystem>
#include <string>

#include "actors/runtime/event.hpp"

namespace troupe::runtime {

/// The batch of one step, as the journal keeps it: with it, the checkpoint before it and the same
/// program the step can be redone.
struct BatchRecord {
  struct Group {
    GroupId id;
    std::uint64_t number = 0;  // of admission
    Version version;           // at admission
    Payload message;           // encoded Group
  };
  std::uint32_t step = 0;
  std::vector<Group> groups;
  std::string gate;  // Admission::state()
};

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
  // The journal. What cannot be resumed needs none.
  /// A step is about to train this batch. On disk before the step can be recorded as taken.
  virtual Result<void> journal(const BatchRecord& /*batch*/) { return {}; }
  /// The batch of that step, from a life of the run before this one.
  virtual Result<BatchRecord> journaled(std::uint32_t /*step*/) {
    return Error{ErrorCode::NotFound, "there is no journal", ""};
  }
  /// A journaled step was trained again after a resume: records whatever of it the life before had
  /// not recorded yet.
  virtual Result<void> redone(Version /*version*/, const BatchRecord& /*batch*/,
                              const std::vector<EndedSample>& /*samples*/) {
    return {};
  }
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
