#include "actors/runtime/exact_admission.hpp"

#include <map>

#include "schemas/base/rng.hpp"
#include "tests/catch.hpp"

using troupe::GroupId;
using troupe::Rng;
using namespace troupe::runtime;

namespace {

GroupId group(std::uint64_t row) { return {0, 0, row}; }

AdmissionRules rules(std::uint64_t batch, std::uint64_t staleness, std::uint64_t steps) {
  AdmissionRules made;
  made.prompts_per_step = batch;
  made.max_staleness = staleness;
  made.steps_max = steps;
  return made;
}

/// Everything that a run of the gate decides.
struct Decisions {
  std::map<std::uint64_t, std::uint32_t> versions;         // by number
  std::map<std::uint32_t, std::vector<GroupId>> batches;   // by step
  std::map<std::uint32_t, std::string> states;             // journaled with the batch
  bool operator==(const Decisions&) const = default;
};

/// Drives the gate with groups that die or not by `dies`, in an order of events drawn from `rng`,
/// from `step` on.
Decisions drive(const AdmissionRules& rules, const ExactResume& resume, Rng& rng,
                const std::function<bool(std::uint64_t)>& dies) {
  auto made = ExactAdmission::make(rules, resume);
  REQUIRE(made.ok());
  Admission& admission = **made;
  Decisions decisions;
  std::vector<std::pair<GroupId, std::uint64_t>> running;
  std::uint64_t next_row = rules.first_step == 0 ? 0 : *first_unexamined(resume.state);
  std::uint32_t step = rules.first_step;
  bool training = false;
  for (int idle = 0; step < rules.steps_max;) {
    REQUIRE(++idle < 10000);
    switch (rng.below(4)) {
      case 0:
        while (resume.dead.contains(next_row)) ++next_row;  // the dataset skips them
        if (admission.open()) {
          const auto ticket = admission.admit(group(next_row));
          REQUIRE(ticket.number == next_row);  // prompts enter in the order of the dataset
          decisions.versions[ticket.number] = ticket.version;
          running.emplace_back(group(next_row), ticket.number);
          ++next_row;
        }
        break;
      case 1:
        if (!running.empty()) {
          const auto it = running.begin() + static_cast<long>(rng.below(running.size()));
          if (dies(it->second))
            admission.left(it->first);
          else
            admission.ready(it->first);
          running.erase(it);
        }
        break;
      case 2:
        if (auto batch = admission.take_batch()) {
          REQUIRE_FALSE(training);
          training = true;
          for (const GroupId& id : *batch) {
            const auto version = decisions.versions.find(id.row);
            REQUIRE(version != decisions.versions.end());
            REQUIRE(version->second <= step);
            REQUIRE(version->second + rules.max_staleness >= step);
          }
          decisions.batches[step + 1] = *batch;
          decisions.states[step + 1] = admission.state();
        }
        break;
      default:
        if (training) {
          admission.step_done(++step);
          training = false;
          idle = 0;
        }
    }
  }
  return decisions;
}

}  // namespace

TEST_CASE("exact_admission_decides_alike_whatever_the_timing") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Rng shape(seed);
    const AdmissionRules made = rules(1 + shape.below(4), shape.below(4), 8);
    const std::uint64_t chance = shape.below(4);
    const auto dies = [&](std::uint64_t number) {
      return chance > 0 && Rng(seed, number).below(4) < chance - (chance > 2 ? 1 : 0);
    };
    Rng first(seed, 100), second(seed, 200);
    const Decisions one = drive(made, {}, first, dies);
    const Decisions other = drive(made, {}, second, dies);
    INFO("seed " << seed);
    CHECK(one.batches == other.batches);
    CHECK(one.states == other.states);
    // One of the two may have let in a group that no step needed any more.
    for (const auto& [number, version] : one.versions) {
      if (other.versions.contains(number)) CHECK(other.versions.at(number) == version);
    }
  }
}

TEST_CASE("exact_admission_goes_on_from_a_journaled_state_as_if_nothing_had_happened") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Rng shape(seed, 7);
    const AdmissionRules made = rules(1 + shape.below(4), shape.below(4), 9);
    const auto dies = [&](std::uint64_t number) { return Rng(seed, number).below(3) == 0; };
    Rng first(seed, 100);
    const Decisions whole = drive(made, {}, first, dies);
    const auto cut = static_cast<std::uint32_t>(1 + shape.below(8));
    AdmissionRules rest = made;
    rest.first_step = cut;
    ExactResume resume{whole.states.at(cut), {}};
    const auto from = first_unexamined(resume.state);
    REQUIRE(from.ok());
    rest.first_admission = *from;
    // Of the groups beyond, the life before knew the end of some.
    for (const auto& [number, version] : whole.versions) {
      if (number >= *from && number < *from + 6 && dies(number) && shape.below(2) == 0)
        resume.dead.insert(number);
    }
    const auto oldest = oldest_version_needed(resume.state, cut);
    REQUIRE(oldest.ok());
    Rng second(seed, 300);
    const Decisions again = drive(rest, resume, second, dies);
    INFO("seed " << seed << " cut at " << cut);
    for (const auto& [step, batch] : again.batches) {
      CHECK(batch == whole.batches.at(step));
      CHECK(again.states.at(step) == whole.states.at(step));
    }
    CHECK(again.batches.size() == made.steps_max - cut);
    for (const auto& [number, version] : again.versions) {
      CHECK(version >= *oldest);
      if (whole.versions.contains(number)) CHECK(whole.versions.at(number) == version);
    }
  }
}

TEST_CASE("an_exact_gate_refuses_a_state_that_cannot_be") {
  const AdmissionRules made = rules(2, 1, 8);
  for (const char* text : {"x", "1", "1 2", "5 2 0:0", "1 2 3:0", "1 2 0:0 x", "1 2 0:", "1  2"}) {
    INFO(text);
    CHECK_FALSE(ExactAdmission::make(made, {text, {}}).ok());
    CHECK_FALSE(oldest_version_needed(text, 3).ok());
  }
  AdmissionRules later = made;
  later.first_step = 3;
  CHECK_FALSE(ExactAdmission::make(later, {}).ok());
}
