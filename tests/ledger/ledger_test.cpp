#include "actors/ledger/ledger.hpp"

#include <nlohmann/json.hpp>

#include "tests/ledger/fixtures.hpp"

using namespace troupe;
using namespace troupe::ledger;
using namespace troupe::test;

namespace {

std::unique_ptr<Ledger> in_memory() {
  auto ledger = Ledger::create({});
  REQUIRE_OK(ledger);
  return std::move(ledger).value();
}

PromptId prompt(std::uint64_t row, std::uint32_t epoch = 0) { return {0, epoch, row}; }

Admission admission(const Ledger& ledger, PromptId id, std::uint16_t group_size = 2) {
  return {id, ledger.next_admission(), {0, 3}, group_size};
}

void end_group(Ledger& ledger, PromptId id, std::uint16_t group_size, End end,
               std::string_view reason, std::uint32_t step = 0) {
  for (std::uint16_t sibling = 0; sibling < group_size; ++sibling)
    REQUIRE_OK(ledger.end({id, sibling, 0}, end, reason, step));
}

}  // namespace

TEST_CASE("every_admitted_sample_is_in_flight_until_its_one_end") {
  auto ledger = in_memory();
  REQUIRE_OK(ledger->admit(admission(*ledger, prompt(5))));
  CHECK(ledger->accounts().samples.text() == "2 admitted = 0 trained + 2 in flight");
  REQUIRE_OK(ledger->end({prompt(5), 0, 0}, End::Trained, "", 1));
  CHECK(ledger->accounts().prompts.in_flight == 1);
  REQUIRE_OK(ledger->end({prompt(5), 1, 0}, End::Filtered, "all rewards equal"));
  const Accounts accounts = ledger->accounts();
  CHECK(accounts.holds());
  CHECK(accounts.samples.text() == "2 admitted = 1 trained + 1 filtered + 0 in flight");
  CHECK(accounts.prompts.text() == "1 admitted = 1 trained + 0 in flight");
  CHECK(ledger->is_resolved(prompt(5)));
}

TEST_CASE("a_second_end_of_a_sample_is_refused_and_changes_nothing") {
  auto ledger = in_memory();
  REQUIRE_OK(ledger->admit(admission(*ledger, prompt(1))));
  REQUIRE_OK(ledger->end({prompt(1), 0, 0}, End::Failed, "engine gone"));
  const Accounts before = ledger->accounts();
  const auto again = ledger->end({prompt(1), 0, 0}, End::Trained, "", 1);
  REQUIRE(!again.ok());
  CHECK(again.error().code == ErrorCode::Internal);
  CHECK(again.error().message == "sample 0.0.1/0 cannot end: it has ended already");
  CHECK(ledger->accounts() == before);
  // Also when the whole prompt is done and forgotten.
  REQUIRE_OK(ledger->end({prompt(1), 1, 0}, End::Failed, "engine gone"));
  CHECK(ledger->end({prompt(1), 1, 0}, End::Failed, "").error().code == ErrorCode::Internal);
}

TEST_CASE("an_end_of_an_unknown_sample_is_refused") {
  auto ledger = in_memory();
  REQUIRE_OK(ledger->admit(admission(*ledger, prompt(1))));
  for (const SampleId& id : {SampleId{prompt(2), 0, 0}, SampleId{prompt(1), 2, 0},
                             SampleId{prompt(1), 0, 1}, SampleId{prompt(1, 1), 0, 0}}) {
    const auto ended = ledger->end(id, End::Failed, "");
    REQUIRE(!ended.ok());
    CHECK(ended.error().code == ErrorCode::Internal);
    CHECK(ended.error().message.find("was never admitted") != std::string::npos);
  }
  CHECK(ledger->accounts().samples.in_flight == 2);
}

