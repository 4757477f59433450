// The generation engine through its public interface.
#include <condition_variable>
#include <fstream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "model/engines/sampler.hpp"
#include "tests/catch.hpp"
#include "tests/model_engines/whole_pass.hpp"

using namespace troupe;
using namespace troupe::model;

namespace {

/// Collects what a request's callback gets, on whatever thread.
class Inbox {
 public:
  GenerationEngine::OnSample receiver() {
    return [this](Result<GeneratedSample> sample) {
      std::lock_guard lock(mutex_);
      samples_.push_back(std::move(sample));
      changed_.notify_all();
    };
  }
  /// In order of index; errors are REQUIREd not to be there.
  std::vector<GeneratedSample> wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return samples_.size() >= count; });
    std::map<std::uint32_t, GeneratedSample> sorted;
    for (auto& s : samples_) {
      REQUIRE(s.ok());
      sorted.emplace(s->index, *s);
    }
    std::vector<GeneratedSample> out;
    for (auto& [index, s] : sorted) out.push_back(std::move(s));
    return out;
  }
  std::vector<Error> wait_errors(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return samples_.size() >= count; });
    std::vector<Error> out;
    for (auto& s : samples_) {
      REQUIRE(!s.ok());
      out.push_back(s.error());
    }
    return out;
  }
  std::size_t size() {
    std::lock_guard lock(mutex_);
    return samples_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Result<GeneratedSample>> samples_;
};

struct Tiny {
  TemporaryFolder folder;
  std::shared_ptr<Model> model;
  std::unique_ptr<GenerationEngine> engine;
  explicit Tiny(const std::string& dtype = "f32", std::uint32_t max_sequences = 8,
                const ModelConfig& config = tiny_config()) {
    write_tiny_model(folder.path(), config);
    model = load_model(folder.path(), dtype);
    engine = model->make_generation({.max_sequences = max_sequences}).value();
  }
};

GenerationRequest request(std::vector<Token> prompt, std::vector<std::uint64_t> seeds,
                          int max_new_tokens, double temperature = 1.0) {
  GenerationRequest out;
  out.prompt = std::move(prompt);
  out.seeds = std::move(seeds);
  out.sampling.max_new_tokens = max_new_tokens;
  out.sampling.temperature = temperature;
  return out;
}

std::vector<Token> ramp(int n, int step, int vocab = 97) {
  std::vector<Token> out;
  for (int i = 0; i < n; ++i) out.push_back((i * step + 5) % vocab);
  return out;
}

}  // namespace

TEST_CASE("greedy_decoding_of_the_real_model_is_that_of_transformers") {
  const auto path = real_model_path();
  if (path.empty()) return skip_test("the small real model is not there (./dev setup fetches it)");
  const auto json = nlohmann::json::parse(
      std::ifstream(std::string(TROUPE_SOURCE_DIR) + "/tests/model_engines/expected.json"));
  const auto& greedy = json["real"]["greedy"];
  const auto model = load_model(path, "f32");
  CHECK(model->parameters() == 134515008);
  const auto engine = model->make_generation({}).value();
  Inbox inbox;
  engine->submit(request(greedy["prompt"], {1, 2}, 16, 0.0), inbox.receiver());
  for (const GeneratedSample& s : inbox.wait(2)) {
    CHECK(s.tokens == greedy["tokens"].get<std::vector<Token>>());
  }
}

TEST_CASE("logprobs_and_choices_of_cached_decoding_are_those_of_a_whole_pass") {
  for (const auto& config : {tiny_config(), untied_config()}) {
    const int vocab = static_cast<int>(config.vocab_size);
    Tiny tiny("f32", 8, config);
    const auto weights = load_weights<float>(tiny.folder.path());
    const auto prompt = ramp(19, 7, vocab);
    Inbox inbox;
    tiny.engine->submit(request(prompt, {1, 2, 3}, 40, 0.7), inbox.receiver());
    for (const GeneratedSample& s : inbox.wait(3)) {
      CHECK(s.tokens.size() == 40);
      CHECK(s.finish == FinishReason::Length);
      REQUIRE(s.versions.size() == 1);
      CHECK(s.versions[0].first == 0);
      std::vector<Token> all = prompt;
      all.insert(all.end(), s.tokens.begin(), s.tokens.end());
      auto logits = logits_of(*weights, all);
      for (float& x : logits) x /= 0.7f;
      Rng rng(s.index + 1);
      for (std::size_t t = 0; t < s.tokens.size(); ++t) {
        const std::int64_t row = static_cast<std::int64_t>(prompt.size() + t) - 1;
        CHECK(s.logprobs[t] == Approx(logprob(logits, vocab, row, s.tokens[t])).margin(1e-4));
        // Inversion of the cumulative distribution: u lies within the token's interval.
        double before = 0;
        for (Token k = 0; k < s.tokens[t]; ++k) before += std::exp(logprob(logits, vocab, row, k));
        const double u = rng.uniform(), p = std::exp(logprob(logits, vocab, row, s.tokens[t]));
        CHECK(u > before - 1e-4);
        CHECK(u < before + p + 1e-4);
      }
    }
  }
}

