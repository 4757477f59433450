#include "tests/pipeline/stages.hpp"

#include <thread>

#include "actors/stages/kinds.hpp"

namespace troupe::pipeline {

using graphs::contract;
using graphs::MessageType;
using graphs::OptionType;
using runtime::Outbox;
using runtime::Stage;
using runtime::StageContext;

namespace {

class Maker final : public Stage {
 public:
  explicit Maker(const StageContext& context)
      : group_size_(static_cast<std::uint16_t>(context.option("group_size").as_int())),
        tokens_(static_cast<std::size_t>(context.option("tokens").as_int())),
        seed_(context.seed()) {}
  void on_message(runtime::InPort, Envelope envelope, Outbox& out) override {
    auto prompt = decode_prompt(envelope.payload);
    if (!prompt.ok()) throw std::runtime_error(prompt.error().message);
    for (std::uint16_t i = 0; i < group_size_; ++i)
      out.send(0, envelope_of(make_sample(*prompt, i, seed_, envelope.version, tokens_),
                              envelope.version));
    out.settle(envelope);
  }
  void on_refill(const Envelope& input, const SampleId& id, Outbox& out) override {
    auto prompt = decode_prompt(input.payload);
    if (!prompt.ok()) throw std::runtime_error(prompt.error().message);
    Sample sample = make_sample(*prompt, id.sibling, seed_ + id.attempt, input.version, tokens_);
    sample.id = id;
    out.send(0, envelope_of(sample, input.version));
  }

 private:
  std::uint16_t group_size_;
  std::size_t tokens_;
  std::uint64_t seed_;
};

class LengthVerifier final : public stages::Verifier {
 public:
  Verdict judge(const stages::SampleView& sample) const override {
    return stages::scored(sample.text().size() % 2 == 0 ? 1.0 : 0.0);
  }
};

class Counter final : public Stage {
 public:
  Counter(const StageContext& context, Counts& counts)
      : counts_(counts), delay_(context.option("delay").as_duration()) {}
  void on_message(runtime::InPort, Envelope envelope, Outbox& out) override {
    auto group = decode_group(envelope.payload);
    if (!group.ok()) throw std::runtime_error(group.error().message);
    std::vector<runtime::EndedSample> ended;
    ended.reserve(group->samples.size());
    for (const Payload& payload : group->samples) {
      auto sample = decode_sample(payload);
      if (!sample.ok()) throw std::runtime_error(sample.error().message);
      ended.push_back({sample->id, End::Delivered, "", payload});
    }
    std::this_thread::sleep_for(delay_);  // a stage that is too slow for its neighbours
    counts_.samples += ended.size();
    ++counts_.groups;
    out.end_group(envelope, std::move(ended));
  }

 private:
  Counts& counts_;
  Duration delay_;
};

}  // namespace

Sample make_sample(const Prompt& prompt, std::uint16_t sibling, std::uint64_t seed, Version version,
                   std::size_t tokens) {
  Sample sample;
  sample.id = {prompt.id, sibling, 0};
  sample.prompt = prompt;
  for (const char c : prompt.question)
    sample.prompt_tokens.push_back(static_cast<unsigned char>(c));
  Rng rng(sample_seed(seed, sample.id));
  sample.tokens.reserve(tokens);
  sample.logprobs.reserve(tokens);
  for (std::size_t t = 0; t < tokens; ++t) {
    const std::uint64_t draw = rng.next();
    sample.tokens.push_back(static_cast<std::int32_t>(draw % 49152));
    sample.logprobs.push_back(-static_cast<float>(draw >> 40) / static_cast<float>(1 << 24));
    // Words of about the length that tokens of a real model have.
    sample.text.append("abcdefghijklmnop" + draw % 13, 3);
    sample.text += t % 10 == 9 ? '\n' : ' ';
  }
  sample.text.resize(sample.text.size() - sibling % 2);
  sample.versions.push_back({0, version});
  return sample;
}

void register_kinds(runtime::KindSet& kinds, Counts& counts) {
  stages::KindRegistry registry(kinds);
  stages::register_kinds(registry);
  registry.add_stage(contract("test.maker")
                         .doc("makes whole groups of samples at once")
                         .in("prompts", MessageType::Prompt)
                         .out("samples", MessageType::Sample)
                         .admits()
                         .option("group_size", OptionType::Integer, 8, "samples of a prompt")
                         .range(1, 4096)
                         .option("tokens", OptionType::Integer, 64, "of a sample")
                         .range(1, 1 << 20)
                         .option("max_refill", OptionType::Integer, 4, "made anew per group")
                         .range(0, 4096),
                     [](const StageContext& context) -> Result<std::unique_ptr<Stage>> {
                       return std::unique_ptr<Stage>(std::make_unique<Maker>(context));
                     });
  registry.add<LengthVerifier>(
      contract("verifier.test_length").doc("1 when the text has an even number of bytes"));
  registry.add_stage(contract("test.counter")
                         .doc("counts groups and delivers them")
                         .in("groups", MessageType::Group)
                         .accounts_groups()
                         .option("delay", OptionType::Duration, "0s", "of every group")
                         .range(0, 60),
                     [&counts](const StageContext& context) -> Result<std::unique_ptr<Stage>> {
                       return std::unique_ptr<Stage>(std::make_unique<Counter>(context, counts));
                     });
}

}  // namespace troupe::pipeline
