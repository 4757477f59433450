#include "actors/stages/grpo_options.hpp"

#include "model/losses/names.hpp"

namespace troupe::stages {

using graphs::OptionType;

namespace {

std::vector<std::string> names(std::span<const std::string_view> views) {
  return {views.begin(), views.end()};
}

}  // namespace

graphs::Contract grpo_contract() {
  graphs::ContractBuilder builder = graphs::contract("learner.grpo");
  builder.doc("trains a model by group-relative policy optimization")
      .in("groups", graphs::MessageType::Group)
      .out_latest("weights", graphs::MessageType::Weights)
      .accounts_groups()
      .learns()
      .keeps_state()
      .uses_model("the model it trains")
      .option("prompts_per_step", OptionType::Integer, 16,
              "groups that one optimizer step consumes")
      .range(1, 65536)
      .option("learning_rate", OptionType::Real, 1e-6, "peak learning rate of AdamW")
      .range(0.0, 1.0)
      .option("schedule", OptionType::String, "constant", "learning rate over the run's steps")
      .choices({"constant", "linear", "cosine"})
      .option("warmup_steps", OptionType::Integer, 0, "steps of linear warm-up")
      .range(0, 1e9)
      .option("loss", OptionType::String, "clipped", "form of the objective per token")
      .choices(names(model::policy_loss_form_names()))
      .option("reduction", OptionType::String, "token_mean", "how token losses become one number")
      .choices(names(model::reduction_names()))
      .option("length_norm", OptionType::Real,
              "L_max of reduction dr_grpo; left out: the generator's max_new_tokens")
      .more_than(0.0)
      .option("clip_low", OptionType::Real, 0.2, "lower clip: ratios below 1 - clip_low")
      .at_least(0.0)
      .option("clip_high", OptionType::Real, 0.2, "upper clip: ratios above 1 + clip_high")
      .at_least(0.0)
      .option("dual_clip", OptionType::Real,
              "bound c of the loss for negative advantages (verl: 3)")
      .more_than(1.0)
      .option("delta", OptionType::Real, "bound of the unclipped ratio (two-sided clipping)")
      .more_than(1.0)
      .option("cispo_cap", OptionType::Real, 5.0, "absolute cap of the weight of loss cispo")
      .more_than(0.0)
      .option("scale_rewards", OptionType::String, "group", "by what advantages are divided")
      .choices(names(model::advantage_scale_names()))
      .option("advantage_epsilon", OptionType::Real, 1e-6, "added to the standard deviation")
      .at_least(0.0)
      .option("reference", OptionType::Model, "model for the KL term, a [model.X] with `from`")
      .option("kl_coefficient", OptionType::Real, 0.0, "weight beta of the KL term; 0: none")
      .at_least(0.0)
      .option("kl_estimator", OptionType::String, "k3", "estimator of the KL term")
      .choices(names(model::kl_estimator_names()))
      .option("mismatch", OptionType::String, "none", "importance weights against the rollout")
      .choices(names(model::mismatch_level_names()))
      .option("mismatch_high", OptionType::Real, 2.0, "upper bound of those weights")
      .more_than(0.0)
      .option("mismatch_low", OptionType::Real, "with it, weights outside the bounds become 0")
      .at_least(0.0)
      .option("truncated", OptionType::String, "mask", "samples cut at the token limit")
      .choices({"mask", "score"})
      .option("beta1", OptionType::Real, 0.9, "AdamW")
      .range(0.0, 1.0)
      .option("beta2", OptionType::Real, 0.95, "AdamW")
      .range(0.0, 1.0)
      .option("adam_epsilon", OptionType::Real, 1e-8, "AdamW")
      .more_than(0.0)
      .option("weight_decay", OptionType::Real, 0.0, "AdamW, decoupled")
      .at_least(0.0)
      .option("max_grad_norm", OptionType::Real, 1.0, "gradients are scaled down to it; 0: never")
      .at_least(0.0)
      .option("micro_batch_tokens", OptionType::Integer, 2048, "tokens of one forward and backward")
      .range(64, 1 << 24);
  return builder;
}

model::AdvantageOptions advantage_options(const graphs::StagePlan& stage) {
  model::AdvantageOptions options;
  options.scale = *model::advantage_scale(stage.option("scale_rewards").as_string());
  options.epsilon = stage.option("advantage_epsilon").as_real();
  return options;
}

Result<model::TrainingConfig> training_config(const graphs::StagePlan& stage) {
  const auto real = [&](std::string_view name) { return stage.option(name).as_real(); };
  const auto text = [&](std::string_view name) { return stage.option(name).as_string(); };

  model::TrainingConfig config;
  config.beta1 = real("beta1");
  config.beta2 = real("beta2");
  config.epsilon = real("adam_epsilon");
  config.weight_decay = real("weight_decay");
  config.max_grad_norm = real("max_grad_norm");
  config.micro_batch_tokens =
      static_cast<std::uint32_t>(stage.option("micro_batch_tokens").as_int());
  model::PolicyLossOptions& loss = config.loss;
  loss.form = *model::policy_loss_form(text("loss"));
  loss.reduction = *model::reduction(text("reduction"));
  if (stage.has("length_norm")) loss.length_norm = real("length_norm");
  loss.clip_low = real("clip_low");
  loss.clip_high = real("clip_high");
  if (stage.has("dual_clip")) loss.dual_clip = real("dual_clip");
  if (stage.has("delta")) loss.delta = real("delta");
  loss.cispo_cap = real("cispo_cap");
  loss.kl_coefficient = real("kl_coefficient");
  loss.kl = *model::kl_estimator(text("kl_estimator"));
  loss.mismatch.level = *model::mismatch_level(text("mismatch"));
  loss.mismatch.high = real("mismatch_high");
  if (stage.has("mismatch_low")) {
    loss.mismatch.low = real("mismatch_low");
    if (*loss.mismatch.low >= loss.mismatch.high)
      return Error{ErrorCode::InvalidArgument, "mismatch_low is not below mismatch_high",
                   "Exchange them, or leave mismatch_low out"};
  }
  return config;
}

}  // namespace troupe::stages