TEST_CASE("a_prompt_is_admitted_at_most_once_and_numbers_only_grow") {
  auto ledger = in_memory();
  REQUIRE_OK(ledger->admit({prompt(1), 10, {}, 2}));
  CHECK(ledger->next_admission() == 11);
  CHECK(!ledger->admit({prompt(1), 11, {}, 2}).ok());
  CHECK(!ledger->admit({prompt(2), 10, {}, 2}).ok());
  CHECK(!ledger->admit({prompt(2), 11, {}, 0}).ok());
  end_group(*ledger, prompt(1), 2, End::Delivered, "");
  CHECK(!ledger->admit({prompt(1), 11, {}, 2}).ok());
  CHECK(ledger->accounts().prompts.admitted == 1);
}

TEST_CASE("a_refill_ends_one_attempt_and_admits_the_next") {
  auto ledger = in_memory();
  REQUIRE_OK(ledger->admit(admission(*ledger, prompt(1), 1)));
  const auto second = ledger->refill({prompt(1), 0, 0}, End::Failed, "verifier timed out");
  REQUIRE_OK(second);
  CHECK(*second == SampleId{prompt(1), 0, 1});
  CHECK(ledger->accounts().samples.text() == "2 admitted = 0 trained + 1 failed + 1 in flight");
  CHECK(!ledger->end({prompt(1), 0, 0}, End::Failed, "").ok());
  CHECK(!ledger->refill({prompt(1), 0, 1}, End::Trained, "").ok());
  REQUIRE_OK(ledger->end(*second, End::Trained, "", 1));
  // The prompt has the end of its last attempt.
  CHECK(ledger->accounts().prompts.text() == "1 admitted = 1 trained + 0 in flight");
  CHECK(ledger->accounts().holds());
}

TEST_CASE("a_group_ends_in_one_event") {
  auto ledger = in_memory();
  REQUIRE_OK(ledger->admit(admission(*ledger, prompt(1), 4)));
  REQUIRE_OK(ledger->end({prompt(1), 2, 0}, End::Unscorable, "gold cannot be parsed"));
  const auto sequence = ledger->sequence();
  CHECK(!ledger->end_group(prompt(1), End::Trained, "").ok());
  const auto ended = ledger->end_group(prompt(1), End::Trained, "", 1);
  REQUIRE_OK(ended);
  CHECK(*ended == 3);
  CHECK(ledger->sequence() == sequence + 1);
  CHECK(ledger->accounts().samples.text() ==
        "4 admitted = 3 trained + 1 unscorable + 0 in flight");
  CHECK(!ledger->end_group(prompt(1), End::Trained, "", 1).ok());
  CHECK(!ledger->end_group(prompt(2), End::Trained, "", 1).ok());
}

TEST_CASE("trained_needs_a_step_and_nothing_else_has_one") {
  auto ledger = in_memory();
  REQUIRE_OK(ledger->admit(admission(*ledger, prompt(1))));
  CHECK(!ledger->end({prompt(1), 0, 0}, End::Trained, "").ok());
  CHECK(!ledger->end({prompt(1), 0, 0}, End::Filtered, "", 3).ok());
}

TEST_CASE("each_prompt_is_used_at_most_once_in_each_pass") {
  auto ledger = in_memory();
  for (std::uint64_t row : {1, 2, 3}) REQUIRE_OK(ledger->admit(admission(*ledger, prompt(row))));
  const std::vector<PromptId> first{prompt(1), prompt(2)}, both{prompt(3), prompt(2)};
  REQUIRE_OK(ledger->use({{0, 1}, 0, first}));
  const auto twice = ledger->use({{0, 2}, 0, both});
  REQUIRE(!twice.ok());
  CHECK(twice.error().message.find("0.0.2") != std::string::npos);
  // The refused batch left no trace: its first prompt can still be used.
  const std::vector<PromptId> third{prompt(3)}, same_twice{prompt(1), prompt(1)};
  REQUIRE_OK(ledger->use({{0, 2}, 0, third}));
  REQUIRE_OK(ledger->use({{0, 3}, 1, first}));
  CHECK(!ledger->use({{0, 4}, 2, same_twice}).ok());
  const std::vector<PromptId> one{prompt(1)};
  REQUIRE_OK(ledger->use({{0, 4}, 2, one}));
  const std::vector<PromptId> unknown{prompt(9)};
  CHECK(!ledger->use({{0, 5}, 0, unknown}).ok());
}