TEST_CASE("tokens_depend_on_seed_and_prompt_but_not_on_the_rest_of_the_batch") {
  for (const std::string dtype : {"f32", "bf16"}) {
    Tiny alone(dtype, 1), crowd(dtype, 16);
    Inbox one, many, others;
    crowd.engine->submit(request(ramp(30, 11), {5, 6, 7, 8, 9, 10}, 25), others.receiver());
    crowd.engine->submit(request(ramp(12, 3), {21, 22, 23}, 30), many.receiver());
    crowd.engine->submit(request(ramp(3, 13), {31, 32, 33, 34}, 9), others.receiver());
    alone.engine->submit(request(ramp(12, 3), {21, 22, 23}, 30), one.receiver());
    const auto a = one.wait(3), b = many.wait(3);
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK(a[i].tokens == b[i].tokens);
      for (std::size_t t = 0; t < a[i].logprobs.size(); ++t) {
        CHECK(a[i].logprobs[t] == Approx(b[i].logprobs[t]).margin(dtype == "f32" ? 1e-5 : 0.02));
      }
    }
    CHECK(a[0].tokens != a[1].tokens);
    others.wait(10);
  }
}

TEST_CASE("more_samples_than_slots_are_all_served") {
  Tiny tiny("f32", 3);
  Inbox inbox;
  std::vector<std::uint64_t> seeds;
  for (int i = 0; i < 20; ++i) seeds.push_back(100 + i);
  tiny.engine->submit(request(ramp(17, 5), seeds, 12), inbox.receiver());
  Inbox wide;
  Tiny roomy("f32", 32);
  roomy.engine->submit(request(ramp(17, 5), seeds, 12), wide.receiver());
  const auto a = inbox.wait(20), b = wide.wait(20);
  for (std::size_t i = 0; i < 20; ++i) CHECK(a[i].tokens == b[i].tokens);
  const GenerationStats stats = tiny.engine->stats();
  CHECK(stats.prompt_tokens == 17);  // once, for all twenty
  CHECK(stats.generated_tokens == 240);
}

TEST_CASE("a_stop_token_ends_a_sample_and_is_its_last") {
  Tiny tiny;
  Inbox first, second;
  tiny.engine->submit(request(ramp(6, 5), {1}, 20), first.receiver());
  const auto whole = first.wait(1)[0].tokens;
  auto stopped = request(ramp(6, 5), {1}, 20);
  stopped.stop_tokens = {-1, whole[8]};
  tiny.engine->submit(stopped, second.receiver());
  const GeneratedSample s = second.wait(1)[0];
  CHECK(s.finish == FinishReason::Stop);
  CHECK(s.tokens.back() == whole[8]);
  const auto at = std::find(whole.begin(), whole.end(), whole[8]) - whole.begin();
  CHECK(s.tokens == std::vector<Token>(whole.begin(), whole.begin() + at + 1));
}

TEST_CASE("a_sample_ends_where_the_context_ends") {
  Tiny tiny("f32", 4, untied_config());  // context 64
  Inbox inbox;
  tiny.engine->submit(request(ramp(50, 5, 50), {1}, 1000), inbox.receiver());
  const GeneratedSample s = inbox.wait(1)[0];
  CHECK(s.finish == FinishReason::Length);
  CHECK(s.tokens.size() == 14);
}

