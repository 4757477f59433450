#include "actors/cli/test_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "actors/hosts/simulated/simulated_host.hpp"
#include "actors/runtime/running_graph.hpp"
#include "actors/runtime/workers.hpp"
#include "actors/stages/engine_set.hpp"

namespace troupe::cli {
namespace {

using graphs::TestPlan;

// Far more than a group of 1,024 samples needs: whoever needs more goes round in circles.
constexpr std::uint64_t kEventsMax = 10'000'000;

/// What observers saw arrive, beside what the recorder was told.
using Arrivals = std::vector<Sample>;

/// Gives the one prompt of the test.
class TestSource final : public runtime::Stage {
 public:
  explicit TestSource(Prompt prompt) : prompt_(std::move(prompt)) {}
  void on_message(runtime::InPort, Envelope, runtime::Outbox&) override {}
  void on_room(runtime::Outbox& out) override {
    if (sent_) return out.no_more();
    sent_ = true;
    out.send(0, envelope_of(prompt_));
  }

 private:
  Prompt prompt_;
  bool sent_ = false;
};

/// Stands where the generator would: answers the prompt with the samples of the test.
class TestEntry final : public runtime::Stage {
 public:
  TestEntry(const TestPlan& test, runtime::OutPort port) : test_(test), port_(port) {}
  void on_message(runtime::InPort, Envelope input, runtime::Outbox& out) override {
    auto prompt = decode_prompt(input.payload);
    if (!prompt.ok()) throw std::runtime_error(prompt.error().message);
    for (std::size_t i = 0; i < test_.samples.size(); ++i) {
      const graphs::TestSample& from = test_.samples[i];
      Sample sample;
      sample.id = {prompt->id, static_cast<std::uint16_t>(i), 0};
      sample.prompt = *prompt;
      sample.text = from.text;
      sample.finish = from.finished ? Finish::Stop : Finish::Length;
      sample.tokens.resize(from.tokens);
      sample.logprobs.resize(from.tokens);
      if (from.tokens > 0) sample.versions.push_back({0, input.version});
      out.send(port_, envelope_of(sample, input.version));
    }
    out.settle(input);
  }

 private:
  const TestPlan& test_;
  runtime::OutPort port_;
};

/// Stands for a learner or a sink: what reaches it has ended as it would there.
class TestEnd final : public runtime::Stage {
 public:
  TestEnd(End end, Arrivals& arrivals) : end_(end), arrivals_(arrivals) {}
  void on_message(runtime::InPort, Envelope input, runtime::Outbox& out) override {
    if (input.type != MessageType::Group) {
      arrived(input.payload);
      return out.end(input, end_, "", input.payload);
    }
    auto group = decode_group(input.payload);
    if (!group.ok()) throw std::runtime_error(group.error().message);
    std::vector<runtime::EndedSample> ended;
    for (const Payload& payload : group->samples)
      ended.push_back({arrived(payload), end_, "", payload});
    out.end_group(input, std::move(ended));
  }

 private:
  SampleId arrived(const Payload& payload) {
    auto sample = decode_sample(payload);
    if (!sample.ok()) throw std::runtime_error(sample.error().message);
    arrivals_.push_back(*sample);
    return sample->id;
  }
  End end_;
  Arrivals& arrivals_;
};

/// Runs work at once; virtual time does not pass meanwhile.
class InlineWorkers final : public runtime::Workers {
 public:
  void begin(std::vector<Work>& work) override {
    for (Work& one : work) {
      try {
        one.done(one.run());
      } catch (const std::exception& e) {
        one.done(Error{ErrorCode::Infra, e.what(), ""});
      }
    }
    work.clear();
  }
};

/// graphs::check_tests lets no test begin that would need one.
class NoEngines final : public stages::EngineSet {
 public:
  Result<std::shared_ptr<const model::Tokenizer>> tokenizer(const std::string&) override {
    return none();
  }
  Result<std::unique_ptr<model::GenerationEngine>> generation(
      const std::string&, const model::GenerationConfig&) override {
    return none();
  }
  Result<std::unique_ptr<model::TrainingEngine>> training(const std::string&,
                                                          const model::TrainingConfig&) override {
    return none();
  }
  void publish(const std::string&, model::WeightsPtr) override {}
  model::WeightsPtr weights(const std::string&, Version) override { return nullptr; }

