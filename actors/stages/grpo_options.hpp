#pragma once
// The options of learner.grpo as the engine's and the losses' types. Pure.
#include "graphs/contract.hpp"
#include "graphs/plan.hpp"
#include "model/engine.hpp"
#include "model/losses/advantage.hpp"

namespace troupe::stages {

/// Contract of learner.grpo; the two functions below read exactly its options.
graphs::Contract grpo_contract();

model::AdvantageOptions advantage_options(const graphs::StagePlan& stage);
/// Errors: options that contradict each other.
Result<model::TrainingConfig> training_config(const graphs::StagePlan& stage);

}  // namespace troupe::stages
