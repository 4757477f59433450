#include "actors/stages/resources.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace troupe::stages {
namespace {

using graphs::Lever;
using graphs::MemoryRow;
using graphs::StagePlan;
using Size = std::uint64_t;

/// The program and LibTorch with its libraries. Measured: the whole of a run peaks at 140 MiB when
/// its model weighs next to nothing (Debian 12, LibTorch 2.11.0 for the CPU; docs/measurements.md).
constexpr Size kProgramBytes = 160u << 20;
/// What prompts are taken to have at most: no option bounds them. Longer ones cost pages.
constexpr Size kPromptTokens = 128;

Size number(const StagePlan& stage, std::string_view option) {
  return static_cast<Size>(stage.option(option).as_int());
}

class Estimator {
 public:
  Estimator(const graphs::Plan& plan, const ModelShapes& shapes) : plan_(plan), shapes_(shapes) {}

  std::vector<MemoryRow> rows() {
    add("program", "libraries, threads, logs", kProgramBytes, "measured, with a tiny model");
    for (const graphs::ModelPlan& model : plan_.models) add_model(model);
    for (const StagePlan& stage : plan_.stages) {
      if (stage.kind == "generator" || stage.kind == "evaluator") add_generation(stage);
      if (stage.kind == "learner.grpo") add_learner(stage);
    }
    return std::move(rows_);
  }

 private:
  void add(std::string owner, std::string what, Size bytes, std::string from,
           std::optional<Lever> lever = {}) {
    rows_.push_back({std::move(owner), std::move(what), bytes, std::move(from), std::move(lever)});
  }

  /// Null, with a row that says so, where the model's shape is unknown.
  const model::ModelFacts* shape(const std::string& name) const {
    const auto found = shapes_.find(name);
    return found == shapes_.end() || !found->second.ok() ? nullptr : &*found->second;
  }
  Size element(const std::string& name) const {
    return model::element_bytes(plan_.model(name).dtype);
  }

  /// Stages that run it; `kind` empty: of any kind.
  std::vector<const StagePlan*> users(const std::string& model, std::string_view kind) const {
    std::vector<const StagePlan*> out;
    for (const StagePlan& stage : plan_.stages) {
      if (!kind.empty() && stage.kind != kind) continue;
      if (stage.has("model") && stage.option("model").as_string() == model) out.push_back(&stage);
    }
    return out;
  }

  void add_model(const graphs::ModelPlan& model) {
    if (!model.from.empty()) return;  // shares what it copies, until it is refreshed
    const std::string owner = "model " + model.name;
    const model::ModelFacts* facts = shape(model.name);
    if (!facts) {
      const auto found = shapes_.find(model.name);
      rows_.push_back({owner,
                       "everything it needs",
                       std::nullopt,
                       found == shapes_.end() ? "not opened" : found->second.error().message,
                       {}});
      return;
    }
    const Size one = model::weights_bytes(*facts, element(model.name));
    add(owner, "its file, mapped", facts->file_bytes, "pages that the system can take back");
    const auto learners = users(model.name, "learner.grpo");
    if (learners.empty()) {
      add(owner, "weights", one, fmt::format("{} parameters, {}", facts->parameters, model.dtype));
      return;
    }
    // The first ones, those on the shelf, and what the next step writes to.
    const Size shelf = plan_.run.exact && plan_.gate ? plan_.gate->max_staleness + 2 : 2;
    Size versions = 1 + shelf + 1;
    std::string from = fmt::format("the first, {} published, 1 being written", shelf);
    for (const StagePlan* stage : users(model.name, "evaluator")) {
      if (number(*stage, "every") == 0) continue;
      ++versions;
      from += ", 1 evaluated";
    }
    for (const graphs::ModelPlan& copy : plan_.models) {
      if (copy.from != model.name || copy.refresh_steps == 0) continue;
      ++versions;
      from += ", 1 reference";
    }
    add(owner, fmt::format("weights, {} versions", versions), versions * one, std::move(from));
  }