TEST_CASE("a_request_that_cannot_be_served_fails_every_sample_and_no_other") {
  Tiny tiny;
  const std::vector<GenerationRequest> wrong = {
      request({}, {1, 2}, 5), request(ramp(128, 3), {1, 2}, 5), request({1, 97}, {1, 2}, 5),
      request({1, -1}, {1, 2}, 5), request({1}, {1, 2}, 0), request({1}, {1, 2}, 5, -1.0)};
  Inbox good;
  for (const auto& r : wrong) {
    Inbox bad;
    tiny.engine->submit(r, bad.receiver());
    tiny.engine->submit(request({1, 2}, {7}, 3), good.receiver());
    for (const Error& e : bad.wait_errors(2)) {
      CHECK(e.code == ErrorCode::InvalidArgument);
      CHECK_FALSE(e.help.empty());
    }
  }
  CHECK(good.wait(wrong.size()).size() == 1);  // all of index 0
  CHECK(good.size() == wrong.size());
}

TEST_CASE("destroying_an_engine_cancels_what_is_outstanding_exactly_once") {
  Inbox inbox;
  {
    Tiny tiny("f32", 2);
    for (int i = 0; i < 5; ++i) {
      tiny.engine->submit(request(ramp(20, 3), {1, 2, 3, 4}, 100), inbox.receiver());
    }
  }
  CHECK(inbox.size() == 20);
}

TEST_CASE("newer_weights_are_taken_over_between_two_tokens") {
  Tiny tiny("f32", 2);
  const auto trainer = tiny.model->make_training({.incarnation = 3}).value();
  const WeightsPtr newer = trainer->weights();
  REQUIRE(newer->version() == Version{3, 0});
  Inbox inbox;
  tiny.engine->submit(request(ramp(9, 3), {1}, 4), [&](Result<GeneratedSample> s) {
    REQUIRE(s.ok());
    tiny.engine->set_weights(newer);  // on the engine's thread: before the next step
  });
  tiny.engine->submit(request(ramp(9, 4), {2, 3}, 20), inbox.receiver());
  const auto samples = inbox.wait(2);
  const auto& running = samples[0].versions;
  REQUIRE(running.size() == 2);
  CHECK(running[0].first == 0);
  CHECK(running[0].version == Version{0, 0});
  CHECK(running[1].first >= 3);
  CHECK(running[1].first <= 5);
  CHECK(running[1].version == Version{3, 0});
  const auto& later = samples[1].versions;  // joined when the first had left
  REQUIRE(later.size() == 1);
  CHECK(later[0].version == Version{3, 0});
  // The values are the same, so the tokens are too: only the name of the weights changed.
  Inbox again;
  tiny.engine->submit(request(ramp(9, 4), {2, 3}, 20), again.receiver());
  const auto repeated = again.wait(2);
  CHECK(repeated[0].tokens == samples[0].tokens);
  CHECK(repeated[1].tokens == samples[1].tokens);
}

TEST_CASE("draws_follow_the_distribution_and_its_truncations") {
  const std::vector<float> logits = {1.0f, 3.0f, 2.0f, -4.0f, 3.0f, 0.0f, 2.5f};
  const std::int64_t vocab = static_cast<std::int64_t>(logits.size());
  const auto frequencies = [&](const SamplingOptions& options) {
    const auto row =
        kernels<float>().row_statistics(logits.data(), vocab, inverse_temperature(options));
    Rng rng(9);
    std::vector<double> out(logits.size(), 0);
    constexpr int kDraws = 40000;
    for (int i = 0; i < kDraws; ++i) {
      out[draw(logits.data(), vocab, options, row, rng).token] += 1.0 / kDraws;
    }
    return out;
  };
  const auto wanted = [&](double temperature, std::vector<int> kept) {
    std::vector<double> out(logits.size(), 0);
    double sum = 0;
    for (int k : kept) sum += out[k] = std::exp(logits[k] / temperature);
    for (double& x : out) x /= sum;
    return out;
  };
  const auto check = [&](const SamplingOptions& options, const std::vector<double>& want) {
    const auto seen = frequencies(options);
    for (std::size_t i = 0; i < want.size(); ++i) CHECK(seen[i] == Approx(want[i]).margin(0.012));
  };
  check({.temperature = 1.3}, wanted(1.3, {0, 1, 2, 3, 4, 5, 6}));
  check({.temperature = 1.0, .top_k = 3}, wanted(1.0, {1, 4, 6}));
  check({.temperature = 1.0, .top_k = 1}, wanted(1.0, {1}));  // a tie: the lowest id
  check({.temperature = 0.0}, wanted(1.0, {1}));
  check({.temperature = 2.0, .top_p = 0.45}, wanted(2.0, {1, 4}));
  check({.temperature = 1.0, .top_p = 0.6, .top_k = 2}, wanted(1.0, {1, 4}));
}
