// The entrance of libtroupe_engines.so.
#include <malloc.h>

#include "model/engines/failure.hpp"
#include "model/engines/generation.hpp"
#include "model/engines/matmul.hpp"
#include "model/engines/read_parameters.hpp"
#include "model/engines/training.hpp"

namespace troupe::model {
namespace {

template <class T>
class LlamaModel final : public Model {
 public:
  LlamaModel(ArchitecturePtr architecture, std::shared_ptr<const Checkpoint> checkpoint,
             std::shared_ptr<CoreLease> lease, unsigned threads)
      : architecture_(std::move(architecture)),
        checkpoint_(std::move(checkpoint)),
        lease_(std::move(lease)),
        threads_(threads),
        pool_(std::make_shared<BufferPool>(architecture_->elements * sizeof(T))),
        pages_(std::make_shared<PagePool<T>>(*architecture_)) {}

  /// Throws std::bad_alloc.
  Result<void> read() {
    auto weights = std::make_shared<LlamaWeights<T>>(architecture_, pool_, Version{});
    TROUPE_TRY(read_parameters(*checkpoint_, *architecture_, threads_,
                               [&](const Parameter& p, std::span<const float> values) {
                                 kernels<T>().convert(values.data(), p.elements,
                                                      weights->data() + p.offset);
                               }));
    initial_ = std::move(weights);
    return architecture_->exact ? check_exact() : Result<void>();
  }

  std::uint64_t parameters() const override {
    return static_cast<std::uint64_t>(architecture_->parameter_count);
  }
  std::uint32_t context_length() const override {
    return static_cast<std::uint32_t>(architecture_->context);
  }
  WeightsPtr initial_weights() const override { return initial_; }

  Result<std::unique_ptr<GenerationEngine>> make_generation(
      const GenerationConfig& config) override {
    if (config.max_sequences == 0) {
      return Error{ErrorCode::InvalidArgument, "max_sequences is 0", "Decode at least one"};
    }
    try {
      return std::unique_ptr<GenerationEngine>(
          std::make_unique<LlamaGeneration<T>>(initial_, config, pages_, lease_, threads_));
    } catch (...) {
      return failure_of(std::current_exception(), "making a generation engine");
    }
  }
  Result<std::unique_ptr<TrainingEngine>> make_training(const TrainingConfig& config) override {
    return LlamaTraining<T>::make({.architecture = architecture_,
                                   .pool = pool_,
                                   .lease = lease_,
                                   .threads = threads_,
                                   .initial = initial_,
                                   .checkpoint = checkpoint_},
                                  config);
  }

 private:
  /// Tries what exactness rests on, for the shapes of this model.
  Result<void> check_exact() const {
    const Architecture& a = *architecture_;
    set_team_size(threads_);
    const std::pair<std::int64_t, std::int64_t> shapes[] = {
        {a.heads.qkv_width(), a.hidden}, {a.hidden, a.heads.q_width()},
        {2 * a.intermediate, a.hidden},  {a.hidden, a.intermediate},
        {a.vocab, a.hidden}};
    for (const auto& [out, in] : shapes) {
      if (rows_are_independent<T>(out, in)) continue;
      return Error{ErrorCode::Unsupported,
                   "an exact run is not possible here: this machine's matrix product of " +
                       std::to_string(in) + " by " + std::to_string(out) +
                       " gives a row other bits in another place",
                   "Run without exactness, or with dtype = \"f32\""};
    }
    return {};
  }

  const ArchitecturePtr architecture_;
  const std::shared_ptr<const Checkpoint> checkpoint_;
  const std::shared_ptr<CoreLease> lease_;
  const unsigned threads_;
  const std::shared_ptr<BufferPool> pool_;
  const std::shared_ptr<PagePool<T>> pages_;
  std::shared_ptr<const LlamaWeights<T>> initial_;
};

template <class T>
Result<std::shared_ptr<Model>> load_as(const ModelSpec& spec, std::shared_ptr<CoreLease> lease,
                                       unsigned threads) {
  TROUPE_ASSIGN(std::shared_ptr<const Checkpoint> checkpoint, open_checkpoint(spec.path));
  TROUPE_ASSIGN(ArchitecturePtr architecture, Architecture::make(checkpoint->config(), spec.exact));
  auto model = std::make_shared<LlamaModel<T>>(std::move(architecture), std::move(checkpoint),
                                               std::move(lease), threads);
  TROUPE_TRY(model->read());
  return std::shared_ptr<Model>(std::move(model));
}

class Library final : public EngineLibrary {
 public:
  Library() {
    // LibTorch takes and gives back buffers of many sizes in every step; without this each costs
    // page faults. 32 MiB is the largest threshold that glibc accepts.
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 512 << 20);
    wait_politely();
  }

  Result<std::shared_ptr<Model>> load(const ModelSpec& spec, unsigned threads) override {
    if (threads == 0) {
      return Error{ErrorCode::InvalidArgument, "the engines were given no core",
                   "Give them at least one thread"};
    }
    try {
      if (spec.dtype == "bf16") return load_as<Bf16>(spec, lease_, threads);
      if (spec.dtype == "f32") return load_as<float>(spec, lease_, threads);
    } catch (...) {
      return failure_of(std::current_exception(), "loading " + spec.path.string());
    }
    return Error{ErrorCode::InvalidArgument, "dtype '" + spec.dtype + "' is not known",
                 "Use 'bf16' or 'f32'"};
  }

 private:
  // One for the process: engines of different models take turns too.
  const std::shared_ptr<CoreLease> lease_ = std::make_shared<CoreLease>();
};

}  // namespace
}  // namespace troupe::model

extern "C" __attribute__((visibility("default"))) troupe::model::EngineLibrary*
troupe_engine_library() {
  static troupe::model::Library library;
  return &library;
}
