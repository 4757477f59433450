#pragma once
// The nested lists of a vector case as the ragged batch that policy_loss reads.
#include <cstdint>
#include <vector>

#include "model/losses/policy_loss.hpp"
#include "tests/conformance/vector_file.hpp"

namespace troupe::vectors {

struct LossBatch {
  std::vector<std::size_t> offsets{0};
  std::vector<double> logprobs, old_logprobs, rollout, ref, advantages, weights;
  std::vector<std::uint8_t> mask;

  model::PolicyLossInput input() const {
    model::PolicyLossInput in;
    in.offsets = offsets;
    in.logprobs = logprobs;
    in.old_logprobs = old_logprobs;
    in.rollout_logprobs = rollout;
    in.ref_logprobs = ref;
    in.mask = mask;
    in.advantages = advantages;
    in.weights = weights;
    return in;
  }
};

template <class T>
std::vector<T> flat(const Json& rows) {
  std::vector<T> values;
  for (const Json& row : rows) {
    for (const Json& value : row) values.push_back(value.get<T>());
  }
  return values;
}

/// `new_key` names the log-probabilities under training; absent old ones are the same.
inline LossBatch loss_batch(const Json& inputs, const char* new_key) {
  LossBatch b;
  for (const Json& row : inputs.at(new_key)) b.offsets.push_back(b.offsets.back() + row.size());
  b.logprobs = flat<double>(inputs.at(new_key));
  b.old_logprobs = inputs.contains("old") ? flat<double>(inputs.at("old")) : b.logprobs;
  if (inputs.contains("ref")) b.ref = flat<double>(inputs.at("ref"));
  if (inputs.contains("roll")) b.rollout = flat<double>(inputs.at("roll"));
  if (inputs.contains("mask")) b.mask = flat<std::uint8_t>(inputs.at("mask"));
  if (inputs.contains("weights")) b.weights = flat<double>(inputs.at("weights"));
  if (inputs.contains("A")) {
    b.advantages = inputs.at("A").get<std::vector<double>>();
  } else {
    b.advantages.assign(b.offsets.size() - 1, 0.0);
  }
  return b;
}

/// Values of the flat batch as one list per sequence.
inline Json by_sequence(const std::vector<double>& values,
                        const std::vector<std::size_t>& offsets) {
  Json rows = Json::array();
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    rows.push_back(
        std::vector<double>(values.begin() + static_cast<std::ptrdiff_t>(offsets[i]),
                            values.begin() + static_cast<std::ptrdiff_t>(offsets[i + 1])));
  }
  return rows;
}

/// One sequence of one token or more, cut out of a batch, as a batch of its own.
inline LossBatch slice(const LossBatch& b, std::size_t sequence, std::size_t begin,
                       std::size_t end) {
  LossBatch s;
  const auto part = [&](const auto& from, auto& to) {
    if (!from.empty()) to.assign(from.begin() + begin, from.begin() + end);
  };
  s.offsets = {0, end - begin};
  part(b.logprobs, s.logprobs);
  part(b.old_logprobs, s.old_logprobs);
  part(b.ref, s.ref);
  part(b.mask, s.mask);
  part(b.weights, s.weights);
  s.advantages = {b.advantages[sequence]};
  return s;
}

}  // namespace troupe::vectors
