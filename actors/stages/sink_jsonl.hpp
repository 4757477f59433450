#pragma once
// JsonlSink: writes every sample that reaches it as one JSON line. A sample is delivered once its
// line was handed to the operating system. Relative paths are relative to the graph file.
#include <memory>

#include "actors/runtime/stage.hpp"

namespace troupe::stages {

class JsonlSink final : public runtime::Stage {
 public:
  /// Options read: path.
  static Result<std::unique_ptr<runtime::Stage>> make(const runtime::StageContext& context);
  void on_message(runtime::InPort port, Envelope envelope, runtime::Outbox& out) override;

 private:
  explicit JsonlSink(std::unique_ptr<DiskFile> file) : file_(std::move(file)) {}
  std::unique_ptr<DiskFile> file_;
};

}  // namespace troupe::stages
