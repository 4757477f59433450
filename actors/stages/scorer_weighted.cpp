#include "actors/stages/scorer_weighted.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::stages {

namespace {

// Tasks may come from the rows of a file, so that there may be any number of them.
constexpr std::size_t kTasksMax = 1024;

/// The stages that a sample of the task comes to from those in `open`.
std::vector<bool> reached(const graphs::Plan& plan, std::vector<std::uint32_t> open,
                          const std::string& task) {
  std::vector<bool> seen(plan.stages.size());
  for (const std::uint32_t stage : open) seen[stage] = true;
  while (!open.empty()) {
    const std::uint32_t from = open.back();
    open.pop_back();
    for (const graphs::EdgePlan* edge : plan.edges_out_of(from)) {
      const bool goes = edge->delivery == graphs::Delivery::Queue && edge->takes(task);
      if (!goes || seen[edge->to.stage]) continue;
      seen[edge->to.stage] = true;
      open.push_back(edge->to.stage);
    }
  }
  return seen;
}

}  // namespace

WeightedScorer::WeightedScorer(const runtime::StageContext& context)
    : plan_(*context.plan), self_(context.stage->index) {
  for (const graphs::Field& field : context.option("weights").as_table())
    weights_.emplace_back(field.name, field.value.as_real());
  for (const std::string& name : context.option("optional").as_strings()) optional_.insert(name);
}

const std::vector<bool>& WeightedScorer::judged(const std::string& task) {
  if (const auto known = judged_.find(task); known != judged_.end()) return known->second;
  if (judged_.size() >= kTasksMax) judged_.clear();
  std::vector<std::uint32_t> sources;
  for (const graphs::StagePlan& stage : plan_.stages) {
    const auto into = plan_.edges_into(stage.index);
    const bool fed = std::any_of(into.begin(), into.end(), [](const graphs::EdgePlan* edge) {
      return edge->delivery == graphs::Delivery::Queue;
    });
    if (stage.in_flow && !fed) sources.push_back(stage.index);
  }
  const std::vector<bool> come = reached(plan_, sources, task);
  std::vector<bool> out;
  for (const auto& [name, weight] : weights_) {
    const graphs::StagePlan* judge = plan_.find_stage(name);
    out.push_back(judge != nullptr && come[judge->index] &&
                  reached(plan_, {judge->index}, task)[self_]);
  }
  return judged_.emplace(task, std::move(out)).first->second;
}

void WeightedScorer::on_message(runtime::InPort, Envelope envelope, runtime::Outbox& out) {
  auto sample = decode_sample(envelope.payload);
  if (!sample.ok()) return out.end(envelope, End::Failed, sample.error().message, envelope.payload);
  const std::vector<bool>& judges = judged(sample->prompt.task);
  if (std::find(judges.begin(), judges.end(), true) == judges.end()) {
    const std::string reason = "nothing in its reward judges task '" + sample->prompt.task + "'";
    return out.end(envelope, End::Unscorable, reason, envelope.payload);
  }
  double reward = 0.0;
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    if (!judges[i]) continue;
    const auto& [name, weight] = weights_[i];
    const Verdict* verdict = nullptr;
    for (const Verdict& candidate : sample->verdicts) {
      if (candidate.component == name) verdict = &candidate;
    }
    const bool has_score =
        verdict != nullptr && verdict->outcome == Outcome::Scored && std::isfinite(verdict->score);
    if (has_score) {
      reward += weight * verdict->score;
      sample->reward_parts.push_back({name, verdict->score, weight});
      continue;
    }
    if (optional_.contains(name)) continue;
    const bool gold = verdict != nullptr && verdict->outcome == Outcome::Unscorable;
    const std::string reason =
        "'" + name + "': " + (verdict == nullptr ? "no verdict" : name_of(verdict->outcome));
    return out.end(envelope, gold ? End::Unscorable : End::Failed, reason, encode(*sample));
  }
  sample->reward = reward;
  envelope.payload = encode(*sample);
  out.send(0, std::move(envelope));
}

}  // namespace troupe::stages
