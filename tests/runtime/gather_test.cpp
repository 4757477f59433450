// Groups kept together, joins within joins, and tasks of routes, by themselves.
#include "actors/runtime/group_gatherer.hpp"
#include "actors/runtime/task_filter.hpp"
#include "schemas/messages.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::runtime;

namespace {

Envelope sample(std::uint64_t row, std::uint16_t sibling, std::uint16_t attempt = 0) {
  Envelope envelope;
  envelope.type = MessageType::Sample;
  envelope.sample = {{0, 0, row}, sibling, attempt};
  return envelope;
}

Envelope dead(std::uint64_t row, std::uint16_t sibling) {
  return envelope_of(Tombstone{End::Failed, "", ""}, {{0, 0, row}, sibling, 0}, {}, false);
}

}  // namespace

TEST_CASE("a_group_goes_on_when_all_siblings_have_come_and_the_dead_come_last") {
  GroupGatherer gatherer(3);
  CHECK(gatherer.arrive(sample(1, 2)).empty());
  CHECK(gatherer.arrive(sample(2, 0)).empty());
  CHECK(gatherer.arrive(dead(1, 0)).empty());
  CHECK(gatherer.waiting() == 2);
  const auto whole = gatherer.arrive(sample(1, 1));
  REQUIRE(whole.size() == 3);
  CHECK(whole[0].sample.sibling == 1);
  CHECK(whole[1].sample.sibling == 2);
  CHECK(whole[2].type == MessageType::Tombstone);
  CHECK(gatherer.waiting() == 1);
  CHECK(gatherer.example() == std::pair(GroupId{0, 0, 2}, 2u));
}

TEST_CASE("a_sample_that_was_made_anew_comes_by_itself") {
  GroupGatherer gatherer(2);
  CHECK(gatherer.arrive(dead(1, 0)).empty());
  CHECK(gatherer.arrive(sample(1, 0, 1)).size() == 1);
  CHECK(gatherer.arrive(sample(1, 1)).size() == 2);
}

TEST_CASE("a_filter_takes_its_tasks_and_else_takes_the_others") {
  const TaskFilter all{std::nullopt};
  const TaskFilter some{graphs::TaskSet{{"code", "math"}, false}};
  const TaskFilter others{graphs::TaskSet{{"code", "math"}, true}};
  for (const char* task : {"code", "math", "chat", ""}) {
    const bool named = std::string(task) == "code" || std::string(task) == "math";
    CHECK(all.takes(task_key(task)));
    CHECK(some.takes(task_key(task)) == named);
    CHECK(others.takes(task_key(task)) != named);
  }
  CHECK_FALSE(TaskFilter(graphs::TaskSet{{}, false}).takes(task_key("math")));
}
