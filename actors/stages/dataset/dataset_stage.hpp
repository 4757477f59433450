#pragma once
// DatasetStage: sends the rows of a dataset as prompts, `epochs` times (0: until the run ends),
// each pass in an order of its own when shuffled. The order is a function of seed, stage and epoch
// alone, so a resumed run finds its place again from the identities of prompts.
#include <vector>

#include "actors/stages/dataset/dataset.hpp"

namespace troupe::stages {

class DatasetStage final : public runtime::Stage {
 public:
  /// Options read: epochs, shuffle, seed.
  DatasetStage(const runtime::StageContext& context, std::shared_ptr<const Dataset> dataset);

  void on_message(runtime::InPort, Envelope, runtime::Outbox&) override {}
  void on_room(runtime::Outbox& out) override;
  std::string snapshot() const override;
  Result<void> restore(const std::string& state) override;

 private:
  void begin_epoch(std::uint32_t epoch);
  void advance();
  void go_to(const runtime::ResumeCursor& cursor);

  std::shared_ptr<const Dataset> dataset_;
  std::uint64_t seed_;
  std::uint32_t epochs_;
  bool shuffle_;
  std::uint32_t epoch_ = 0;
  std::uint64_t position_ = 0;        // into order_
  std::vector<std::uint32_t> order_;  // indices of rows
  std::unordered_set<PromptId> skip_;
};

}  // namespace troupe::stages