TEST_CASE("what_is_in_flight_when_the_run_ends_is_left_over") {
  auto ledger = in_memory();
  for (std::uint64_t row : {1, 2}) REQUIRE_OK(ledger->admit(admission(*ledger, prompt(row))));
  REQUIRE_OK(ledger->end({prompt(1), 0, 0}, End::Failed, "engine gone"));
  const auto left = ledger->end_left_over("stopped by a person");
  REQUIRE_OK(left);
  CHECK(*left == 3);
  const Accounts accounts = ledger->accounts();
  CHECK(accounts.samples.text() ==
        "4 admitted = 0 trained + 1 failed + 3 left over + 0 in flight");
  CHECK(accounts.prompts.of(End::LeftOver) == 2);
  CHECK(accounts.holds());
  CHECK_FALSE(ledger->is_resolved(prompt(1)));
}

TEST_CASE("reasons_are_counted_and_bounded") {
  auto ledger = in_memory();
  const int different = 5000;
  REQUIRE_OK(ledger->admit(admission(*ledger, prompt(0), 3)));
  end_group(*ledger, prompt(0), 3, End::Filtered, "all rewards equal");
  for (int i = 1; i <= different; ++i) {
    REQUIRE_OK(ledger->admit(admission(*ledger, prompt(i), 1)));
    REQUIRE_OK(ledger->end({prompt(i), 0, 0}, End::Failed,
                           "number " + std::to_string(i) + std::string(1000, 'x')));
  }
  const auto reasons = ledger->reasons();
  CHECK(reasons.size() <= 4096);
  CHECK(reasons[0].reason == "other reasons");
  CHECK(reasons[1].reason == "all rewards equal");
  CHECK(reasons[1].samples == 3);
  std::uint64_t all = 0;
  for (const auto& reason : reasons) {
    all += reason.samples;
    CHECK(reason.reason.size() <= 200);
  }
  CHECK(all == different + 3);
}

TEST_CASE("the_cursor_of_a_dataset_is_its_first_unresolved_prompt") {
  auto ledger = in_memory();
  CHECK(ledger->cursors().empty());
  const std::vector<PromptId> order{prompt(7), prompt(3), prompt(9), prompt(1)};
  for (const PromptId& id : order) REQUIRE_OK(ledger->admit(admission(*ledger, id, 1)));
  REQUIRE_OK(ledger->end({order[0], 0, 0}, End::Filtered, "x"));
  REQUIRE_OK(ledger->end({order[2], 0, 0}, End::Filtered, "x"));
  auto cursor = ledger->cursors().at(0);
  CHECK(cursor.next == order[1]);
  CHECK(cursor.last == order[3]);
  CHECK(cursor.resolved == std::vector<PromptId>{order[2]});
  REQUIRE_OK(ledger->end({order[1], 0, 0}, End::Filtered, "x"));
  REQUIRE_OK(ledger->end({order[3], 0, 0}, End::Filtered, "x"));
  cursor = ledger->cursors().at(0);
  CHECK(!cursor.next.has_value());
  CHECK(cursor.last == order[3]);
  CHECK(cursor.resolved.empty());
}

TEST_CASE("an_equation_that_does_not_hold_says_so") {
  Equation equation;
  equation.admitted = 3;
  equation.of(End::LeftOver) = 1;
  CHECK_FALSE(equation.holds());
  CHECK(equation.text() == "3 admitted ≠ 0 trained + 1 left over + 0 in flight");
}
