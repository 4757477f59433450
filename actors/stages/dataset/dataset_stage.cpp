#include "actors/stages/dataset/dataset_stage.hpp"

#include <charconv>
#include <stdexcept>

namespace troupe::stages {

DatasetStage::DatasetStage(const runtime::StageContext& context,
                           std::shared_ptr<const Dataset> dataset)
    : dataset_(std::move(dataset)),
      seed_(order_seed(context)),
      epochs_(static_cast<std::uint32_t>(context.option("epochs").as_int())),
      shuffle_(context.option("shuffle").as_bool()) {
  begin_epoch(dataset_->first_epoch());
  if (!context.cursors) return;
  const auto cursor = context.cursors->find(context.stage->index);
  if (cursor != context.cursors->end()) go_to(cursor->second);
}

void DatasetStage::begin_epoch(std::uint32_t epoch) {
  epoch_ = epoch;
  position_ = 0;
  order_.resize(dataset_->size());
  for (std::uint32_t i = 0; i < order_.size(); ++i) order_[i] = i;
  if (!shuffle_) return;
  Rng rng(seed_, epoch);
  for (std::uint64_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[rng.below(i)]);
}

void DatasetStage::advance() {
  if (++position_ == order_.size()) begin_epoch(epoch_ + 1);
}

void DatasetStage::go_to(const runtime::ResumeCursor& cursor) {
  skip_ = cursor.resolved;
  const auto target = cursor.next ? cursor.next : cursor.last;
  if (!target || target->epoch < dataset_->first_epoch()) return;
  const auto index = dataset_->index_of(target->row);
  // Another row than any of ours: nothing of that epoch is known to be ours.
  if (!index) return begin_epoch(target->epoch + 1);
  begin_epoch(target->epoch);
  while (order_[position_] != *index) ++position_;
  if (!cursor.next) advance();
}

void DatasetStage::on_room(runtime::Outbox& out) {
  for (;;) {
    if (epochs_ > 0 && epoch_ >= epochs_) return out.no_more();
    // Read from the file here: a row is a few thousand bytes, as a rule in the system's cache.
    const auto prompt = dataset_->prompt(order_[position_], epoch_);
    if (!prompt.ok()) throw std::runtime_error(prompt.error().text());
    const std::uint64_t place = epoch_ * dataset_->size() + position_ + 1;
    advance();
    if (skip_.erase(prompt->id) > 0) continue;
    Envelope envelope = envelope_of(*prompt);
    envelope.place = place;
    return out.send(0, std::move(envelope));
  }
}

std::string DatasetStage::snapshot() const {
  return std::to_string(epoch_) + " " + std::to_string(position_);
}

Result<void> DatasetStage::restore(const std::string& state) {
  std::uint32_t epoch = 0;
  std::uint64_t position = 0;
  const char* end = state.data() + state.size();
  const auto first = std::from_chars(state.data(), end, epoch);
  if (first.ec != std::errc() || first.ptr == end)
    return Error{ErrorCode::Corrupt, "the saved place in the dataset is unreadable", ""};
  const auto second = std::from_chars(first.ptr + 1, end, position);
  if (second.ec != std::errc() || position >= dataset_->size())
    return Error{ErrorCode::Corrupt, "the saved place in the dataset is unreadable", ""};
  begin_epoch(epoch);
  position_ = position;
  return {};
}

}  // namespace troupe::stages
