#include "model/engines/packed_batch.hpp"

#include <cmath>
#include <string>

namespace troupe::model {
namespace {

bool carries_loss(const TrainingSample& sample) { return !sample.masked && !sample.tokens.empty(); }

std::int64_t input_rows(const TrainingSample& sample) {
  return static_cast<std::int64_t>(sample.tokens.size()) - 1;
}

void add_part(const std::vector<Token>& prompt, std::span<const TrainingSample* const> samples,
              MicroBatch& batch) {
  if (batch.offsets.empty()) batch.offsets.push_back(0);
  const std::int64_t length = static_cast<std::int64_t>(prompt.size());
  const auto add_tokens = [&](const Token* tokens, std::int64_t count, std::int64_t position) {
    batch.tokens.insert(batch.tokens.end(), tokens, tokens + count);
    for (std::int64_t i = 0; i < count; ++i) {
      batch.positions.push_back(static_cast<std::int32_t>(position + i));
    }
  };
  PackedGroup group{.prompt = static_cast<std::int64_t>(batch.segments.size())};
  const std::int64_t prompt_row = batch.rows();
  batch.segments.push_back({.row = prompt_row, .rows = length});
  add_tokens(prompt.data(), length, 0);
  batch.head_rows.push_back(prompt_row + length - 1);
  const std::int64_t first_head = static_cast<std::int64_t>(batch.head_rows.size()) - 1;

  group.first_sample = static_cast<std::int64_t>(batch.segments.size());
  for (const TrainingSample* sample : samples) {
    const std::int64_t row = batch.rows(), rows = input_rows(*sample);
    if (rows > 0) {
      batch.segments.push_back(
          {.row = row, .rows = rows, .prefix = prompt_row, .prefix_rows = length});
      add_tokens(sample->tokens.data(), rows, length);
    }
    batch.targets.push_back({first_head, sample->tokens[0]});
    for (std::int64_t i = 0; i < rows; ++i) {
      batch.targets.push_back(
          {static_cast<std::int64_t>(batch.head_rows.size()), sample->tokens[i + 1]});
      batch.head_rows.push_back(row + i);
    }
    batch.offsets.push_back(batch.targets.size());
    batch.samples.push_back(sample);
  }
  group.sample_count = static_cast<std::int64_t>(batch.segments.size()) - group.first_sample;
  batch.groups.push_back(group);
}

}  // namespace

Result<void> check_batch(const TrainingBatch& batch, const Architecture& a) {
  const auto wrong = [](std::size_t group, const std::string& what) {
    return Error{ErrorCode::InvalidArgument, "group " + std::to_string(group) + ": " + what,
                 "This is a defect of whoever assembled the batch; report it"};
  };
  const auto known = [&](const std::vector<Token>& tokens) {
    for (const Token t : tokens) {
      if (t < 0 || t >= a.vocab) return false;
    }
    return true;
  };
  if (!(batch.temperature > 0) || !std::isfinite(batch.temperature)) {
    return Error{ErrorCode::InvalidArgument, "the temperature of a batch must be positive",
                 "Train with the temperature that the samples were drawn with"};
  }
  for (std::size_t g = 0; g < batch.groups.size(); ++g) {
    const TrainingGroup& group = batch.groups[g];
    if (group.prompt.empty()) return wrong(g, "the prompt is empty");
    if (!known(group.prompt)) return wrong(g, "a token of the prompt is not in the vocabulary");
    for (std::size_t s = 0; s < group.samples.size(); ++s) {
      const TrainingSample& sample = group.samples[s];
      const std::string name = "sample " + std::to_string(s) + ": ";
      if (sample.rollout_logprobs.size() != sample.tokens.size()) {
        return wrong(g, name + "one rollout log-probability per token is needed");
      }
      if (!known(sample.tokens)) return wrong(g, name + "a token is not in the vocabulary");
      if (static_cast<std::int64_t>(group.prompt.size() + sample.tokens.size()) > a.context) {
        return wrong(g, name + "prompt and completion are longer than the model's context, " +
                            std::to_string(a.context));
      }
    }
  }
  return {};
}

std::vector<MicroBatch> pack(const TrainingBatch& batch, std::int64_t token_limit) {
  std::vector<MicroBatch> out;
  const auto room = [&] { return out.empty() ? 0 : token_limit - out.back().rows(); };
  for (const TrainingGroup& group : batch.groups) {
    std::vector<const TrainingSample*> samples;
    const std::int64_t prompt = static_cast<std::int64_t>(group.prompt.size());
    std::int64_t rows = prompt;
    for (const TrainingSample& sample : group.samples) {
      if (!carries_loss(sample)) continue;
      samples.push_back(&sample);
      rows += input_rows(sample);
    }
    if (samples.empty()) continue;
    if (rows <= token_limit) {
      if (rows > room()) out.emplace_back();
      add_part(group.prompt, samples, out.back());
      continue;
    }
    for (std::size_t begin = 0; begin < samples.size();) {
      std::size_t end = begin;
      std::int64_t part = prompt;
      while (end < samples.size() &&
             (end == begin || part + input_rows(*samples[end]) <= token_limit)) {
        part += input_rows(*samples[end++]);
      }
      out.emplace_back();
      add_part(group.prompt, std::span(samples).subspan(begin, end - begin), out.back());
      begin = end;
    }
  }
  return out;
}

}  // namespace troupe::model
