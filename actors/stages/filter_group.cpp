#include "actors/stages/filter_group.hpp"

#include "model/losses/advantage.hpp"

namespace troupe::stages {

GroupFilter::GroupFilter(const runtime::StageContext& context)
    : drop_equal_(context.option("drop_equal").as_bool()) {
  if (context.stage->has("mean_min")) mean_min_ = context.option("mean_min").as_real();
  if (context.stage->has("mean_max")) mean_max_ = context.option("mean_max").as_real();
}

void GroupFilter::on_message(runtime::InPort, Envelope envelope, runtime::Outbox& out) {
  auto group = decode_group(envelope.payload);
  if (!group.ok()) throw std::runtime_error(group.error().message);
  std::vector<model::Reward> rewards;
  std::vector<SampleId> ids;
  for (const Payload& payload : group->samples) {
    auto sample = decode_sample(payload);
    if (!sample.ok()) throw std::runtime_error(sample.error().message);
    rewards.push_back(sample->reward);
    ids.push_back(sample->id);
  }
  const model::RewardStatistics statistics = model::reward_statistics(rewards);
  std::string reason;
  if (drop_equal_ && !model::has_spread(rewards))
    reason = "all rewards of the group are equal";
  else if (mean_min_ && statistics.mean < *mean_min_)
    reason = "the group's mean reward is below mean_min";
  else if (mean_max_ && statistics.mean > *mean_max_)
    reason = "the group's mean reward is above mean_max";
  if (reason.empty()) return out.send(0, std::move(envelope));
  std::vector<runtime::EndedSample> ended;
  for (std::size_t i = 0; i < ids.size(); ++i)
    ended.push_back({ids[i], End::Filtered, reason, group->samples[i]});
  out.end_group(envelope, std::move(ended));
}

}  // namespace troupe::stages
