#include "actors/runtime/admission.hpp"

#include <map>

#include "schemas/base/rng.hpp"
#include "tests/catch.hpp"

using troupe::GroupId;
using troupe::Rng;
using troupe::runtime::Admission;
using troupe::runtime::AdmissionRules;
using troupe::runtime::flexible_admission;

namespace {

GroupId group(std::uint64_t row) { return {0, 0, row}; }

AdmissionRules rules(std::uint64_t batch, std::uint64_t staleness) {
  AdmissionRules made;
  made.prompts_per_step = batch;
  made.max_staleness = staleness;
  made.groups_in_flight_max = (staleness + 1) * batch;
  return made;
}

}  // namespace

TEST_CASE("on_policy_one_batch_enters_and_no_more_until_its_step_is_published") {
  const auto made_admission = flexible_admission(rules(2, 0));
  Admission& admission = *made_admission;
  CHECK(admission.admit(group(0)).version == 0);
  CHECK(admission.admit(group(1)).version == 0);
  CHECK_FALSE(admission.open());
  admission.ready(group(1));
  CHECK_FALSE(admission.take_batch().has_value());
  admission.ready(group(0));
  const auto batch = admission.take_batch();
  REQUIRE(batch.has_value());
  CHECK(*batch == std::vector<GroupId>{group(0), group(1)});
  CHECK_FALSE(admission.open());  // the weights that step 2 needs do not exist yet
  admission.step_done(1);
  REQUIRE(admission.open());
  CHECK(admission.admit(group(2)).version == 1);
}

TEST_CASE("with_staleness_one_the_next_batch_enters_while_the_first_is_trained") {
  const auto made_admission = flexible_admission(rules(1, 1));
  Admission& admission = *made_admission;
  admission.admit(group(0));
  admission.admit(group(1));
  CHECK_FALSE(admission.open());
  admission.ready(group(0));
  REQUIRE(admission.take_batch().has_value());
  CHECK_FALSE(admission.open());  // steps 1 and 2 have their groups
  admission.step_done(1);
  CHECK(admission.open());
}

TEST_CASE("a_step_waits_for_the_unfinished_group_whose_deadline_it_is") {
  const auto made_admission = flexible_admission(rules(1, 1));
  Admission& admission = *made_admission;
  admission.admit(group(0));
  admission.admit(group(1));
  admission.ready(group(1));
  REQUIRE(admission.take_batch().has_value());  // deadline of group 0 is the next step
  admission.step_done(1);
  admission.admit(group(2));
  admission.ready(group(2));
  CHECK_FALSE(admission.take_batch().has_value());
  admission.ready(group(0));
  const auto batch = admission.take_batch();
  REQUIRE(batch.has_value());
  CHECK(batch->front() == group(0));
}

TEST_CASE("a_group_that_leaves_frees_its_place") {
  const auto made_admission = flexible_admission(rules(2, 0));
  Admission& admission = *made_admission;
  admission.admit(group(0));
  admission.admit(group(1));
  CHECK_FALSE(admission.open());
  admission.left(group(0));
  CHECK(admission.open());
  admission.ready(group(1));
  admission.left(group(1));  // dropped behind the learner's door
  CHECK(admission.unfinished() == 0);
}

TEST_CASE("no_more_groups_enter_than_the_steps_of_the_run_can_use") {
  AdmissionRules made = rules(2, 3);
  made.steps_max = 1;
  const auto made_admission = flexible_admission(made);
  Admission& admission = *made_admission;
  admission.admit(group(0));
  admission.admit(group(1));
  CHECK_FALSE(admission.open());
}

TEST_CASE("a_resumed_run_goes_on_with_its_step_numbers") {
  AdmissionRules made = rules(1, 0);
  made.first_step = 7;
  const auto made_admission = flexible_admission(made);
  Admission& admission = *made_admission;
  CHECK(admission.admit(group(0)).version == 7);
  admission.ready(group(0));
  REQUIRE(admission.take_batch().has_value());
  admission.step_done(8);
  CHECK(admission.admit(group(1)).version == 8);
}

TEST_CASE("no_order_of_events_trains_a_group_past_its_deadline_or_gets_stuck") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Rng rng(seed);
    const std::uint64_t batch = 1 + rng.below(4), staleness = rng.below(4);
    const auto made_admission = flexible_admission(rules(batch, staleness));
  Admission& admission = *made_admission;
    std::map<GroupId, std::uint32_t> admitted, ready;
    std::uint64_t next = 0, steps = 0;
    bool training = false;
    int idle = 0;
    while (steps < 30) {
      REQUIRE(++idle < 10000);
      switch (rng.below(4)) {
        case 0:
          if (admission.open()) {
            admitted[group(next)] = admission.admit(group(next)).version;
            ++next;
          }
          break;
        case 1:
          if (!admitted.empty()) {
            auto it = std::next(admitted.begin(), static_cast<long>(rng.below(admitted.size())));
            if (rng.below(5) == 0) {
              admission.left(it->first);
            } else {
              admission.ready(it->first);
              ready.insert(*it);
            }
            admitted.erase(it);
          }
          break;
        case 2:
          if (const auto taken = admission.take_batch()) {
            REQUIRE_FALSE(training);
            REQUIRE(taken->size() == batch);
            for (const GroupId& id : *taken) {
              REQUIRE(ready.at(id) + staleness >= steps);
              ready.erase(id);
            }
            training = true;
          }
          break;
        default:
          if (training) {
            admission.step_done(static_cast<std::uint32_t>(++steps));
            training = false;
            idle = 0;
          }
      }
    }
  }
}
