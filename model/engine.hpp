#pragma once
// The engines: who does the heavy work for stages. No LibTorch type appears here; the library that
// implements them (libtroupe_engines.so) is loaded by the command that needs it, and simulations
// put engines with a cost model in their place.
//
// Every engine owns one thread. Calls are thread-safe and never block; results come through the
// callback given, on the engine's thread, exactly once per item. Callbacks must not block: hosts
// post an event and return. Destroying an engine cancels what is outstanding (callbacks get
// ErrorCode::Cancelled) and joins its thread.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/losses/policy_loss.hpp"
#include "schemas/base/disk.hpp"
#include "schemas/base/ids.hpp"
#include "schemas/base/result.hpp"

namespace troupe::model {

using Token = std::int32_t;
class Tokenizer;

/// Immutable tensors of one policy version, shared by whoever still needs them. Opaque here.
class Weights {
 public:
  virtual ~Weights() = default;
  virtual Version version() const = 0;
  virtual std::uint64_t bytes() const = 0;
};
using WeightsPtr = std::shared_ptr<const Weights>;

struct SamplingOptions {
  double temperature = 1.0;  // 0: greedy (argmax, lowest id on ties)
  double top_p = 1.0;        // (0, 1]; 1: off
  std::int32_t top_k = 0;    // 0: off
  std::int32_t max_new_tokens = 128;
};

enum class FinishReason : std::uint8_t { Stop, Length, Abort };

/// `samples` completions of one prompt. The prompt is computed once for all of them.
struct GenerationRequest {
  std::vector<Token> prompt;         // not empty
  std::vector<std::uint64_t> seeds;  // one per sample; the sampled tokens depend on this, the
                                     // prompt and the weights, never on what else is in the batch
  SamplingOptions sampling;
  std::vector<Token> stop_tokens;    // a stop token ends a sample and is its last token
  /// Asked after every token with the sample's tokens so far; true ends it like a stop token. Pure
  /// and quick: it runs on the engine's thread. Empty: never. For texts that no one token is.
  std::function<bool(std::span<const Token>)> stop_when;
};

/// Tokens [first, next span's first) were produced by this version.
struct VersionSpan {
  std::uint32_t first = 0;
  Version version;
};

struct GeneratedSample {
  std::uint32_t index = 0;       // into the request's seeds
  std::vector<Token> tokens;     // without the prompt; ends with the stop token if finish == Stop
  std::vector<float> logprobs;   // natural log-probability of each token under the distribution
                                 // that temperature scaling gives (before top-p/top-k truncation)
  std::vector<VersionSpan> versions;
  FinishReason finish = FinishReason::Length;
};

struct GenerationStats {
  std::uint64_t prompt_tokens = 0;
  std::uint64_t generated_tokens = 0;
  double busy_seconds = 0;
  std::uint64_t decode_steps = 0;
};

class GenerationEngine {
 public:
  virtual ~GenerationEngine() = default;
  using OnSample = std::function<void(Result<GeneratedSample>)>;
  /// `on_sample` is called once per seed, in order of completion. A request that cannot be served
  /// (empty prompt, longer than the context) fails every one of its samples.
  virtual void submit(GenerationRequest request, OnSample on_sample) = 0;
  /// The weights that every token from the next decode step on comes from. Running samples go on
  /// with them and carry a new version span.
  virtual void set_weights(WeightsPtr weights) = 0;
  virtual GenerationStats stats() const = 0;
};

struct TrainingSample {
  std::vector<Token> tokens;            // completion, without the prompt
  std::vector<float> rollout_logprobs;  // same length; from the generation engine
  double advantage = 0.0;
  bool on_policy = true;  // every token came from the very weights being trained
  bool masked = false;    // contributes no loss (truncated, by option)
};

struct TrainingGroup {
  std::vector<Token> prompt;
  std::vector<TrainingSample> samples;
};

/// What one optimizer step consumes.
struct TrainingBatch {
  std::vector<TrainingGroup> groups;
  double learning_rate = 1e-6;
  double temperature = 1.0;  // logits are divided by it before log-softmax, as when sampling
};

/// What the step saw, over completion tokens that carry loss.
struct StepReport {
  Version version;          // of the weights after the step
  WeightsPtr weights;       // published: what `version` names
  double loss = 0;
  double grad_norm = 0;     // before clipping
  double entropy = 0;       // mean over tokens, nats
  double kl = 0;            // mean k3 against the reference model; 0 without one
  PolicyLossMetrics policy; // clip fractions, ppo_kl
  double logprob_gap = 0;   // mean |trainer - rollout| over tokens whose weights are the same
  double logprob_gap_max = 0;
  double policy_drift = 0;  // mean |trainer - rollout| over tokens from older weights
  std::uint64_t tokens = 0; // completion tokens with loss
  bool skipped = false;     // loss or gradient was not finite: a new version, the same tensors
  double forward_seconds = 0, backward_seconds = 0, optimizer_seconds = 0;
};

class TrainingEngine {
 public:
  virtual ~TrainingEngine() = default;
  /// Version and published weights right now. Any thread.
  virtual WeightsPtr weights() const = 0;
  virtual void step(TrainingBatch batch, std::function<void(Result<StepReport>)> on_done) = 0;
  /// Copies the current weights into the reference model (DeepSeekMath, iterative GRPO).
  virtual void refresh_reference(std::function<void(Result<void>)> on_done) = 0;
  /// Writes model/ (Hugging Face layout, loads in transformers) and optimizer/ into `folder`,
  /// which must not exist; syncs. The caller renames it into place.
  virtual void save(std::filesystem::path folder, std::function<void(Result<void>)> on_done) = 0;
};

struct ModelSpec {
  std::filesystem::path path;  // a .gguf file or a folder in Hugging Face layout
  std::string dtype = "bf16";  // "bf16" or "f32": arithmetic of activations and published weights
  /// What is computed for a token never depends, to the bit, on what else is computed with it: so
  /// generation and training agree exactly, and runs repeat. Slower.
  bool exact = false;
};

struct TrainingConfig {
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weight_decay = 0.0;  // AdamW, decoupled
  double max_grad_norm = 1.0;      // 0: no clipping
  std::uint32_t micro_batch_tokens = 2048;
  PolicyLossOptions loss;
  bool with_reference = false;     // keep a frozen copy for the KL term
  std::uint32_t incarnation = 0;   // of every version this engine makes
  std::optional<std::filesystem::path> resume_from;  // a folder written by save()
  std::uint32_t resume_step = 0;   // its step
  std::shared_ptr<const Tokenizer> tokenizer;  // written beside the weights by save(); may be null
};

struct GenerationConfig {
  std::uint32_t max_sequences = 128;  // decoded together
};

/// A model read once; engines made from it share its tensors until a step replaces them. Any
/// thread.
class Model {
 public:
  virtual ~Model() = default;
  virtual std::uint64_t parameters() const = 0;
  virtual std::uint32_t context_length() const = 0;
  virtual WeightsPtr initial_weights() const = 0;  // version {0, 0}
  virtual Result<std::unique_ptr<GenerationEngine>> make_generation(const GenerationConfig&) = 0;
  virtual Result<std::unique_ptr<TrainingEngine>> make_training(const TrainingConfig&) = 0;
};

/// The loaded engine library. One per process.
class EngineLibrary {
 public:
  virtual ~EngineLibrary() = default;
  /// `threads`: cores that engines of this process share; they take turns, one decode step or one
  /// micro-batch at a time, so that two never fight for a core.
  virtual Result<std::shared_ptr<Model>> load(const ModelSpec& spec, unsigned threads) = 0;
};

/// Opens libtroupe_engines.so (beside the program, or in ../lib of it). Errors say what to build.
/// Safe to call again: the same library is returned.
Result<EngineLibrary*> load_engine_library();

}  // namespace troupe::model
