#include <limits>

#include "actors/stages/scorer_weighted.hpp"
#include "tests/stages/fixture.hpp"

using namespace troupe;
using namespace troupe::stages;

namespace {

KeepingOutbox scored_with(std::vector<Verdict> verdicts, const std::string& more = "") {
  OneStage stage("scorer.weighted", "weights = { check = 2.0 }\n" + more);
  WeightedScorer scorer(stage.context());
  Sample sample;
  sample.verdicts = std::move(verdicts);
  KeepingOutbox out;
  scorer.on_message(0, envelope_of(sample, Version{}), out);
  return out;
}

Verdict verdict(Outcome outcome, double score) { return {"check", outcome, score, "", 1}; }

}  // namespace

TEST_CASE("a_reward_is_the_weighted_sum_with_every_component_kept") {
  const KeepingOutbox out = scored_with({verdict(Outcome::Scored, 0.25)});
  REQUIRE(out.sent.size() == 1);
  const auto sample = decode_sample(out.sent[0].payload);
  CHECK(sample->reward == 0.5);
  REQUIRE(sample->reward_parts.size() == 1);
  CHECK(sample->reward_parts[0].component == "check");
  CHECK(sample->reward_parts[0].weight == 2.0);
}

TEST_CASE("a_wrong_answer_is_a_zero_and_a_broken_verifier_never_is") {
  CHECK(decode_sample(scored_with({verdict(Outcome::Scored, 0.0)}).sent.at(0).payload)->reward ==
        0.0);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const Verdict& broken : {verdict(Outcome::Timeout, 1.0), verdict(Outcome::InfraError, 0.0),
                                verdict(Outcome::Scored, nan)}) {
    const KeepingOutbox out = scored_with({broken});
    CHECK(out.sent.empty());
    REQUIRE(out.ended.size() == 1);
    CHECK(out.ended[0].end == End::Failed);
  }
  CHECK(scored_with({}).ended.at(0).end == End::Failed);
  CHECK(scored_with({verdict(Outcome::Unscorable, 0.0)}).ended.at(0).end == End::Unscorable);
}

TEST_CASE("an_optional_component_may_be_missing") {
  const KeepingOutbox out = scored_with({verdict(Outcome::Timeout, 1.0)}, "optional = [\"check\"]");
  REQUIRE(out.sent.size() == 1);
  CHECK(decode_sample(out.sent[0].payload)->reward == 0.0);
}
