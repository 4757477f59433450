// Speed of the engines on a real model: generation, one training step, and full GRPO steps.
//   bench_engines MODEL [--threads N] [--dtype bf16|f32] [--repeat N] [--only NAME]
//                       [--micro-batch TOKENS]
// Prints one line per measurement with the median and the spread over the repetitions.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>
#include <string>
#include <vector>

#include "model/engine.hpp"
#include "schemas/base/rng.hpp"

extern "C" troupe::model::EngineLibrary* troupe_engine_library();

using namespace troupe;
using namespace troupe::model;

namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Of all threads: says more than the clock when the machine is not quiet.
double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return t.tv_sec + 1e-6 * t.tv_usec; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double peak_rss_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

struct Options {
  std::string model, dtype = "bf16", only;
  unsigned threads = 2;
  unsigned micro_batch_tokens = TrainingConfig{}.micro_batch_tokens;
  int repeat = 3;
};

struct Job {
  const char* name;
  int prompts, samples, prompt_min, prompt_max, tokens;
};

struct Series {
  std::vector<double> values;
  std::string text() {
    std::sort(values.begin(), values.end());
    char out[96];
    std::snprintf(out, sizeof out, "%.2f s (%.2f-%.2f)", median(), values.front(), values.back());
    return out;
  }
  double median() {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
  }
};

std::vector<std::vector<Token>> make_prompts(const Job& job) {
  Rng rng(1);
  std::vector<std::vector<Token>> prompts(job.prompts);
  for (auto& prompt : prompts) {
    const std::uint64_t span = static_cast<std::uint64_t>(job.prompt_max - job.prompt_min) + 1;
    prompt.resize(job.prompt_min + rng.below(span));
    for (Token& t : prompt) t = static_cast<Token>(100 + rng.below(40000));
  }
  return prompts;
}

TrainingBatch generate(GenerationEngine& engine, const Job& job, std::uint64_t seed) {
  TrainingBatch batch;
  const auto prompts = make_prompts(job);
  std::vector<std::promise<void>> done(prompts.size());
  batch.groups.resize(prompts.size());
  std::vector<int> left(prompts.size(), job.samples);
  for (std::size_t g = 0; g < prompts.size(); ++g) {
    GenerationRequest request;
    request.prompt = prompts[g];
    request.sampling.max_new_tokens = job.tokens;
    for (int s = 0; s < job.samples; ++s) {
      request.seeds.push_back(derive_seed(derive_seed(seed, g), s));
    }
    batch.groups[g].prompt = prompts[g];
    engine.submit(std::move(request), [&, g](Result<GeneratedSample> sample) {
      if (!sample.ok()) {
        std::fprintf(stderr, "%s\n", sample.error().text().c_str());
        std::exit(1);
      }
      TrainingSample t;
      t.tokens = sample->tokens;
      t.rollout_logprobs = sample->logprobs;
      t.advantage = left[g] % 2 ? 1.0 : -1.0;
      batch.groups[g].samples.push_back(std::move(t));
      if (--left[g] == 0) done[g].set_value();
    });
  }
  for (auto& d : done) d.get_future().wait();
  return batch;
}

StepReport train(TrainingEngine& engine, TrainingBatch batch) {
  std::promise<Result<StepReport>> done;
  engine.step(std::move(batch), [&](Result<StepReport> r) { done.set_value(std::move(r)); });
  Result<StepReport> report = done.get_future().get();
  if (!report.ok()) {
    std::fprintf(stderr, "%s\n", report.error().text().c_str());
    std::exit(1);
  }
  return *report;
}

