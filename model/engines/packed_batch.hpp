#pragma once
// MicroBatch: groups packed for one forward and backward pass, without padding. A group's prompt is
// computed once; its completions attend to it. The last token of a completion predicts nothing, so
// it is no input. Built from a TrainingBatch that check_batch accepted, which must outlive it.
#include <cstdint>
#include <vector>

#include "model/engine.hpp"
#include "model/engines/architecture.hpp"

namespace troupe::model {

/// A prompt's segment and those of its completions that have inputs, as indices.
struct PackedGroup {
  std::int64_t prompt = 0;
  std::int64_t first_sample = 0, sample_count = 0;  // into MicroBatch::segments
};

/// Something to predict: the hidden state of a head row gives the distribution of `token`.
struct Target {
  std::int64_t head_row = 0;
  Token token = 0;
};

struct MicroBatch {
  std::vector<Token> tokens;             // [rows]
  std::vector<std::int32_t> positions;   // [rows]
  std::vector<AttentionSegment> segments;
  std::vector<PackedGroup> groups;
  std::vector<std::int64_t> head_rows;   // rows that predict, ascending
  std::vector<Target> targets;           // sample by sample, token by token
  std::vector<std::size_t> offsets;      // [samples + 1] into targets
  std::vector<const TrainingSample*> samples;

  std::int64_t rows() const { return static_cast<std::int64_t>(tokens.size()); }
};

/// InvalidArgument when something does not fit together or the model, saying which sample.
Result<void> check_batch(const TrainingBatch& batch, const Architecture& a);

/// Samples that carry loss, in order, in micro-batches of at most `token_limit` rows, or of one
/// sample where that alone is more. Whole groups where they fit; a group that does not is divided,
/// and its prompt computed once per part (gradients add up to the same).
std::vector<MicroBatch> pack(const TrainingBatch& batch, std::int64_t token_limit);

}  // namespace troupe::model
