// The forward and backward passes against transformers (expected.json, make_expected.py).
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "model/engines/backward.hpp"
#include "model/engines/vocabulary_head.hpp"
#include "tests/catch.hpp"
#include "tests/model_engines/whole_pass.hpp"

using namespace troupe;
using namespace troupe::model;

namespace {

const nlohmann::json& expected() {
  static const auto json = nlohmann::json::parse(
      std::ifstream(std::string(TROUPE_SOURCE_DIR) + "/tests/model_engines/expected.json"));
  return json;
}

ModelConfig config_of(std::size_t tiny) { return tiny == 0 ? tiny_config() : untied_config(); }

struct Case {
  MicroBatch micro;
  TrainingBatch batch;
  std::vector<double> coefficients;
};

/// The objective of make_expected.py: sum of coefficients times log-probabilities.
void fill(const nlohmann::json& tiny, Case& out) {
  TrainingGroup group;
  group.prompt = tiny["prompt"].get<std::vector<Token>>();
  std::size_t s = 0;
  for (const auto& completion : tiny["completions"]) {
    TrainingSample sample;
    sample.tokens = completion.get<std::vector<Token>>();
    sample.rollout_logprobs.resize(sample.tokens.size());
    for (std::size_t t = 0; t < sample.tokens.size(); ++t) {
      out.coefficients.push_back((static_cast<int>(t * 3 + s * 5) % 7 - 3) / 4.0);
    }
    group.samples.push_back(std::move(sample));
    ++s;
  }
  out.batch.groups.push_back(std::move(group));
}

template <class T>
double gradient_of(const LlamaWeights<T>& weights, const std::vector<MicroBatch>& micros,
                   std::vector<double> coefficients, double temperature,
                   std::vector<float>& gradient) {
  const Architecture& a = weights.architecture();
  gradient.assign(a.elements, 0);
  double objective = 0;
  for (const MicroBatch& micro : micros) {
    Tape<T> tape;
    tape.reserve(a, micro.rows(), true);
    std::vector<Scratch<float>> scratch;
    const auto attend = [&](std::int64_t, const LayerTape<T>& l) {
      attend_segments(a, micro.segments, l, scratch);
    };
    forward<T>(weights, micro.tokens.data(), micro.positions.data(), attend, tape);
    VocabularyHead<T> head;
    std::vector<double> logprobs, entropies;
    head.forward(weights, tape.normed, micro, temperature, logprobs, entropies);
    const std::vector<double> mine(coefficients.begin(), coefficients.begin() + logprobs.size());
    coefficients.erase(coefficients.begin(), coefficients.begin() + logprobs.size());
    for (std::size_t t = 0; t < mine.size(); ++t) objective += mine[t] * logprobs[t];
    head.backward(weights, micro, temperature, mine, tape.delta, gradient.data() + a.head);
    Backward<T> backward;
    backward.run(weights, micro, tape.delta, tape, gradient.data());
  }
  return objective;
}

}  // namespace

TEST_CASE("tiny_models_give_the_logits_of_transformers") {
  for (std::size_t i = 0; i < 2; ++i) {
    const auto& tiny = expected()["tiny"][i];
    const TemporaryFolder folder;
    write_tiny_model(folder.path(), config_of(i));
    const auto tokens = tiny["tokens"].get<std::vector<Token>>();
    const auto want = tiny["last_logits"].get<std::vector<float>>();
    const auto f32 = logits_of(*load_weights<float>(folder.path()), tokens);
    const auto bf16 = logits_of(*load_weights<Bf16>(folder.path()), tokens);
    const std::size_t last = (tokens.size() - 1) * want.size();
    double largest = 0;
    for (const float x : want) largest = std::max<double>(largest, std::abs(x));
    for (std::size_t t = 0; t < want.size(); ++t) {
      CHECK(f32[last + t] == Approx(want[t]).margin(2e-5 * largest));
      CHECK(bf16[last + t] == Approx(want[t]).margin(0.03 * largest));
    }
  }
}

TEST_CASE("the_real_model_gives_the_logits_and_logprobs_of_transformers") {
  const auto path = real_model_path();
  if (path.empty()) return skip_test("the small real model is not there (./dev setup fetches it)");
  const auto weights = load_weights<float>(path);
  const auto rounded = load_weights<Bf16>(path);
  const std::int64_t vocab = weights->architecture().vocab;
  for (const auto& sequence : expected()["real"]["sequences"]) {
    const auto tokens = sequence["tokens"].get<std::vector<Token>>();
    const auto f32 = logits_of(*weights, tokens);
    const auto bf16 = logits_of(*rounded, tokens);
    const std::int64_t last = static_cast<std::int64_t>(tokens.size()) - 1;
    for (std::size_t i = 0; i < sequence["top_ids"].size(); ++i) {
      const std::int64_t id = sequence["top_ids"][i];
      CHECK(f32[last * vocab + id] ==
            Approx(sequence["top_logits"][i].get<double>()).margin(2e-3));
      CHECK(logprob(f32, vocab, last, id) ==
            Approx(sequence["top_logprobs"][i].get<double>()).margin(2e-3));
      CHECK(bf16[last * vocab + id] == Approx(sequence["top_logits"][i].get<double>()).margin(0.5));
    }
    double bf16_error = 0;
    for (std::int64_t t = 0; t < last; ++t) {
      const double want = sequence["logprobs"][t];
      CHECK(logprob(f32, vocab, t, tokens[t + 1]) == Approx(want).margin(2e-3));
      bf16_error += std::abs(logprob(bf16, vocab, t, tokens[t + 1]) - want) / last;
    }
    CHECK(bf16_error < 0.08);
  }
}

TEST_CASE("gradients_through_a_shared_prompt_are_those_of_transformers") {
  for (std::size_t i = 0; i < 2; ++i) {
    const auto& tiny = expected()["tiny"][i];
    const TemporaryFolder folder;
    write_tiny_model(folder.path(), config_of(i));
    const auto weights = load_weights<float>(folder.path());
    const auto rounded = load_weights<Bf16>(folder.path());
    const Architecture& a = weights->architecture();
    Case c;
    fill(tiny, c);
    for (const std::int64_t limit : {1000, 30}) {  // one micro-batch, or the group divided
      const auto micros = pack(c.batch, limit);
      CHECK(micros.size() == (limit == 1000 ? 1u : 2u));
      std::vector<float> gradient, coarse;
      const double objective = gradient_of(*weights, micros, c.coefficients, 0.8, gradient);
      CHECK(objective == Approx(tiny["objective"].get<double>()).epsilon(1e-5));
      gradient_of(*rounded, micros, c.coefficients, 0.8, coarse);
      for (const Parameter& p : a.parameters) {
        const auto& want = tiny["gradients"][p.name];
        const double norm = want["norm"];
        double squares = 0, error = 0;
        for (std::int64_t e = 0; e < p.elements; ++e) {
          const double g = gradient[p.offset + e];
          squares += g * g;
          error += (coarse[p.offset + e] - g) * (coarse[p.offset + e] - g);
        }
        INFO(p.name);
        CHECK(std::sqrt(squares) == Approx(norm).epsilon(1e-4));
        CHECK(std::sqrt(error) < 0.08 * norm);
        for (std::size_t k = 0; k < want["at"].size(); ++k) {
          CHECK(gradient[p.offset + want["at"][k].get<std::int64_t>()] ==
                Approx(want["values"][k].get<double>()).margin(1e-4 * norm));
        }
      }
    }
  }
}
