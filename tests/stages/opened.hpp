#pragma once
// Data files of tests, and the dataset that a stage makes of one.
#include "actors/stages/dataset/dataset_stage.hpp"
#include "tests/stages/fixture.hpp"

namespace troupe::stages {

inline std::string write_file(const std::string& name, const std::string& content) {
  const auto path = std::filesystem::temp_directory_path() / ("troupe-data-" + name);
  std::ofstream(path, std::ios::binary) << content;
  return path.string();
}

/// Keeps what a dataset says of its data.
class KeptReport final : public runtime::DataWatch {
 public:
  Result<std::uint32_t> opened(const runtime::DataReport& report) override {
    last = report;
    return first_epoch;
  }
  runtime::DataReport last;
  std::uint32_t first_epoch = 0;
};

struct Opened {
  Opened(const std::string& kind, const std::string& path, const std::string& options)
      : stage("dataset." + kind, "path = \"" + path + "\"\n" + options) {
    stage.context().data = &kept;
    auto made = open_dataset(stage.context());
    if (made.ok())
      dataset = *made;
    else
      error = made.error();
  }
  std::vector<std::string> questions() const {
    std::vector<std::string> out;
    for (std::uint64_t i = 0; i < dataset->size(); ++i)
      out.push_back(dataset->prompt(i, 0)->question);
    return out;
  }
  Prompt prompt(std::uint64_t i) const { return *dataset->prompt(i, 0); }
  OneStage stage;
  KeptReport kept;
  std::shared_ptr<const Dataset> dataset;
  Error error;
};

}  // namespace troupe::stages
