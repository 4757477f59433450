#pragma once
// Admission: the gate's rule, and which groups a step consumes. Staleness is bounded by letting
// groups in, never by throwing them away. Two rules: the flexible one lets groups in as room comes
// free and takes whichever are ready (flexible_admission.cpp); the exact one depends on nothing but
// the order of admission and what became of the groups (exact_admission.hpp). Plain and
// deterministic; owned by the coordinator; not thread-safe.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "schemas/base/ids.hpp"
#include "schemas/base/result.hpp"

namespace troupe::runtime {

struct AdmissionRules {
  std::uint64_t prompts_per_step = 0;  // 0: nothing learns
  std::uint64_t max_staleness = 0;     // steps
  std::uint64_t steps_max = 0;         // of the run; 0: no limit
  std::uint64_t groups_in_flight_max = 1;
  std::uint32_t first_step = 0;       // of a resumed run
  std::uint64_t first_admission = 0;  // number of the first group that is let in
};

class Admission {
 public:
  struct Ticket {
    std::uint64_t number = 0;  // in the order of admission
    std::uint32_t version = 0;  // step of the weights that the group is made with, or older ones
  };

  virtual ~Admission() = default;
  /// Whether one more group may enter now.
  virtual bool open() const = 0;
  /// Enters a group; only when open().
  virtual Ticket admit(const GroupId& group) = 0;
  /// The group is finished and waits at the learner.
  virtual void ready(const GroupId& group) = 0;
  /// The group left without being trained.
  virtual void left(const GroupId& group) = 0;
  /// Groups for the next step, in the order of admission, if they can be taken now. They count as
  /// consumed; one step at a time: the next is given after step_done().
  virtual std::optional<std::vector<GroupId>> take_batch() = 0;
  /// The learner finished the step; its weights, version `step`, are published.
  virtual void step_done(std::uint32_t step) = 0;
  /// Groups admitted that are neither consumed nor gone.
  virtual std::size_t unfinished() const = 0;
  /// Of these, at the learner.
  virtual std::size_t waiting_for_a_step() const = 0;
  /// What a resume needs to let in the same groups with the same versions again; empty when the
  /// rule does not care. Asked for between take_batch and step_done.
  virtual std::string state() const { return {}; }
};

/// Staleness as a bound:
///
///   * a group admitted while the published weights are version v must be consumed by the step that
///     starts from version v + max_staleness at the latest (its deadline);
///   * so at most (v + max_staleness + 1) * prompts_per_step groups may have been let in that are
///     consumed or may still be: the steps 0 .. v + max_staleness have room for exactly those;
///   * a step takes, of the groups that are ready, those with the nearest deadlines, and waits when
///     those left over would not fit into the steps until their deadlines.
///
/// A group that is filtered or fails frees its place. Without a learner only `groups_in_flight_max`
/// limits admission.
std::unique_ptr<Admission> flexible_admission(const AdmissionRules& rules);

}  // namespace troupe::runtime
