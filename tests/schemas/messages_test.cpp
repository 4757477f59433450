#include "schemas/messages.hpp"

#include "schemas/base/rng.hpp"
#include "tests/catch.hpp"

using namespace troupe;

namespace {

Sample example() {
  Sample sample;
  sample.id = {{1, 2, 3}, 4, 1};
  sample.prompt = {{1, 2, 3}, "math", "What is 2 + 3?", "5", "chatml", ""};
  sample.prompt_tokens = {1, 2, 3};
  sample.tokens = {7, 8, 2};
  sample.logprobs = {-0.5f, -0.25f, -1e-6f};
  sample.versions = {{0, {0, 4}}, {2, {0, 5}}};
  sample.finish = Finish::Stop;
  sample.text = std::string("5\0 and \xff bytes", 14);
  sample.verdicts = {{"check", Outcome::Scored, 1.0, "5 = 5", 1},
                     {"judge", Outcome::InfraError, 0.0, "connection refused", 3}};
  sample.reward = 1.25;
  sample.reward_parts = {{"check", 1.0, 1.25}};
  return sample;
}

}  // namespace

TEST_CASE("a_sample_comes_back_as_it_was_sent") {
  const Sample sent = example();
  const auto got = decode_sample(encode(sent));
  REQUIRE(got.ok());
  CHECK(got->id == sent.id);
  CHECK(got->prompt.question == sent.prompt.question);
  CHECK(got->tokens == sent.tokens);
  CHECK(got->logprobs == sent.logprobs);
  REQUIRE(got->versions.size() == 2);
  CHECK(got->versions[1].first == 2);
  CHECK(got->versions[1].version == Version{0, 5});
  CHECK(got->text == sent.text);
  REQUIRE(got->verdicts.size() == 2);
  CHECK(got->verdicts[1].outcome == Outcome::InfraError);
  CHECK(got->verdicts[1].attempts == 3);
  CHECK(got->reward == sent.reward);
  CHECK(got->reward_parts[0].weight == 1.25);
}

TEST_CASE("a_sample_without_reward_is_not_a_sample_with_reward_zero") {
  Sample sent = example();
  sent.reward.reset();
  CHECK_FALSE(decode_sample(encode(sent))->reward.has_value());
  sent.reward = 0.0;
  CHECK(decode_sample(encode(sent))->reward == 0.0);
}

TEST_CASE("a_group_carries_its_samples_unopened") {
  Group group;
  group.id = {0, 1, 9};
  group.version = {0, 3};
  group.samples = {encode(example()), encode(example())};
  group.missing = 6;
  const auto got = decode_group(encode(group));
  REQUIRE(got.ok());
  CHECK(got->missing == 6);
  REQUIRE(got->samples.size() == 2);
  CHECK(*got->samples[1] == *group.samples[1]);
  CHECK(decode_sample(got->samples[0])->text == example().text);
}

TEST_CASE("envelopes_route_by_the_message_they_hold") {
  const Envelope sample = envelope_of(example(), Version{0, 4});
  CHECK(sample.type == MessageType::Sample);
  CHECK(sample.sample == example().id);
  CHECK(sample.version == Version{0, 4});
  const Envelope dead =
      envelope_of(Tombstone{End::Filtered, "all equal", "select"}, {{0, 0, 5}, 0, 0}, {}, true);
  CHECK(dead.whole_group);
  CHECK(decode_tombstone(dead.payload)->end == End::Filtered);
}

TEST_CASE("damaged_bytes_are_an_error_and_never_a_crash") {
  const Payload good = encode(example());
  CHECK_FALSE(decode_sample(nullptr).ok());
  CHECK_FALSE(decode_sample(std::make_shared<const std::vector<std::uint64_t>>()).ok());
  Rng rng(11);
  int refused = 0;
  for (int round = 0; round < 20000; ++round) {
    auto words = *good;
    const int flips = 1 + static_cast<int>(rng.below(4));
    for (int i = 0; i < flips; ++i) words[rng.below(words.size())] ^= 1ull << rng.below(64);
    if (rng.below(3) == 0) words.resize(1 + rng.below(words.size()));
    const auto got = decode_sample(std::make_shared<const std::vector<std::uint64_t>>(words));
    if (!got.ok()) {
      ++refused;
      REQUIRE(got.error().code == ErrorCode::Corrupt);
    } else {
      REQUIRE(got->tokens.size() == got->logprobs.size());
    }
  }
  CHECK(refused > 1000);
}

TEST_CASE("a_message_that_claims_absurd_sizes_is_refused_without_allocating_them") {
  Group group;
  group.samples.assign(3, encode(example()));
  auto words = *encode(group);
  // Every word in turn claims the largest count that its bits allow.
  for (std::size_t i = 0; i < words.size(); ++i) {
    auto hostile = words;
    hostile[i] |= 0xfffffff800000000ull;
    const auto got = decode_group(std::make_shared<const std::vector<std::uint64_t>>(hostile));
    if (got.ok()) REQUIRE(got->samples.size() <= 3);
  }
}
