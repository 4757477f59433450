#include <limits>

#include "actors/stages/scorer_weighted.hpp"
#include "tests/stages/fixture.hpp"

using namespace troupe;
using namespace troupe::stages;

namespace {

/// A sample of a task, scored behind `generate -> (form & [math: (sums & [..]), else: talk])`.
KeepingOutbox scored_on_its_way(const std::string& task, const std::vector<std::string>& judged,
                                const std::string& weights,
                                const std::vector<std::string>& asked = {"math", "code", "chat"}) {
  runtime::KindSet kinds;
  KindRegistry registry(kinds);
  register_kinds(registry);
  std::string text =
      "format = 1\n[run]\nname = \"t\"\n[model.policy]\nload = \"x\"\n"
      "[stage.generate]\nkind = \"generator\"\nmodel = \"policy\"\n"
      "[stage.reward]\nkind = \"scorer.weighted\"\nweights = " +
      weights + "\n[stage.log]\nkind = \"sink.jsonl\"\npath = \"/dev/null\"\n";
  std::string flow;
  for (const std::string& name : asked) {
    flow += "\"ask_" + name + " -> generate\",";
    text += "[stage.ask_" + name + "]\nkind = \"dataset.arithmetic\"\ntask = \"" + name + "\"\n";
  }
  for (const char* name : {"form", "sums", "steps", "talk"})
    text += std::string("[stage.") + name + "]\nkind = \"verifier.format\"\n";
  text += "[graph]\nflow = [" + flow +
          "\"generate -> (form & [math: (sums & steps), else: talk]) -> reward -> log\"]\n";
  const auto loaded = graphs::load_graph_text(text, "t.toml", {}, kinds.contracts());
  INFO(loaded.rendered(false));
  REQUIRE(loaded.ok());
  runtime::StageContext context;
  context.plan = &*loaded.plan;
  context.stage = &loaded.plan->stage("reward");
  WeightedScorer scorer(context);
  Sample sample;
  sample.prompt.task = task;
  for (const std::string& name : judged) sample.verdicts.push_back({name, Outcome::Scored, 1.0});
  KeepingOutbox out;
  scorer.on_message(0, envelope_of(sample, Version{}), out);
  return out;
}

double reward_of(const KeepingOutbox& out) {
  REQUIRE(out.sent.size() == 1);
  return decode_sample(out.sent[0].payload)->reward.value();
}

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

TEST_CASE("a_component_of_a_route_not_taken_is_absent_and_not_zero") {
  const std::string all = "{ form = 1.0, sums = 2.0, steps = 4.0, talk = 8.0 }";
  CHECK(reward_of(scored_on_its_way("math", {"form", "sums", "steps"}, all)) == 7.0);
  CHECK(reward_of(scored_on_its_way("code", {"form", "talk"}, all)) == 9.0);
  CHECK(reward_of(scored_on_its_way("chat", {"form", "talk"}, all)) == 9.0);
}

TEST_CASE("a_component_of_the_route_taken_that_gave_no_verdict_takes_the_reward_away") {
  const std::string all = "{ form = 1.0, sums = 2.0, steps = 4.0, talk = 8.0 }";
  const KeepingOutbox out = scored_on_its_way("math", {"form", "sums"}, all);
  CHECK(out.sent.empty());
  REQUIRE(out.ended.size() == 1);
  CHECK(out.ended[0].end == End::Failed);
  CHECK(out.ended[0].reason == "'steps': no verdict");
}

TEST_CASE("a_sample_of_a_task_that_nobody_foresaw_and_nothing_judges_has_no_reward") {
  const KeepingOutbox out =
      scored_on_its_way("chat", {"form", "talk"}, "{ sums = 1.0, steps = 1.0 }", {"math"});
  REQUIRE(out.ended.size() == 1);
  CHECK(out.ended[0].end == End::Unscorable);
  CHECK(out.ended[0].reason == "nothing in its reward judges task 'chat'");
}
