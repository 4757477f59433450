#include "actors/cli/sample_keeper.hpp"

#include <fmt/format.h>

namespace troupe::cli {

SampleKeeper::SampleKeeper(Disk& disk, std::filesystem::path folder, ledger::RetentionRules rules)
    : disk_(disk), folder_(std::move(folder)), rules_(rules) {}

std::optional<std::string> SampleKeeper::look(std::uint32_t open_segment) {
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->busy || open_segment == done_to_)
      return std::exchange(shared_->said, std::nullopt);
    shared_->busy = true;
  }
  done_to_ = open_segment;
  auto job = [disk = &disk_, folder = folder_, rules = rules_, open_segment, shared = shared_] {
    const auto report = ledger::retain_samples(*disk, folder, rules, open_segment);
    std::optional<std::string> said;
    if (!report.ok())
      said = "the sample log could not be compressed: " + report.error().message;
    else if (report->damaged_lines > 0)
      said = fmt::format("{} damaged lines of the sample log were left out as it was compressed",
                         report->damaged_lines);
    const std::lock_guard lock(shared->mutex);
    shared->busy = false;
    if (said) shared->said = std::move(said);
  };
  runner_ ? runner_(std::move(job)) : job();
  const std::lock_guard lock(shared_->mutex);
  return std::exchange(shared_->said, std::nullopt);
}

}  // namespace troupe::cli
