#pragma once
// Generator: turns an admitted prompt into `group_size` samples on a generation engine. Samples
// leave as they end; the prompt is settled with its last one. Weights announced on `weights` are
// used from the next token on. The seed of a sample derives from its identity, so the same sample
// is made again after a restart. With run.exact a group is generated wholly with the weights that
// the gate gave it: others wait until no sample of other weights runs. Beside that it serves
// callers that ask for a text.
#include <deque>
#include <memory>
#include <unordered_map>

#include "actors/runtime/stage.hpp"
#include "actors/stages/engine_set.hpp"
#include "actors/stages/prompting.hpp"
#include "actors/stages/text_service.hpp"

namespace troupe::stages {

class Generator final : public runtime::Stage {
 public:
  /// Options read: model, group_size, max_new_tokens, temperature, top_p, top_k, stop, concurrency.
  static Result<std::unique_ptr<runtime::Stage>> make(const runtime::StageContext& context);

  void on_start(runtime::Outbox& out) override;
  bool ready(runtime::InPort) const override {
    return jobs_.size() < prompts_max_ && held_.empty();
  }
  void on_message(runtime::InPort port, Envelope envelope, runtime::Outbox& out) override;
  void on_latest(runtime::InPort port, Envelope envelope, runtime::Outbox& out) override;
  void on_refill(const Envelope& prompt, const SampleId& sample, runtime::Outbox& out) override;
  bool ready_to_serve(runtime::CallPort) const override { return has_weights_; }
  void on_call(runtime::Call call, runtime::Outbox& out) override {
    texts_.begin(std::move(call), prompting_, *engine_, out);
  }
  void on_done(runtime::Ticket ticket, runtime::EngineResult result, runtime::Outbox& out) override;

 private:
  struct Job {
    Envelope input;  // the prompt's envelope (or the refill's), to be settled
    Prompt prompt;
    std::vector<model::Token> tokens;
    std::vector<SampleId> samples;  // by index of the request's seeds
    std::size_t left = 0;
    bool refill = false;
  };
  /// Work that waits until what runs with other weights has ended (run.exact).
  struct Held {
    Envelope input;
    Prompt prompt;
    std::vector<SampleId> samples;
    bool refill = false;
  };
  void begin(Held work, runtime::Outbox& out);
  void begin_held(runtime::Outbox& out);
  void submit(Envelope input, Prompt prompt, std::vector<SampleId> samples, bool refill,
              runtime::Outbox& out);
  /// The engine's work since the weights before: what the samples of this step cost.
  void report(std::uint32_t step, runtime::Outbox& out);
  void emit(Job& job, model::GeneratedSample made, runtime::Outbox& out);

  std::string name_, model_name_;
  model::GenerationStats reported_;
  TimePoint began_{};
  bool first_sample_seen_ = false;
  EngineSet& engines_;
  Prompting prompting_;
  std::unique_ptr<model::GenerationEngine> engine_;
  TextService texts_;
  bool has_weights_edge_ = false;
  bool has_weights_ = false;  // the engine was given some
  bool exact_ = false;
  std::optional<std::uint32_t> step_in_use_;  // of the weights that the engine has (exact)
  std::deque<Held> held_;
  std::uint64_t seed_ = 0;
  std::uint32_t group_size_ = 1;
  model::SamplingOptions sampling_;
  std::size_t prompts_max_ = 1;
  std::unordered_map<runtime::Ticket, Job> jobs_;

  explicit Generator(EngineSet& engines) : engines_(engines) {}
};

}  // namespace troupe::stages
