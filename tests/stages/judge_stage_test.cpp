// verifier.judge by itself: what it asks, and what it makes of every answer.
#include "actors/stages/verifier/judge_stage.hpp"

#include "tests/stages/fixture.hpp"

using namespace troupe;
using namespace troupe::stages;

namespace {

struct Judge {
  runtime::KindSet kinds;
  graphs::LoadResult loaded;
  KeepingOutbox out;
  std::unique_ptr<runtime::Stage> stage;

  explicit Judge(const std::string& options = "") {
    KindRegistry registry(kinds);
    register_kinds(registry);
    loaded = graphs::load_graph_text(
        "format = 1\n[run]\nname = \"t\"\nseed = 7\n[model.policy]\nload = \"x\"\n"
        "[stage.check]\nkind = \"verifier.judge\"\n" +
            options +
            "\n[stage.questions]\nkind = \"dataset.arithmetic\"\n"
            "[stage.generate]\nkind = \"generator\"\nmodel = \"policy\"\n"
            "[stage.grader]\nkind = \"generator\"\nmodel = \"policy\"\n"
            "[stage.log]\nkind = \"sink.jsonl\"\npath = \"/dev/null\"\n"
            "[graph]\nflow = [\"questions -> generate -> check -> log\", \"check <-> grader\"]\n",
        "t.toml", {}, kinds.contracts());
    INFO(loaded.rendered(false));
    REQUIRE(loaded.ok());
  }
  Result<std::unique_ptr<runtime::Stage>> make() {
    runtime::StageContext context;
    context.plan = &*loaded.plan;
    context.stage = &loaded.plan->stage("check");
    return JudgeStage::make(context);
  }
  void take(const std::string& answer) {
    auto made = make();
    REQUIRE(made.ok());
    stage = std::move(*made);
    Sample sample;
    sample.id = {{0, 0, 3}, 1, 0};
    sample.prompt.question = "What is 2 + 2?";
    sample.prompt.answer = answer;
    sample.text = "It is four.";
    stage->on_message(0, envelope_of(sample, Version{}), out);
  }
  void answer(runtime::CallResult result) {
    stage->on_answer(out.asked.size(), std::move(result), out);
  }
  void say(const std::string& text) {
    answer(runtime::CallAnswer{encode(TextAnswer{text}), {"grader", Version{0, 3}}});
  }
  TextRequest asked(std::size_t which) { return *decode_text_request(out.asked.at(which)); }
  Verdict verdict() {
    REQUIRE(out.sent.size() == 1);
    return decode_sample(out.sent[0].payload)->verdicts.at(0);
  }
};

}  // namespace

TEST_CASE("a_judge_is_shown_question_answer_and_response_and_its_word_is_the_score") {
  Judge judge;
  judge.take("4");
  REQUIRE(judge.out.asked.size() == 1);
  const TextRequest request = judge.asked(0);
  for (const char* part : {"What is 2 + 2?", "Reference answer:\n4\n", "It is four."})
    CHECK(request.question.find(part) != std::string::npos);
  CHECK(request.temperature == 0.0);
  judge.say("They agree: correct");
  CHECK(judge.verdict().component == "check");
  CHECK(judge.verdict().outcome == Outcome::Scored);
  CHECK(judge.verdict().score == 1.0);
  CHECK(judge.verdict().detail == "They agree: correct");
  CHECK(judge.verdict().callees == std::vector<Callee>{{"grader", Version{0, 3}}});
}

TEST_CASE("an_incorrect_response_is_a_zero") {
  Judge judge;
  judge.take("5");
  judge.say("Incorrect.");
  CHECK(judge.verdict().outcome == Outcome::Scored);
  CHECK(judge.verdict().score == 0.0);
}

TEST_CASE("without_an_answer_to_compare_with_nothing_is_asked_and_nothing_scored") {
  Judge judge;
  judge.take("");
  CHECK(judge.out.asked.empty());
  CHECK(judge.verdict().outcome == Outcome::Unscorable);
  Judge free("prompt = \"Is this polite? {response}\"");
  free.take("");
  CHECK(free.out.asked.size() == 1);
}

TEST_CASE("an_unclear_judgement_is_asked_for_again_with_chance_and_another_seed") {
  Judge judge("retries = 1");
  judge.take("4");
  judge.say("Well.");
  REQUIRE(judge.out.asked.size() == 2);
  CHECK(judge.asked(1).seed != judge.asked(0).seed);
  CHECK(judge.asked(1).temperature > 0.0);
  judge.say("Hm.");
  CHECK(judge.verdict().outcome == Outcome::InfraError);
  CHECK(judge.verdict().attempts == 2);
  CHECK(judge.verdict().detail.find("Hm.") != std::string::npos);
}

TEST_CASE("a_failing_service_is_a_failure_of_the_verifier_and_never_a_zero") {
  Judge late("retries = 0");
  late.take("4");
  late.answer(Error{ErrorCode::Timeout, "no answer", ""});
  CHECK(late.verdict().outcome == Outcome::Timeout);
  Judge broken("retries = 2");
  broken.take("4");
  for (int i = 0; i < 3; ++i) broken.answer(Error{ErrorCode::Infra, "lost", ""});
  CHECK(broken.verdict().outcome == Outcome::InfraError);
  CHECK(broken.verdict().attempts == 3);
  Judge garbled("retries = 0");
  garbled.take("4");
  garbled.answer(runtime::CallAnswer{std::make_shared<const std::vector<std::uint64_t>>(3), {}});
  CHECK(garbled.verdict().outcome == Outcome::InfraError);
}

TEST_CASE("the_same_sample_asks_the_same_with_the_same_seed_after_a_restart") {
  Judge first, second;
  first.take("4");
  second.take("4");
  CHECK(*first.out.asked[0] == *second.out.asked[0]);
}

TEST_CASE("a_judge_that_would_not_see_the_response_or_whose_words_mean_both_is_refused") {
  const auto blind = Judge("prompt = \"Is {answer} right?\"").make();
  REQUIRE_FALSE(blind.ok());
  CHECK(blind.error().help.find("{response}") != std::string::npos);
  CHECK_FALSE(Judge("correct = [\"yes\"]\nincorrect = [\"no\", \"yes\"]").make().ok());
}
