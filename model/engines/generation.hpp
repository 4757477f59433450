#pragma once
// LlamaGeneration: continuous batching on the CPU. Owns one thread; see GenerationEngine for the
// contract. Between two decode steps sequences leave, new ones join (their prompts are computed in
// one packed pass, once per group, and its cache is shared), and newer weights are taken over. A
// group whose weights changed before all its samples started computes its prompt again, so that a
// sample's first token comes from the weights its span names.
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <thread>

#include "model/engine.hpp"
#include "model/engines/core_lease.hpp"
#include "model/engines/forward.hpp"
#include "model/engines/kv_cache.hpp"
#include "schemas/base/rng.hpp"

namespace troupe::model {

template <class T>
class LlamaGeneration final : public GenerationEngine {
 public:
  using Ptr = std::shared_ptr<const LlamaWeights<T>>;
  LlamaGeneration(Ptr weights, const GenerationConfig& config,
                  std::shared_ptr<PagePool<T>> pool, std::shared_ptr<CoreLease> lease,
                  unsigned threads);
  ~LlamaGeneration() override;

  void submit(GenerationRequest request, OnSample on_sample) override;
  void set_weights(WeightsPtr weights) override;
  GenerationStats stats() const override;

 private:
  /// A prompt's cache under one version, with the hidden state that predicts the first token.
  struct Prompt {
    explicit Prompt(PagePool<T>& pool) : cache(pool) {}
    CachedTokens<T> cache;
    std::vector<T> last_hidden;  // [hidden], normed
    WeightsPtr weights;
  };
  struct Group {
    GenerationRequest request;
    OnSample on_sample;
    std::size_t started = 0;  // samples that have joined
    std::shared_ptr<Prompt> prompt;
  };
  struct Sequence {
    Sequence(std::shared_ptr<Group> g, PagePool<T>& pool, std::uint32_t i)
        : group(std::move(g)), prompt(group->prompt), own(pool), rng(group->request.seeds[i]) {
      sample.index = i;
    }
    std::shared_ptr<Group> group;
    std::shared_ptr<Prompt> prompt;
    CachedTokens<T> own;
    Rng rng;
    GeneratedSample sample;
    bool finished = false;
  };
  struct Finished {
    OnSample on_sample;
    Result<GeneratedSample> result;
  };

  void run();
  /// One turn on the cores.
  void step();
  Result<void> check_request(const GenerationRequest& request) const;
  std::vector<std::shared_ptr<Group>> groups_to_prefill() const;
  void prefill(const std::vector<std::shared_ptr<Group>>& groups);
  void start_samples();
  void decode();
  /// Draws a token for sequences[i] from row rows[i] of `hidden` [count, hidden], which is padded
  /// to the multiple of rows that products are made with.
  void sample_tokens(const T* hidden, std::int64_t count, const std::vector<Sequence*>& sequences,
                     const std::vector<std::int64_t>& rows);
  void append(Sequence& sequence, Token token, float logprob);
  void collect_finished();
  void fail_everything(const Error& error);
  void deliver();

  const Architecture& a_;
  const GenerationConfig config_;
  const std::shared_ptr<CoreLease> lease_;
  const unsigned threads_;

  mutable std::mutex mutex_;  // guards the next group of members
  std::condition_variable changed_;
  bool stopping_ = false;
  std::deque<std::shared_ptr<Group>> incoming_;
  Ptr next_weights_;
  GenerationStats stats_;

  // Only the engine's thread:
  Ptr weights_;
  const std::shared_ptr<PagePool<T>> pool_;
  std::deque<std::shared_ptr<Group>> waiting_;  // not all samples started
  std::list<Sequence> active_;
  std::vector<Finished> finished_;
  Tape<T> tape_;
  Scratch<T> logits_, head_input_;
  std::vector<Scratch<float>> scratch_;
  GenerationStats step_stats_;

  std::thread thread_;  // last: it uses everything above
};

}  // namespace troupe::model
