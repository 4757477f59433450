#include "actors/stages/engines/real_engines.hpp"

namespace troupe::stages {

Result<std::shared_ptr<model::Model>> RealEngines::model(const std::string& name) {
  if (const auto it = models_.find(name); it != models_.end()) return it->second;
  const graphs::ModelPlan& plan = plan_.model(name);
  TROUPE_ASSIGN(model::EngineLibrary * library, model::load_engine_library());
  model::ModelSpec spec;
  spec.path = plan.load;
  spec.dtype = plan.dtype;
  spec.exact = plan_.run.exact;
  auto loaded = library->load(spec, options_.threads);
  if (!loaded.ok()) return loaded.error().in("model '" + name + "'");
  models_.emplace(name, *loaded);
  return *loaded;
}

Result<std::shared_ptr<const model::Tokenizer>> RealEngines::tokenizer(const std::string& name) {
  if (const auto it = tokenizers_.find(name); it != tokenizers_.end()) return it->second;
  auto opened = model::Tokenizer::open(plan_.model(name).load);
  if (!opened.ok()) return opened.error().in("model '" + name + "'");
  tokenizers_.emplace(name, *opened);
  return *opened;
}

Result<std::unique_ptr<model::GenerationEngine>> RealEngines::generation(
    const std::string& name, const model::GenerationConfig& config) {
  TROUPE_ASSIGN(auto loaded, model(name));
  if (!weights(name, Version{})) publish(name, loaded->initial_weights());
  return loaded->make_generation(config);
}

Result<std::unique_ptr<model::TrainingEngine>> RealEngines::training(
    const std::string& name, const model::TrainingConfig& config) {
  TROUPE_ASSIGN(auto loaded, model(name));
  model::TrainingConfig resumed = config;
  TROUPE_ASSIGN(resumed.tokenizer, tokenizer(name));
  if (options_.checkpoint) resumed.resume_from = options_.checkpoint;
  return loaded->make_training(resumed);
}

void RealEngines::publish(const std::string& model, model::WeightsPtr weights) {
  const std::lock_guard lock(mutex_);
  WeightsShelf& shelf = shelves_[model];
  if (plan_.run.exact && plan_.gate) shelf.hold(plan_.gate->max_staleness + 2);
  shelf.publish(std::move(weights));
}

model::WeightsPtr RealEngines::weights(const std::string& model, Version at_least) {
  const std::lock_guard lock(mutex_);
  const auto it = shelves_.find(model);
  return it == shelves_.end() ? nullptr : it->second.at_least(at_least);
}

}  // namespace troupe::stages
