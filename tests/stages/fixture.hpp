#pragma once
// One stage of a small graph, with its context, for tests that need no host.
#include <fstream>
#include <memory>

#include "actors/stages/kinds.hpp"
#include "graphs/load.hpp"
#include "tests/catch.hpp"

namespace troupe::stages {

class OneStage {
 public:
  /// `options`: the lines of [stage.tested], without its kind.
  OneStage(const std::string& kind, const std::string& options) {
    KindRegistry registry(kinds_);
    register_kinds(registry);
    const bool dataset = kind.starts_with("dataset");
    std::string text = "format = 1\n[run]\nname = \"t\"\nseed = 7\n[model.policy]\nload = \"x\"\n";
    text += "[stage.tested]\nkind = \"" + kind + "\"\n" + options + "\n";
    if (!dataset) text += "[stage.questions]\nkind = \"dataset.arithmetic\"\n";
    text +=
        "[stage.generate]\nkind = \"generator\"\nmodel = \"policy\"\n"
        "[stage.check]\nkind = \"verifier.format\"\nrule = \"finished\"\n"
        "[stage.log]\nkind = \"sink.jsonl\"\npath = \"/dev/null\"\n";
    text += std::string("[graph]\nflow = [\"") + (dataset ? "tested" : "questions") +
            " -> generate -> check -> " + (dataset ? "" : "tested -> ") + "log\"]\n";
    loaded_ = graphs::load_graph_text(text, "t.toml", {}, kinds_.contracts());
    INFO(loaded_.rendered(false));
    REQUIRE(loaded_.ok());
    context_.plan = &*loaded_.plan;
    context_.stage = &loaded_.plan->stage("tested");
    context_.disk = &real_disk();
  }
  runtime::StageContext& context() { return context_; }
  Result<std::unique_ptr<runtime::Stage>> make() {
    return kinds_.factory(context_.stage->kind)(context_);
  }

 private:
  runtime::KindSet kinds_;
  graphs::LoadResult loaded_;
  runtime::StageContext context_;
};

/// Keeps what a stage sends and ends; engines and timers are not for such tests.
class KeepingOutbox final : public runtime::Outbox {
 public:
  void send(runtime::OutPort, Envelope envelope) override { sent.push_back(std::move(envelope)); }
  void end(const Envelope& input, End end, std::string reason, Payload) override {
    ended.push_back({input.sample, end, std::move(reason), nullptr});
  }
  void end_group(const Envelope&, std::vector<runtime::EndedSample> samples) override {
    for (auto& sample : samples) ended.push_back(std::move(sample));
  }
  void settle(const Envelope&) override {}
  runtime::Ticket start(std::uint32_t) override { return 1; }
  runtime::Completion completion(runtime::Ticket) override {
    return [](runtime::EngineResult) {};
  }
  void abandon(runtime::Ticket) override {}
  void set_timer(runtime::TimerId, Duration) override {}
  runtime::CallId ask(runtime::CallPort, Payload request, const SampleId&) override {
    asked.push_back(std::move(request));
    return asked.size();
  }
  void answer(const runtime::Call&, Result<Payload> answer, Version) override {
    answers.push_back(std::move(answer));
  }
  void no_more() override { finished = true; }
  Clock& clock() override { return clock_; }
  void measure(std::uint32_t, runtime::Metrics) override {}
  void group_ready(const GroupId&) override {}
  void batch_taken(std::uint32_t, std::vector<Payload>) override {}
  void step_taken(Version, std::vector<runtime::EndedSample>, runtime::Metrics) override {}
  void want_checkpoint(std::uint32_t) override {}
  void saved(std::uint32_t, Result<void>) override {}

  std::vector<Envelope> sent;
  std::vector<Payload> asked;
  std::vector<Result<Payload>> answers;
  std::vector<runtime::EndedSample> ended;
  bool finished = false;

 private:
  class StoppedClock final : public Clock {
   public:
    TimePoint now() const override { return {}; }
    double wall_seconds() const override { return 0; }
  };
  StoppedClock clock_;
};

}  // namespace troupe::stages
