// Joins, groups, credit and queues by themselves.
#include "actors/runtime/credit.hpp"
#include "actors/runtime/edge_queue.hpp"
#include "actors/runtime/group_assembler.hpp"
#include "actors/runtime/join.hpp"
#include "actors/runtime/restart_policy.hpp"
#include "schemas/messages.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::runtime;

namespace {

SampleId sample_id(std::uint64_t row, std::uint16_t sibling) { return {{0, 0, row}, sibling, 0}; }

Envelope judged(const SampleId& id, const std::string& by) {
  Sample sample;
  sample.id = id;
  sample.verdicts = {{"earlier", Outcome::Scored, 0.5, "", 1}, {by, Outcome::Scored, 1.0, "", 1}};
  return envelope_of(sample, Version{});
}

Envelope numbered(std::uint32_t epoch, std::uint64_t sequence) {
  Envelope envelope;
  envelope.producer_epoch = epoch;
  envelope.sequence = sequence;
  return envelope;
}

}  // namespace

TEST_CASE("a_join_gives_a_sample_on_once_with_the_verdicts_of_all_branches") {
  Join join(2);
  CHECK_FALSE(join.arrive(1, judged(sample_id(1, 0), "b"))->has_value());
  CHECK(join.waiting() == 1);
  CHECK(join.example()->second == std::vector<std::size_t>{0});
  const auto joined = join.arrive(0, judged(sample_id(1, 0), "a"));
  REQUIRE(joined->has_value());
  const auto sample = decode_sample((*joined)->payload);
  REQUIRE(sample->verdicts.size() == 3);  // what both branches saw is there once
  CHECK(sample->verdicts[1].component == "a");
  CHECK(sample->verdicts[2].component == "b");
  CHECK(join.waiting() == 0);
}

TEST_CASE("a_join_never_waits_for_the_dead") {
  Join join(2);
  const Tombstone dead{End::Failed, "it broke", "a"};
  CHECK_FALSE(join.arrive(0, envelope_of(dead, sample_id(1, 0), Version{}, false))->has_value());
  const auto joined = join.arrive(1, judged(sample_id(1, 0), "b"));
  REQUIRE(joined->has_value());
  CHECK((*joined)->type == MessageType::Tombstone);
}

TEST_CASE("a_group_is_whole_when_every_slot_has_its_sample_or_is_closed") {
  GroupAssembler assembler(3, 2);
  CHECK_FALSE(assembler.arrive(judged(sample_id(1, 2), "a")).has_value());
  CHECK_FALSE(assembler.close(sample_id(1, 1)).has_value());
  CHECK(assembler.example()->second == 1);
  const auto whole = assembler.arrive(judged(sample_id(1, 0), "a"));
  REQUIRE(whole.has_value());
  CHECK(whole->samples.size() == 2);
  CHECK(whole->samples[0].sample.sibling == 0);
  CHECK(whole->missing == 1);
  CHECK_FALSE(whole->abandoned);
  CHECK(assembler.waiting() == 0);
}

TEST_CASE("a_group_with_fewer_than_two_samples_has_nothing_to_compare") {
  GroupAssembler assembler(2, 2);
  assembler.close(sample_id(1, 1));
  CHECK(assembler.arrive(judged(sample_id(1, 0), "a"))->abandoned);
}

TEST_CASE("credit_bounds_items_and_bytes_and_lets_one_large_item_through") {
  Credit credit(2, 100);
  CHECK(credit.allows(1000));  // alone, whatever its size
  credit.spend(90);
  CHECK_FALSE(credit.allows(20));
  CHECK(credit.allows(10));
  credit.spend(10);
  CHECK_FALSE(credit.allows(0));
  credit.grant(1, 90);
  CHECK(credit.allows(90));
}

TEST_CASE("a_queue_drops_what_it_has_seen_and_accepts_a_restarted_producer") {
  EdgeQueue queue(10);
  CHECK(queue.push(numbered(1, 1)));
  CHECK(queue.push(numbered(1, 2)));
  CHECK_FALSE(queue.push(numbered(1, 2)));
  CHECK_FALSE(queue.push(numbered(1, 1)));
  CHECK(queue.push(numbered(2, 1)));
  CHECK_FALSE(queue.push(numbered(1, 3)));
  CHECK(queue.size() == 3);
}

TEST_CASE("restarts_back_off_and_end_when_they_come_too_often") {
  using std::chrono::milliseconds;
  using std::chrono::minutes;
  RestartPolicy policy(RestartPolicy::Rules{2, minutes(1), milliseconds(100)});
  CHECK(policy.failed(minutes(10)) == Duration(milliseconds(100)));
  CHECK(policy.failed(minutes(10)) == Duration(milliseconds(200)));
  CHECK_FALSE(policy.failed(minutes(10)).has_value());
  CHECK(policy.failed(minutes(20)).has_value());  // long ago counts no more
}