void run(const Job& job, const Options& options, GenerationEngine& generator,
         TrainingEngine* trainer) {
  if (!options.only.empty() && options.only != job.name) return;
  Series generation, training, total, forward, backward, optimizer;
  Series generation_cpu, training_cpu;
  const GenerationStats before = generator.stats();
  StepReport last;
  for (int i = 0; i < options.repeat; ++i) {
    const double begin = now(), begin_cpu = cpu_seconds();
    TrainingBatch batch = generate(generator, job, i);
    const double generated = now(), generated_cpu = cpu_seconds();
    generation_cpu.values.push_back(generated_cpu - begin_cpu);
    generation.values.push_back(generated - begin);
    if (!trainer) continue;
    last = train(*trainer, std::move(batch));
    generator.set_weights(last.weights);
    training.values.push_back(now() - generated);
    training_cpu.values.push_back(cpu_seconds() - generated_cpu);
    total.values.push_back(now() - begin);
    forward.values.push_back(last.forward_seconds);
    backward.values.push_back(last.backward_seconds);
    optimizer.values.push_back(last.optimizer_seconds);
  }
  const GenerationStats after = generator.stats();
  const double tokens = static_cast<double>(after.generated_tokens - before.generated_tokens) /
                        options.repeat;
  std::printf("%-12s generate %s, %.0f tokens/s, %.2f s of processor time\n", job.name,
              generation.text().c_str(), tokens / generation.median(), generation_cpu.median());
  if (trainer) {
    std::printf("%-12s train    %s (forward %.2f, backward %.2f, optimizer %.2f), %.2f s of "
                "processor time\n",
                job.name, training.text().c_str(), forward.median(), backward.median(),
                optimizer.median(), training_cpu.median());
    std::printf("%-12s step     %s; logprob gap %.4f (max %.3f), gradient norm %.3f\n", job.name,
                total.text().c_str(), last.logprob_gap, last.logprob_gap_max, last.grad_norm);
  }
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const auto value = [&] { return i + 1 < argc ? argv[++i] : ""; };
    if (!std::strcmp(argv[i], "--threads")) options.threads = std::atoi(value());
    else if (!std::strcmp(argv[i], "--dtype")) options.dtype = value();
    else if (!std::strcmp(argv[i], "--repeat")) options.repeat = std::atoi(value());
    else if (!std::strcmp(argv[i], "--micro-batch"))
      options.micro_batch_tokens = std::atoi(value());
    else if (!std::strcmp(argv[i], "--only")) options.only = value();
    else options.model = argv[i];
  }
  if (options.model.empty() || options.repeat < 1) {
    std::fprintf(stderr, "usage: bench_engines MODEL [--threads N] [--dtype bf16|f32] "
                         "[--repeat N] [--only NAME] [--micro-batch TOKENS]\n");
    return 2;
  }
  const double begin = now();
  auto model = troupe_engine_library()->load({.path = options.model, .dtype = options.dtype},
                                             options.threads);
  if (!model.ok()) {
    std::fprintf(stderr, "%s\n", model.error().text().c_str());
    return 1;
  }
  const double loaded = now();
  auto generator = (*model)->make_generation({.max_sequences = 128}).value();
  const Job warm{"warm", 4, 4, 60, 90, 8};
  generate(*generator, warm, 0);
  std::printf("load %.2f s, first 16 x 8 tokens %.2f s\n", loaded - begin, now() - loaded);
  const double made = now();
  auto made_trainer =
      (*model)->make_training({.micro_batch_tokens = options.micro_batch_tokens});
  if (!made_trainer.ok()) {
    std::fprintf(stderr, "%s\n", made_trainer.error().text().c_str());
    return 1;
  }
  const auto trainer = std::move(made_trainer).value();
  std::printf("make training engine %.2f s\n", now() - made);

  run({"gen-64x1", 64, 1, 60, 90, 128}, options, *generator, nullptr);
  run({"gen-1x1", 1, 1, 60, 90, 128}, options, *generator, nullptr);
  run({"grpo-8x8", 8, 8, 60, 90, 128}, options, *generator, trainer.get());
  run({"quickstart", 16, 8, 40, 50, 20}, options, *generator, trainer.get());
  std::printf("peak memory %.0f MiB\n", peak_rss_mib());
  return 0;
}
