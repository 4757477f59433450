#include "actors/stages/scorer_weighted.hpp"

#include <cmath>

namespace troupe::stages {

WeightedScorer::WeightedScorer(const runtime::StageContext& context) {
  for (const graphs::Field& field : context.option("weights").as_table())
    weights_.emplace_back(field.name, field.value.as_real());
  for (const std::string& name : context.option("optional").as_strings()) optional_.insert(name);
}

void WeightedScorer::on_message(runtime::InPort, Envelope envelope, runtime::Outbox& out) {
  auto sample = decode_sample(envelope.payload);
  if (!sample.ok()) return out.end(envelope, End::Failed, sample.error().message, envelope.payload);
  double reward = 0.0;
  for (const auto& [name, weight] : weights_) {
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