 private:
  static Error none() {
    return Error{ErrorCode::Unsupported, "a test runs without models",
                 "Send to a stage behind the one that needs the model"};
  }
};

class TestRecorder final : public runtime::Recorder {
 public:
  Result<std::vector<std::uint16_t>> admitted(const GroupId&, std::uint64_t, Version,
                                              std::uint32_t) override {
    return std::vector<std::uint16_t>();
  }
  Result<void> refilled(const runtime::EndedSample&, const SampleId&) override { return {}; }
  Result<void> used(Version, const std::vector<GroupId>&) override { return {}; }
  Result<void> ended(const runtime::EndedSample& sample, std::uint32_t) override {
    ends.insert_or_assign(sample.sample.sibling, sample);
    return {};
  }
  Result<void> stepped(Version, const runtime::Metrics&) override { return {}; }
  Result<void> measured(const std::string&, std::uint32_t, const runtime::Metrics&) override {
    return {};
  }
  Result<std::filesystem::path> begin_checkpoint(std::uint32_t) override {
    return Error{ErrorCode::Unsupported, "a test writes no checkpoint", ""};
  }
  Result<void> commit_checkpoint(Version) override { return {}; }
  void note(runtime::Severity, const std::string&, const std::string&) override {}
  Result<void> commit() override { return {}; }

