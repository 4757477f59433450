#pragma once
// Exact admission: which groups enter, with which weights, and which step trains them, as a
// function of nothing but the order of the prompts and of what became of each group (DESIGN 4.9).
//
// Groups are examined in the order of admission, and the examination stops while a step trains:
//   * a finished group joins the batch; a full batch is a step;
//   * a group that died is replaced by one more at the end, with the newest weights;
//   * a step that made version v lets one more batch in, to be generated with exactly v.
// So at the moment when v is published (max_staleness + 1) batches are ahead of the examination,
// the oldest of them made with version v - max_staleness, and every timing of generators, verifiers
// and learner gives the same run. Generation and training overlap as far as those batches reach.
#include <deque>
#include <map>
#include <set>
#include <unordered_map>

#include "actors/runtime/admission.hpp"

namespace troupe::runtime {

/// What a resumed run knows of the groups that were admitted before it, besides the state that the
/// last batch was journaled with.
struct ExactResume {
  std::string state;         // Admission::state() at the last step; empty: from the beginning
  std::set<std::uint64_t> dead;  // numbers from that state on of groups that left untrained
};

/// The oldest version that a group still to be trained was admitted with, after the step whose
/// batch was journaled with `state`; that step itself when there is none. Corrupt: unreadable.
Result<std::uint32_t> oldest_version_needed(const std::string& state, std::uint32_t step);
/// Number of the first group that the steps so far have not examined. Corrupt: unreadable.
Result<std::uint64_t> first_unexamined(const std::string& state);

class ExactAdmission final : public Admission {
 public:
  /// Corrupt when the state to resume from is unreadable or belongs to another run.
  static Result<std::unique_ptr<ExactAdmission>> make(const AdmissionRules& rules,
                                                      const ExactResume& resume);

  bool open() const override { return next_ < granted_; }
  Ticket admit(const GroupId& group) override;
  void ready(const GroupId& group) override;
  void left(const GroupId& group) override;
  std::optional<std::vector<GroupId>> take_batch() override;
  void step_done(std::uint32_t step) override;
  std::size_t unfinished() const override { return numbers_.size(); }
  std::size_t waiting_for_a_step() const override;
  std::string state() const override;

 private:
  enum class Fate { Open, Ready, Dead };
  struct Known {
    GroupId group;
    Fate fate = Fate::Open;
  };
  explicit ExactAdmission(const AdmissionRules& rules) : rules_(rules) {}
  void grant(std::uint64_t groups);
  void grant_for(std::uint32_t published);
  void skip_dead_numbers();

  AdmissionRules rules_;
  std::uint64_t examined_ = 0;  // groups below have been trained or are known to be dead
  std::uint64_t next_ = 0;      // number of the next group to enter
  std::uint64_t granted_ = 0;   // groups below may enter
  std::map<std::uint64_t, std::uint32_t> versions_;  // from this number on: made with that version
  std::uint32_t published_ = 0;
  bool training_ = false;
  std::vector<GroupId> batch_;            // ready groups that were examined, of the next step
  std::map<std::uint64_t, Known> known_;  // entered, not examined
  std::unordered_map<GroupId, std::uint64_t> numbers_;  // entered, neither consumed nor gone
};

}  // namespace troupe::runtime
