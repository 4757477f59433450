#include "actors/cli/data_log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace troupe::cli {
namespace {

using nlohmann::json;

std::string change_text(const runtime::DataReport& before, const runtime::DataReport& now) {
  if (before.bytes != now.bytes)
    return fmt::format("it had {} bytes and has {} now", before.bytes, now.bytes);
  return fmt::format("it has {} bytes as before, but not the same ones", now.bytes);
}

}  // namespace

Result<std::unique_ptr<DataLog>> DataLog::open(Disk& disk, const std::filesystem::path& run,
                                               Cursors cursors, Tell tell) {
  std::unique_ptr<DataLog> log(
      new DataLog(disk, run / "data.json", std::move(cursors), std::move(tell)));
  if (disk.exists(log->file_)) TROUPE_TRY(log->read());
  return log;
}

Result<void> DataLog::read() {
  TROUPE_ASSIGN(const std::string text, disk_.read(file_));
  try {
    const json document = json::parse(text);
    for (const json& item : document.at("datasets")) {
      Entry entry;
      entry.report.stage = item.at("stage");
      entry.report.bytes = item.at("bytes");
      entry.report.checksum = item.at("crc32c");
      entry.report.order = item.at("order");
      entry.first_epoch = item.at("first_epoch");
      entries_[entry.report.stage] = entry;
    }
  } catch (const json::exception& exception) {
    return Error{ErrorCode::Corrupt, file_.string() + " is damaged: " + exception.what(),
                 "Remove it if you are sure that the data files have not changed"};
  }
  return {};
}

Result<void> DataLog::write() const {
  json list = json::array();
  for (const auto& [stage, entry] : entries_) {
    const runtime::DataReport& report = entry.report;
    list.push_back({{"stage", stage},
                    {"file", std::filesystem::path(report.path).filename().string()},
                    {"bytes", report.bytes},
                    {"crc32c", report.checksum},
                    {"rows", report.rows},
                    {"used", report.used},
                    {"unusable", report.unusable},
                    {"reasons", report.reasons},
                    {"order", report.order},
                    {"first_epoch", entry.first_epoch}});
  }
  return disk_.replace(
      file_, json{{"datasets", list}}.dump(2, ' ', false, json::error_handler_t::replace) + "\n");
}

std::uint32_t DataLog::fresh_epoch(const Entry& entry) const {
  if (!cursors_) return entry.first_epoch;
  const auto cursor = cursors_->find(entry.report.dataset);
  if (cursor == cursors_->end()) return entry.first_epoch;
  std::uint32_t fresh = entry.first_epoch;
  for (const auto& id : {cursor->second.next, cursor->second.last}) {
    if (id) fresh = std::max(fresh, id->epoch + 1);
  }
  for (const PromptId& id : cursor->second.resolved) fresh = std::max(fresh, id.epoch + 1);
  return fresh;
}

void DataLog::tell_rows(Entry& entry) const {
  entry.told = true;
  const runtime::DataReport& report = entry.report;
  if (report.path.empty()) return;
  tell_(runtime::Severity::Info, report.stage,
        fmt::format("uses {} of the {} rows of {}", report.used, report.rows, report.path));
  if (report.unusable == 0) return;
  tell_(runtime::Severity::Warning, report.stage,
        fmt::format("{} of the {} rows of {} cannot be used and are left out, the first: {} "
                    "(data.json in the run directory has {})",
                    report.unusable, report.rows, report.path, report.reasons.front(),
                    report.unusable <= report.reasons.size() ? "all" : "the first hundred"));
}

Result<std::uint32_t> DataLog::opened(const runtime::DataReport& report) {
  const auto found = entries_.find(report.stage);
  Entry entry;
  if (found != entries_.end()) entry = found->second;
  const runtime::DataReport before = entry.report;
  entry.report = report;
  const bool known = found != entries_.end();
  const bool changed =
      known && (before.bytes != report.bytes || before.checksum != report.checksum);
  // A stage that is restarted opens its data again, on a thread of its own: nothing is written.
  const bool again = known && found->second.told;
  if (again && !changed) return entry.first_epoch;
  if (changed && (again || !report.may_change))
    return Error{ErrorCode::InvalidArgument,
                 fmt::format("{} is not the file that this run began with: {}", report.path,
                             change_text(before, report)),
                 fmt::format("Put the file back. To go on with it as it is (the rest of the epoch "
                             "is given up, a new one begins): troupe resume RUN --set "
                             "stage.{}.if_changed=go_on",
                             report.stage)};
  if (known && (changed || before.order != report.order)) {
    const std::uint32_t fresh = fresh_epoch(entry);
    if (fresh > entry.first_epoch)
      tell_(runtime::Severity::Warning, report.stage,
            fmt::format("{}: it goes on with a new epoch, number {} (from 0)",
                        changed ? report.path + " has changed, " + change_text(before, report)
                                : "other rows or another order than before",
                        fresh));
    entry.first_epoch = fresh;
  }
  tell_rows(entry);
  entries_[report.stage] = entry;
  TROUPE_TRY(write());
  return entry.first_epoch;
}

}  // namespace troupe::cli
