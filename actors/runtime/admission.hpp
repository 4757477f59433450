#pragma once
// Admission: the gate's rule, and which groups a step consumes. Staleness is bounded by letting
// groups in, never by throwing them away:
//
//   * a group admitted while the published weights are version v must be consumed by the step that
//     starts from version v + max_staleness at the latest (its deadline);
//   * so at most (v + max_staleness + 1) * prompts_per_step groups may have been let in that are
//     consumed or may still be: the steps 0 .. v + max_staleness have room for exactly those;
//   * a step takes, of the groups that are ready, those with the nearest deadlines, and waits when
//     those left over would not fit into the steps until their deadlines.
//
// A group that is filtered or fails frees its place. Without a learner only `groups_in_flight_max`
// limits admission. Plain and deterministic; owned by the coordinator; not thread-safe.
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "schemas/base/ids.hpp"

namespace troupe::runtime {

class Admission {
 public:
  struct Rules {
    std::uint64_t prompts_per_step = 0;  // 0: nothing learns
    std::uint64_t max_staleness = 0;     // steps
    std::uint64_t steps_max = 0;         // of the run; 0: no limit
    std::uint64_t groups_in_flight_max = 1;
    std::uint32_t first_step = 0;  // of a resumed run
  };
  explicit Admission(const Rules& rules)
      : rules_(rules), published_(rules.first_step), taken_steps_(rules.first_step) {}

  /// Whether one more group may enter now.
  bool open() const;
  /// Enters a group; only when open(). Returns its version: the published one.
  std::uint32_t admit(const GroupId& group);
  /// The group is finished and waits at the learner.
  void ready(const GroupId& group);
  /// The group left without being trained.
  void left(const GroupId& group);
  /// Groups for the next step, nearest deadline first, if they can be taken now. They count as
  /// consumed; one step at a time: the next is given after step_done().
  std::optional<std::vector<GroupId>> take_batch();
  /// The learner finished the step; its weights, version `step`, are published.
  void step_done(std::uint32_t step);

  std::uint32_t published() const { return published_; }
  std::size_t unfinished() const { return live_.size(); }
  /// Of these, at the learner.
  std::size_t waiting_for_a_step() const { return ready_count_; }
  std::uint64_t admitted() const { return next_number_; }

 private:
  struct Live {
    std::uint64_t number = 0;
    std::uint32_t version = 0;
    bool ready = false;
  };
  Rules rules_;
  std::uint64_t next_number_ = 0;
  std::uint32_t published_;
  std::uint64_t taken_steps_;  // steps whose groups were taken
  bool training_ = false;
  std::unordered_map<GroupId, Live> live_;      // admitted, not consumed, not left
  std::map<std::uint64_t, GroupId> by_number_;  // the same by admission; versions ascend with it
  std::size_t ready_count_ = 0;
};

}  // namespace troupe::runtime
