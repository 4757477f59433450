#include <map>
#include <unordered_map>

#include "actors/runtime/admission.hpp"
#include "schemas/base/assert.hpp"

namespace troupe::runtime {
namespace {

class FlexibleAdmission final : public Admission {
 public:
  explicit FlexibleAdmission(const AdmissionRules& rules)
      : rules_(rules),
        next_number_(rules.first_admission),
        published_(rules.first_step),
        taken_steps_(rules.first_step) {}

  bool open() const override;
  Ticket admit(const GroupId& group) override;
  void ready(const GroupId& group) override;
  void left(const GroupId& group) override;
  std::optional<std::vector<GroupId>> take_batch() override;
  void step_done(std::uint32_t step) override;
  std::size_t unfinished() const override { return live_.size(); }
  std::size_t waiting_for_a_step() const override { return ready_count_; }

 private:
  struct Live {
    std::uint64_t number = 0;
    std::uint32_t version = 0;
    bool ready = false;
  };
  AdmissionRules rules_;
  std::uint64_t next_number_;
  std::uint32_t published_;
  std::uint64_t taken_steps_;  // steps whose groups were taken
  bool training_ = false;
  std::unordered_map<GroupId, Live> live_;      // admitted, not consumed, not left
  std::map<std::uint64_t, GroupId> by_number_;  // the same by admission; versions ascend with it
  std::size_t ready_count_ = 0;
};

bool FlexibleAdmission::open() const {
  if (live_.size() >= rules_.groups_in_flight_max) return false;
  if (rules_.prompts_per_step == 0) return true;
  // Counted in steps: `taken_steps_` have their groups; `live_` need ceil(live / batch) more.
  std::uint64_t steps_allowed = published_ + rules_.max_staleness + 1;
  if (rules_.steps_max > 0 && steps_allowed > rules_.steps_max) steps_allowed = rules_.steps_max;
  if (steps_allowed <= taken_steps_) return false;
  return live_.size() < (steps_allowed - taken_steps_) * rules_.prompts_per_step;
}

Admission::Ticket FlexibleAdmission::admit(const GroupId& group) {
  TROUPE_ASSERT(open(), "a group was admitted through a closed gate");
  const std::uint64_t number = next_number_++;
  const bool fresh = live_.emplace(group, Live{number, published_, false}).second;
  TROUPE_ASSERT(fresh, "a group was admitted twice: " + to_string(group));
  by_number_.emplace(number, group);
  return {number, published_};
}

void FlexibleAdmission::ready(const GroupId& group) {
  const auto it = live_.find(group);
  TROUPE_ASSERT(it != live_.end() && !it->second.ready, "ready twice or never admitted");
  it->second.ready = true;
  ++ready_count_;
}

void FlexibleAdmission::left(const GroupId& group) {
  const auto it = live_.find(group);
  if (it == live_.end()) return;  // consumed by a step
  if (it->second.ready) --ready_count_;
  by_number_.erase(it->second.number);
  live_.erase(it);
}

std::optional<std::vector<GroupId>> FlexibleAdmission::take_batch() {
  const std::uint64_t batch = rules_.prompts_per_step;
  if (batch == 0 || training_ || ready_count_ < batch) return std::nullopt;
  std::vector<GroupId> groups;
  // Versions ascend with admission numbers, so deadlines do too. The nearest deadlines are taken
  // first, of those that are ready; what is left must still fit into the steps until its deadline,
  // or this step waits for one of them.
  std::uint64_t left = 0;
  for (const auto& [number, group] : by_number_) {
    const Live& live = live_.at(group);
    const std::uint64_t deadline = live.version + rules_.max_staleness;
    TROUPE_ASSERT(deadline >= taken_steps_, "a group outlived its deadline: " + to_string(group));
    if (live.ready && groups.size() < batch)
      groups.push_back(group);
    else if (++left > (deadline - taken_steps_) * batch)
      return std::nullopt;
  }
  if (groups.size() < batch) return std::nullopt;
  for (const GroupId& group : groups) {
    by_number_.erase(live_.at(group).number);
    live_.erase(group);
    --ready_count_;
  }
  ++taken_steps_;
  training_ = true;
  return groups;
}

void FlexibleAdmission::step_done(std::uint32_t step) {
  TROUPE_ASSERT(training_ && step == taken_steps_, "a step ended that was not the one begun");
  training_ = false;
  published_ = step;
}

}  // namespace

std::unique_ptr<Admission> flexible_admission(const AdmissionRules& rules) {
  return std::make_unique<FlexibleAdmission>(rules);
}

}  // namespace troupe::runtime