  std::map<std::uint16_t, runtime::EndedSample> ends;
};

std::string number_text(double value) { return fmt::format("{:.6g}", value); }

std::string text_of(const Verdict& verdict) {
  std::string out = verdict.outcome == Outcome::Scored ? number_text(verdict.score)
                                                       : std::string(name_of(verdict.outcome));
  if (!verdict.detail.empty()) out += " (" + verdict.detail + ")";
  return out;
}

std::string text_of(const graphs::Expectation::Expected& expected) {
  const double* number = std::get_if<double>(&expected);
  return number ? number_text(*number) : std::get<std::string>(expected);
}

const Verdict* verdict_of(const TestedSample& tested, const std::string& stage) {
  for (const auto* verdicts : {&tested.sample.verdicts, &tested.watched}) {
    for (const Verdict& verdict : *verdicts) {
      if (verdict.component == stage) return &verdict;
    }
  }
  return nullptr;
}

std::string end_text(const TestedSample& tested) {
  if (!tested.end) return "no end";
  return tested.reason.empty() ? name_of(*tested.end)
                               : fmt::format("{} ({})", name_of(*tested.end), tested.reason);
}

TestFinding finding_of(const TestPlan& test, const graphs::Expectation& expectation,
                       const TestedSample& tested, std::size_t index) {
  const auto& expected = expectation.values.at(index);
  const double* number = std::get_if<double>(&expected);
  const auto near = [&](double came) {
    return number && std::abs(came - *number) <= test.tolerance;
  };
  TestFinding out{index, expectation.what, text_of(expected), "", false};
  if (expectation.what == "end") {
    out.came = end_text(tested);
    out.holds = tested.end && name_of(*tested.end) == out.expected;
  } else if (expectation.what == "reward") {
    const auto& reward = tested.sample.reward;
    out.came =
        reward ? number_text(*reward) : fmt::format("none, the sample ended {}", end_text(tested));
    out.holds = reward ? near(*reward) : out.expected == "none";
  } else if (const Verdict* verdict = verdict_of(tested, expectation.what)) {
    out.came = text_of(*verdict);
    out.holds = number ? verdict->outcome == Outcome::Scored && near(verdict->score)
                       : out.expected == name_of(verdict->outcome);
  } else {
    out.came = "no verdict: the sample did not come there";
    out.holds = out.expected == "absent";
  }
  return out;
}

runtime::KindSet with_stand_ins(const runtime::KindSet& kinds, const graphs::TestGraph& graph,
                                const TestPlan& test, const Prompt& prompt, Arrivals& arrivals) {
  runtime::KindSet out = kinds;
  for (const graphs::Contract& contract : graph.contracts) {
    const std::string_view kind = contract.kind;
    out.add(contract,
            [&test, &prompt, &arrivals, &contract,
             kind](const runtime::StageContext&) -> Result<std::unique_ptr<runtime::Stage>> {
              if (kind == graphs::kTestSource)
                return std::unique_ptr<runtime::Stage>(std::make_unique<TestSource>(prompt));
              if (kind.starts_with(graphs::kTestEntry)) {
                std::uint32_t port = 0;
                while (contract.outputs.at(port).name != test.entry.port) ++port;
                return std::unique_ptr<runtime::Stage>(std::make_unique<TestEntry>(test, port));
              }
              const End end = contract.learns ? End::Trained : End::Delivered;
              return std::unique_ptr<runtime::Stage>(std::make_unique<TestEnd>(end, arrivals));
            });
  }
  return out;
}

}  // namespace

bool TestResult::passed() const {
  return failure.empty() && std::all_of(findings.begin(), findings.end(),
                                        [](const TestFinding& finding) { return finding.holds; });
}

TestResult run_test(const graphs::Plan& plan, const TestPlan& test, const runtime::KindSet& kinds) {
  TestResult out;
  out.name = test.name;
  Prompt prompt;
  prompt.id.dataset = static_cast<std::uint32_t>(plan.stages.size());
  prompt.question = test.question;
  prompt.answer = test.answer;
  prompt.task = test.task;
  Arrivals arrivals;
  const graphs::TestGraph graph = graphs::graph_of_test(plan, test);
  const runtime::KindSet all = with_stand_ins(kinds, graph, test, prompt, arrivals);
  hosts::SimulatedHost host({});
  InlineWorkers workers;
  NoEngines engines;
  TestRecorder recorder;
  runtime::RunServices services{&workers, &real_disk(), &engines, &recorder, nullptr};
  std::optional<runtime::RunOutcome> outcome;
  auto running =
      runtime::RunningGraph::build(graph.plan, all, services, {}, host,
                                   [&](runtime::RunOutcome ended) { outcome = std::move(ended); });
  if (!running.ok()) {
    out.failure = running.error().text();
    return out;
  }
  for (const auto& [address, runner] : (*running)->runners()) host.adopt(address, *runner);
  host.adopt(runtime::kCoordinator, (*running)->coordinator());
  (*running)->coordinator().begin();
  host.run_until([&] { return outcome.has_value(); }, kEventsMax);
  if (!outcome) {
    out.failure = "the graph did not come to an end";
  } else if (outcome->state != runtime::RunOutcome::State::Finished) {
    out.failure = outcome->reason;
  }
  for (std::size_t i = 0; i < test.samples.size(); ++i) {
    TestedSample tested;
    if (const auto ended = recorder.ends.find(static_cast<std::uint16_t>(i));
        ended != recorder.ends.end()) {
      tested.end = ended->second.end;
      tested.reason = ended->second.reason;
      if (ended->second.record) {
        if (auto sample = decode_sample(ended->second.record); sample.ok())
          tested.sample = std::move(*sample);
      }
    }
    for (const Sample& seen : arrivals) {
      if (seen.id.sibling != i) continue;
      tested.watched.insert(tested.watched.end(), seen.verdicts.begin(), seen.verdicts.end());
    }
    out.samples.push_back(std::move(tested));
  }
  if (!out.failure.empty()) return out;
  for (const graphs::Expectation& expectation : test.expectations) {
    for (std::size_t i = 0; i < out.samples.size(); ++i)
      out.findings.push_back(finding_of(test, expectation, out.samples[i], i));
  }
  return out;
}

}  // namespace troupe::cli
