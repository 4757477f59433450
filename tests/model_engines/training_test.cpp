// The training engine through its public interface.
#include <cstring>
#include <future>
#include <limits>

#include "tests/catch.hpp"
#include "tests/model_engines/whole_pass.hpp"

using namespace troupe;
using namespace troupe::model;

namespace {

Result<StepReport> step(TrainingEngine& engine, TrainingBatch batch) {
  std::promise<Result<StepReport>> done;
  engine.step(std::move(batch), [&](auto report) { done.set_value(std::move(report)); });
  return done.get_future().get();
}

Result<void> save(TrainingEngine& engine, const std::filesystem::path& folder) {
  std::promise<Result<void>> done;
  engine.save(folder, [&](auto result) { done.set_value(std::move(result)); });
  return done.get_future().get();
}

/// Samples of every group, collected until all are there; advantages are for the caller to set.
TrainingBatch generate(GenerationEngine& engine, int groups, int samples, int tokens,
                       std::uint64_t seed, double temperature = 1.0) {
  TrainingBatch batch;
  batch.temperature = temperature;
  batch.groups.resize(groups);
  std::promise<void> done;
  int left = groups * samples;
  for (int g = 0; g < groups; ++g) {
    GenerationRequest request;
    for (int i = 0; i < 5 + 3 * g; ++i) request.prompt.push_back((i * 7 + g * 13) % 50);
    for (int s = 0; s < samples; ++s) request.seeds.push_back(seed * 1000 + g * 100 + s);
    request.sampling.max_new_tokens = tokens;
    request.sampling.temperature = temperature;
    batch.groups[g].prompt = request.prompt;
    batch.groups[g].samples.resize(samples);
    engine.submit(request, [&, g](Result<GeneratedSample> s) {
      REQUIRE(s.ok());
      TrainingSample& to = batch.groups[g].samples[s->index];
      to.tokens = s->tokens;
      to.rollout_logprobs = s->logprobs;
      if (--left == 0) done.set_value();
    });
  }
  done.get_future().wait();
  return batch;
}

/// Reward: share of even tokens. Group advantage: reward minus the group's mean. Returns the mean.
double reward_even_tokens(TrainingBatch& batch) {
  double total = 0;
  int count = 0;
  for (TrainingGroup& group : batch.groups) {
    double mean = 0;
    for (TrainingSample& s : group.samples) {
      const double length = static_cast<double>(s.tokens.size());
      s.advantage = 0;
      for (const Token t : s.tokens) s.advantage += (t % 2 == 0) / length;
      mean += s.advantage / static_cast<double>(group.samples.size());
    }
    for (TrainingSample& s : group.samples) s.advantage = (s.advantage - mean) * 4;
    total += mean;
    ++count;
  }
  return total / count;
}

/// Fixed advantages that differ from sample to sample.
void set_advantages(TrainingBatch& batch) {
  int i = 0;
  for (auto& group : batch.groups)
    for (auto& s : group.samples) s.advantage = (i++ % 5 - 2) * 0.5;
}

struct Tiny {
  TemporaryFolder folder;
  std::shared_ptr<Model> model;
  std::unique_ptr<GenerationEngine> generator;
  explicit Tiny(const std::string& dtype = "f32", const ModelConfig& config = tiny_config()) {
    write_tiny_model(folder.path() / "tiny", config);
    model = load_model(folder.path() / "tiny", dtype);
    generator = model->make_generation({.max_sequences = 64}).value();
  }
};

template <class T>
bool same_weights(const WeightsPtr& a, const WeightsPtr& b) {
  const auto& x = dynamic_cast<const LlamaWeights<T>&>(*a);
  const auto& y = dynamic_cast<const LlamaWeights<T>&>(*b);
  for (const Parameter& p : x.architecture().parameters) {
    if (std::memcmp(x.at(p.offset), y.at(p.offset), p.elements * sizeof(T)) != 0) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("grpo_steps_raise_the_reward") {
  for (const std::string dtype : {"f32", "bf16"}) {
    Tiny tiny(dtype);
    const auto trainer = tiny.model->make_training({}).value();
    double first = 0, last = 0;
    for (int i = 0; i < 25; ++i) {
      TrainingBatch batch = generate(*tiny.generator, 4, 16, 12, i);
      const double reward = reward_even_tokens(batch);
      if (i == 0) first = reward;
      last = reward;
      batch.learning_rate = 5e-3;
      const auto report = step(*trainer, std::move(batch));
      REQUIRE(report.ok());
      REQUIRE_FALSE(report->skipped);
      CHECK(report->version == Version{0, static_cast<std::uint32_t>(i + 1)});
      CHECK(report->tokens == 4 * 16 * 12);
      CHECK(report->logprob_gap < (dtype == "f32" ? 1e-5 : 0.05));
      tiny.generator->set_weights(report->weights);
    }
    INFO(dtype << ": " << first << " -> " << last);
    CHECK(first < 0.65);
    CHECK(last > 0.9);
  }
}

TEST_CASE("the_first_update_of_a_batch_has_ratio_one") {
  Tiny tiny;
  const auto trainer = tiny.model->make_training({}).value();
  TrainingBatch batch = generate(*tiny.generator, 3, 4, 10, 1, 0.8);
  set_advantages(batch);
  double weighted = 0;
  for (const auto& g : batch.groups)
    for (const auto& s : g.samples) weighted -= s.advantage * 10 / (3 * 4 * 10);
  const auto report = step(*trainer, batch);
  REQUIRE(report.ok());
  CHECK(report->loss == Approx(weighted).margin(1e-9));
  CHECK(report->policy.ppo_kl == Approx(0).margin(1e-12));
  CHECK(report->policy.mean_ratio == Approx(1));
  CHECK(report->grad_norm > 0);
  CHECK(report->entropy > 1);
  CHECK(report->entropy < std::log(97.0));
  CHECK(report->logprob_gap_max < 1e-4);
  CHECK(report->policy_drift == 0);
}

TEST_CASE("micro_batches_do_not_change_the_step") {
  Tiny tiny;
  TrainingBatch batch = generate(*tiny.generator, 3, 6, 14, 2);
  set_advantages(batch);
  batch.groups[1].samples[2].masked = true;
  batch.groups[2].samples[0].tokens.resize(1);
  batch.groups[2].samples[0].rollout_logprobs.resize(1);
  batch.learning_rate = 1e-3;
  std::vector<StepReport> reports;
  for (const std::uint32_t limit : {100000u, 60u, 1u}) {
    const auto trainer = tiny.model->make_training({.micro_batch_tokens = limit}).value();
    reports.push_back(step(*trainer, batch).value());
  }
  for (const StepReport& r : reports) {
    CHECK(r.tokens == 3 * 6 * 14 - 14 - 13);
    CHECK(r.loss == Approx(reports[0].loss).epsilon(1e-9));
    CHECK(r.grad_norm == Approx(reports[0].grad_norm).epsilon(1e-4));
    CHECK(r.entropy == Approx(reports[0].entropy).epsilon(1e-6));
  }
}

TEST_CASE("samples_from_older_weights_use_their_rollout_logprobs_and_count_as_drift") {
  Tiny tiny;
  const auto trainer = tiny.model->make_training({}).value();
  TrainingBatch batch = generate(*tiny.generator, 2, 8, 12, 3);
  set_advantages(batch);
  batch.learning_rate = 2e-3;
  REQUIRE(step(*trainer, batch).ok());
  for (auto& g : batch.groups)
    for (auto& s : g.samples) s.on_policy = false;
  const auto second = step(*trainer, batch);
  REQUIRE(second.ok());
  CHECK(second->policy_drift > 1e-3);
  CHECK(second->logprob_gap == 0);
  CHECK(std::abs(second->policy.ppo_kl) > 1e-5);
}

TEST_CASE("kl_is_measured_against_the_reference_until_it_is_refreshed") {
  Tiny tiny;
  TrainingConfig config{.with_reference = true};
  config.loss.kl_coefficient = 0.05;
  const auto trainer = tiny.model->make_training(config).value();
  TrainingBatch batch = generate(*tiny.generator, 2, 8, 12, 3);
  set_advantages(batch);
  batch.learning_rate = 2e-3;
  CHECK(step(*trainer, batch)->kl == Approx(0).margin(1e-9));
  const double moved = step(*trainer, batch)->kl;
  CHECK(moved > 1e-4);
  std::promise<Result<void>> refreshed;
  trainer->refresh_reference([&](auto r) { refreshed.set_value(std::move(r)); });
  CHECK(refreshed.get_future().get().ok());
  CHECK(step(*trainer, batch)->kl == Approx(0).margin(1e-9));
}

template <class T>
bool same_tensors(const WeightsPtr& a, const WeightsPtr& b) {
  const auto* left = dynamic_cast<const LlamaWeights<T>*>(a.get());
  const auto* right = dynamic_cast<const LlamaWeights<T>*>(b.get());
  if (left == nullptr || right == nullptr) return false;
  return std::memcmp(left->at(0), right->at(0), left->bytes()) == 0;
}

TEST_CASE("a_step_that_is_not_finite_or_trains_nothing_keeps_the_tensors_under_the_next_version") {
  Tiny tiny;
  const auto trainer = tiny.model->make_training({}).value();
  const WeightsPtr before = trainer->weights();
  TrainingBatch batch = generate(*tiny.generator, 1, 4, 6, 5);
  set_advantages(batch);
  TrainingBatch broken = batch, empty = batch;
  broken.groups[0].samples[1].advantage = std::numeric_limits<double>::infinity();
  broken.groups[0].samples[2].advantage = -std::numeric_limits<double>::infinity();
  for (auto& s : empty.groups[0].samples) s.masked = true;
  std::uint32_t taken = 0;
  for (const TrainingBatch& b : {broken, empty, TrainingBatch{}}) {
    const auto report = step(*trainer, b);
    REQUIRE(report.ok());
    CHECK(report->skipped == (taken == 0));  // only the first one was not finite
    CHECK(report->version == Version{0, ++taken});
    CHECK(report->weights->version() == report->version);
    CHECK(trainer->weights() == report->weights);
    CHECK((same_tensors<float>(before, report->weights) ||
           same_tensors<Bf16>(before, report->weights)));
  }
  const auto trained = step(*trainer, batch);
  CHECK_FALSE(trained->skipped);
  CHECK_FALSE((same_tensors<float>(before, trained->weights) ||
               same_tensors<Bf16>(before, trained->weights)));
}

TEST_CASE("a_batch_that_does_not_fit_the_model_is_an_error") {
  Tiny tiny;
  const auto trainer = tiny.model->make_training({}).value();
  TrainingBatch good = generate(*tiny.generator, 1, 2, 6, 5);
  std::vector<TrainingBatch> wrong(5, good);
  wrong[0].groups[0].prompt.clear();
  wrong[1].groups[0].samples[1].tokens[3] = 97;
  wrong[2].groups[0].samples[1].rollout_logprobs.pop_back();
  wrong[3].groups[0].prompt.resize(127, 1);
  wrong[4].temperature = 0;
  for (const TrainingBatch& b : wrong) {
    const auto report = step(*trainer, b);
    REQUIRE_FALSE(report.ok());
    CHECK(report.error().code == ErrorCode::InvalidArgument);
  }
}

TEST_CASE("published_weights_stay_what_they_were") {
  Tiny tiny;
  const auto trainer = tiny.model->make_training({}).value();
  std::vector<WeightsPtr> held;
  std::vector<std::vector<float>> copies;
  TrainingBatch batch = generate(*tiny.generator, 1, 4, 6, 5);
  set_advantages(batch);
  batch.learning_rate = 1e-2;
  for (int i = 0; i < 5; ++i) {
    const auto& w = dynamic_cast<const LlamaWeights<float>&>(*trainer->weights());
    held.push_back(trainer->weights());
    copies.emplace_back(w.at(0), w.at(w.architecture().elements));
    REQUIRE(step(*trainer, batch).ok());
    if (i == 2) held[1] = nullptr;  // its memory may be used again
  }
  for (std::size_t i = 0; i < held.size(); ++i) {
    if (!held[i]) continue;
    const auto& w = dynamic_cast<const LlamaWeights<float>&>(*held[i]);
    CHECK(std::equal(copies[i].begin(), copies[i].end(), w.at(0)));
  }
}

TEST_CASE("a_resumed_engine_continues_bit_for_bit") {
  Tiny tiny("bf16");
  TrainingConfig config{.weight_decay = 0.01, .with_reference = true};
  config.loss.kl_coefficient = 0.01;
  const auto trainer = tiny.model->make_training(config).value();
  std::vector<TrainingBatch> batches;
  for (int i = 0; i < 3; ++i) {
    batches.push_back(generate(*tiny.generator, 2, 4, 8, i));
    set_advantages(batches.back());
    batches.back().learning_rate = 1e-3;
  }
  REQUIRE(step(*trainer, batches[0]).ok());
  trainer->refresh_reference([](auto) {});
  const auto second = step(*trainer, batches[1]).value();
  const auto folder = tiny.folder.path() / "checkpoint";
  REQUIRE(save(*trainer, folder).ok());
  CHECK(save(*trainer, folder).error().code == ErrorCode::Conflict);
  const auto third = step(*trainer, batches[2]).value();

  config.resume_from = folder;
  config.resume_step = 2;
  config.incarnation = 1;
  const auto resumed = tiny.model->make_training(config).value();
  CHECK(resumed->weights()->version() == Version{1, 2});
  CHECK(same_weights<Bf16>(resumed->weights(), second.weights));
  const auto again = step(*resumed, batches[2]).value();
  CHECK(again.version == Version{1, 3});
  CHECK(again.loss == third.loss);
  CHECK(again.kl == third.kl);
  CHECK(again.grad_norm == third.grad_norm);
  CHECK(same_weights<Bf16>(again.weights, third.weights));

  // And the saved model is a checkpoint like any other.
  const auto reloaded = load_model(folder / "model", "bf16");
  CHECK(same_weights<Bf16>(reloaded->initial_weights(), second.weights));

  std::filesystem::resize_file(folder / "optimizer/state.safetensors", 1000);
  const auto corrupt = tiny.model->make_training(config);
  REQUIRE_FALSE(corrupt.ok());
  CHECK(corrupt.error().code == ErrorCode::Corrupt);
}

TEST_CASE("engines_of_one_model_work_at_the_same_time") {
  Tiny tiny("bf16");
  const auto trainer = tiny.model->make_training({}).value();
  TrainingBatch batch = generate(*tiny.generator, 2, 8, 12, 1);
  set_advantages(batch);
  std::promise<void> trained;
  int left = 6;
  for (int i = 0; i < 6; ++i) {
    trainer->step(batch, [&](Result<StepReport> r) {
      REQUIRE(r.ok());
      tiny.generator->set_weights(r->weights);
      if (--left == 0) trained.set_value();
    });
  }
  for (int i = 0; i < 3; ++i) {
    const TrainingBatch more = generate(*tiny.generator, 2, 8, 12, i);
    for (const auto& g : more.groups)
      for (const auto& s : g.samples) CHECK(s.tokens.size() == 12);
  }
  trained.get_future().wait();
}
