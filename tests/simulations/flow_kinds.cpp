#include "tests/simulations/flow_kinds.hpp"

namespace troupe::simulations {
namespace {

/// What all lives of all stages of one run share.
struct Chance {
  Chance(const Faults& given, std::uint64_t seed) : faults(given), rng(seed, 91) {}
  Faults faults;
  Rng rng;
  std::map<std::string, int> thrown;

  void maybe_throw(const std::string& stage) {
    if (thrown[stage] >= faults.throws || rng.below(20) != 0) return;
    ++thrown[stage];
    throw std::runtime_error("stumbled");
  }
};

/// Answers within 20 ms of virtual time, at most three calls at once.
class Oracle final : public runtime::Stage {
 public:
  Oracle(std::string name, std::shared_ptr<Chance> chance)
      : name_(std::move(name)), chance_(std::move(chance)) {}

  void on_message(runtime::InPort, Envelope, runtime::Outbox&) override {}
  bool ready_to_serve(runtime::CallPort) const override { return calls_.size() < 3; }
  void on_call(runtime::Call call, runtime::Outbox& out) override {
    chance_->maybe_throw(name_);
    const double drawn = chance_->rng.uniform();
    auto takes = std::chrono::milliseconds(1 + chance_->rng.below(20));
    if (drawn < chance_->faults.slow) takes = std::chrono::milliseconds(60);
    if (chance_->rng.uniform() < chance_->faults.silent) takes = std::chrono::hours(100);
    out.set_timer(next_, takes);
    calls_.emplace(next_++, std::move(call));
  }
  void on_timer(runtime::TimerId timer, runtime::Outbox& out) override {
    const auto it = calls_.find(timer);
    const runtime::Call call = std::move(it->second);
    calls_.erase(it);
    chance_->maybe_throw(name_);
    if (chance_->rng.uniform() < chance_->faults.error)
      return out.answer(call, Error{ErrorCode::Infra, "out of order", ""}, {});
    TextAnswer answer;
    answer.text = chance_->rng.uniform() < chance_->faults.unclear ? "Hm."
                  : chance_->rng.below(2) == 0                     ? "It is correct."
                                                                   : "It is incorrect.";
    out.answer(call, encode(answer), Version{0, 7});
  }

 private:
  std::string name_;
  std::shared_ptr<Chance> chance_;
  runtime::TimerId next_ = 1;
  std::map<runtime::TimerId, runtime::Call> calls_;
};

/// Judges by one call, and may throw when it asks and when it is answered.
class Asker final : public runtime::Stage {
 public:
  Asker(std::string name, std::shared_ptr<Chance> chance)
      : name_(std::move(name)), chance_(std::move(chance)) {}
  void on_message(runtime::InPort, Envelope envelope, runtime::Outbox& out) override {
    chance_->maybe_throw(name_);
    const runtime::CallId call = out.ask(0, encode(TextRequest{}), envelope.sample);
    asked_.emplace(call, std::move(envelope));
  }
  void on_answer(runtime::CallId call, runtime::CallResult result, runtime::Outbox& out) override {
    Envelope envelope = asked_.at(call);
    asked_.erase(call);
    chance_->maybe_throw(name_);
    Sample sample = *decode_sample(envelope.payload);
    Verdict verdict{name_, Outcome::InfraError};
    if (result.ok()) verdict = {name_, Outcome::Scored, 1.0, "", 1, {result->by}};
    sample.verdicts.push_back(std::move(verdict));
    envelope.payload = encode(sample);
    out.send(0, std::move(envelope));
  }

 private:
  std::string name_;
  std::shared_ptr<Chance> chance_;
  std::map<runtime::CallId, Envelope> asked_;
};

class Pass final : public runtime::Stage {
 public:
  Pass(std::string name, std::shared_ptr<Chance> chance)
      : name_(std::move(name)), chance_(std::move(chance)) {}
  void on_message(runtime::InPort, Envelope envelope, runtime::Outbox& out) override {
    chance_->maybe_throw(name_);
    out.send(0, std::move(envelope));
  }

 private:
  std::string name_;
  std::shared_ptr<Chance> chance_;
};

}  // namespace

std::unique_ptr<runtime::KindSet> kinds_with_oracle(const Faults& faults, std::uint64_t seed) {
  using graphs::MessageType;
  auto kinds = std::make_unique<runtime::KindSet>();
  stages::KindRegistry registry(*kinds);
  stages::register_kinds(registry);
  auto chance = std::make_shared<Chance>(faults, seed);
  registry.add_stage(
      graphs::contract("oracle")
          .doc("answers by chance")
          .answers("texts", MessageType::TextRequest, MessageType::Text, "x"),
      [chance](const runtime::StageContext& context) -> Result<std::unique_ptr<runtime::Stage>> {
        return std::unique_ptr<runtime::Stage>(
            std::make_unique<Oracle>(context.stage->name, chance));
      });
  registry.add_stage(
      graphs::contract("pass")
          .doc("passes samples on")
          .in("samples", MessageType::Sample)
          .out("samples", MessageType::Sample),
      [chance](const runtime::StageContext& context) -> Result<std::unique_ptr<runtime::Stage>> {
        return std::unique_ptr<runtime::Stage>(std::make_unique<Pass>(context.stage->name, chance));
      });
  registry.add_stage(
      graphs::contract("asker")
          .doc("judges by one call")
          .in("samples", MessageType::Sample)
          .out("samples", MessageType::Sample)
          .calls("texts", MessageType::TextRequest, MessageType::Text, "x")
          .judges(),
      [chance](const runtime::StageContext& context) -> Result<std::unique_ptr<runtime::Stage>> {
        return std::unique_ptr<runtime::Stage>(
            std::make_unique<Asker>(context.stage->name, chance));
      });
  return kinds;
}

}  // namespace troupe::simulations