  void add_generation(const StagePlan& stage) {
    const std::string& name = stage.option("model").as_string();
    const model::ModelFacts* facts = shape(name);
    if (!facts) return;
    const std::string owner = "stage " + stage.name;
    const Size size = element(name);
    const Size context = static_cast<Size>(facts->config.max_position_embeddings);
    const Size sequences = number(stage, "max_sequences");
    const Size group = stage.has("group_size") ? number(stage, "group_size") : 1;
    const Size made = number(stage, "max_new_tokens");
    const Size prompt = std::min(kPromptTokens, context);
    const Size own = model::pages_of(std::min(made, context));
    const Size prompts = (sequences + group - 1) / group + 1;
    const Size page = model::page_bytes(*facts, size);
    const Size shared = model::pages_of(prompt);
    add(owner, "cache of keys and values", (sequences * own + prompts * shared) * page,
        fmt::format("{} sequences of {}, {} prompts of {} tokens", sequences, made, prompts,
                    prompt),
        Lever{stage.name, "max_sequences", sequences, group,
              own * page + shared * page / std::max<Size>(group, 1)});
    add(owner, "a pass over prompts, logits",
        model::tape_bytes(*facts, size, std::max(model::kPrefillTokensMax, prompt), false) +
            model::head_bytes(*facts, size, sequences + 4),
        fmt::format("{} tokens; {} rows of {}", model::kPrefillTokensMax, sequences,
                    facts->config.vocab_size));
  }

  void add_learner(const StagePlan& stage) {
    const std::string& name = stage.option("model").as_string();
    const model::ModelFacts* facts = shape(name);
    if (!facts) return;
    const std::string owner = "stage " + stage.name;
    const Size size = element(name);
    add(owner, "master weights, moments, gradient", model::optimizer_bytes(*facts),
        fmt::format("{} parameters x 16 bytes", facts->parameters));
    const Size limit = number(stage, "micro_batch_tokens");
    const auto [rows, from] = micro_batch(limit);
    const Size one =
        model::tape_bytes(*facts, size, 1, true) + model::backward_bytes(*facts, size, 1);
    const bool bound = rows == limit;
    const auto lever = [&](Size each) {
      return bound ? std::optional<Lever>(Lever{stage.name, "micro_batch_tokens", limit, 64, each})
                   : std::nullopt;
    };
    const Size head = model::head_bytes(*facts, size, 1);
    add(owner, "activations of a micro-batch", rows * one, from, lever(one + head));
    add(owner, "logits of a micro-batch", rows * head,
        fmt::format("{} rows of {}", rows, facts->config.vocab_size));
    add(owner, "gradients of matrices, one at a time", model::matrix_scratch_bytes(*facts, size),
        "the vocabulary's, twice, and the widest layer's");
  }

  /// Tokens of the largest micro-batch, and why.
  std::pair<Size, std::string> micro_batch(Size limit) const {
    if (plan_.gate) {
      const StagePlan& generator = plan_.stages[plan_.gate->stage];
      if (generator.has("max_new_tokens")) {
        const Size made = number(generator, "max_new_tokens");
        // One sample alone is never divided.
        if (made + kPromptTokens > limit)
          return {made + kPromptTokens,
                  fmt::format("one sample: {} tokens, {} of its prompt", made, kPromptTokens)};
        const Size step =
            plan_.gate->prompts_per_step * (kPromptTokens + plan_.gate->group_size * made);
        if (step > 0 && step < limit) return {step, fmt::format("a whole step: {} tokens", step)};
      }
    }
    return {limit, fmt::format("{} tokens (micro_batch_tokens)", limit)};
  }

  const graphs::Plan& plan_;
  const ModelShapes& shapes_;
  std::vector<MemoryRow> rows_;
};

}  // namespace

graphs::Resources resources_of(const graphs::Plan& plan, const ModelShapes& shapes,
                               const Threads& threads) {
  graphs::Resources out;
  out.memory = Estimator(plan, shapes).rows();
  const unsigned cores = plan.run.threads > 0 ? plan.run.threads : threads.machine;
  const auto origin = plan.run.options.find("threads");
  const std::string from =
      origin == plan.run.options.end() ? "default" : origin->second.origin.place;
  const std::string engines =
      plan.run.threads > 0 ? fmt::format("{} in turns", cores) : "all cores, in turns";
  for (const StagePlan& stage : plan.stages) {
    if (!stage.has("model")) continue;
    out.cores.push_back({"stage " + stage.name, engines, "run.threads, " + from});
  }
  const bool judges = std::any_of(plan.stages.begin(), plan.stages.end(),
                                  [](const StagePlan& s) { return s.contract->judges; });
  if (judges)
    out.cores.push_back({"verdicts", fmt::format("{} workers", threads.workers),
                         "shared by all stages that judge"});
  out.cores.push_back({"events", fmt::format("{} threads", threads.events), "of the host"});
  return out;
}

}  // namespace troupe::stages
