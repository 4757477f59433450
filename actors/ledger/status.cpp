#include "actors/ledger/status.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "actors/ledger/checkpoints.hpp"
#include "actors/ledger/reasons.hpp"
#include "actors/ledger/store.hpp"

namespace troupe::ledger {
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr std::size_t kMetricsTail = 1u << 20;  // read of the end of metrics.jsonl
constexpr std::size_t kShownMetrics = 16;
constexpr std::size_t kShownReasons = 8;

Result<void> read_base(Store& store, RunStatus& status) {
  TROUPE_ASSIGN(const auto text, store.base());
  if (!text) return {};
  const json base = json::parse(*text, nullptr, false);
  const auto add = [&](const char* key, Equation& equation) {
    const auto ends = base.find(key);
    if (ends == base.end() || !ends->is_array() || ends->size() != kEnds) return;
    for (int i = 0; i < kEnds; ++i) {
      const json& count = (*ends)[static_cast<std::size_t>(i)];
      if (count.is_number_unsigned())
        equation.of(static_cast<End>(i)) += count.get<std::uint64_t>();
    }
  };
  if (base.is_object()) {
    add("resolved_prompts", status.accounts.prompts);
    add("resolved_samples", status.accounts.samples);
  }
  return {};
}

Result<void> read_ledger(const fs::path& file, const std::string& vfs, RunStatus& status) {
  TROUPE_ASSIGN(Store store, Store::open_to_read(file, vfs));
  TROUPE_TRY(store.begin_reading());
  TROUPE_ASSIGN(const auto totals, store.totals());
  if (!totals) return {};
  status.accounts.prompts.admitted = totals->admitted_prompts;
  status.accounts.samples.admitted = totals->admitted_samples;
  TROUPE_TRY(read_base(store, status));
  Reasons reasons;
  TROUPE_ASSIGN(auto texts, store.reasons());
  for (auto& [index, text] : texts) reasons.restore(index, std::move(text));
  TROUPE_ASSIGN(const auto damaged, store.each_prompt([&](PromptRecord record) {
    record.count_into(status.accounts);
    for (const SampleRecord& sample : record.current)
      if (sample.end) reasons.count(*sample.end, sample.reason);
    for (const auto& [sibling, sample] : record.earlier)
      if (sample.end) reasons.count(*sample.end, sample.reason);
  }));
  if (damaged.count() > 0)
    status.problems.push_back(
        fmt::format("ledger.sqlite: {} records of prompts are damaged; a resume forgets them, and "
                    "what was not trained yet is done again",
                    damaged.count()));
  const auto see_batch = [&](const BatchRecord& batch) { status.step = batch.version.step; };
  TROUPE_ASSIGN(const std::uint64_t damaged_batches, store.each_batch(see_batch));
  if (damaged_batches > 0)
    status.problems.push_back(
        fmt::format("ledger.sqlite: {} records of batches are damaged", damaged_batches));
  TROUPE_TRY(store.end_reading());
  for (const auto& [key, samples] : reasons.counts())
    if (!reasons.text(key.second).empty())
      status.reasons.push_back({key.first, reasons.text(key.second), samples});
  std::stable_sort(status.reasons.begin(), status.reasons.end(),
                   [](const auto& a, const auto& b) { return a.samples > b.samples; });
  return {};
}

Result<void> read_metrics_tail(Disk& disk, const fs::path& file, RunStatus& status) {
  if (!disk.exists(file)) return {};
  std::string tail;
  TROUPE_TRY(disk.scan(file, [&](std::span<const std::byte> bytes) {
    tail.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (tail.size() > 2 * kMetricsTail) tail.erase(0, tail.size() - kMetricsTail);
  }));
  std::istringstream lines(tail);
  for (std::string line; std::getline(lines, line);) {
    const json data = json::parse(line, nullptr, false);
    if (!data.is_object()) continue;  // torn at either end
    for (const auto& [name, value] : data.items()) {
      if (!value.is_number()) continue;
      if (name == "step")
        status.step = std::max(status.step, value.get<std::uint32_t>());
      else if (name != "wall_seconds")
        status.metrics[name] = value.get<double>();
    }
  }
  return {};
}

Result<void> read_stages(Disk& disk, const fs::path& file, RunStatus& status) {
  if (!disk.exists(file)) return {};
  TROUPE_ASSIGN(const std::string text, disk.read(file));
  try {
    const json data = json::parse(text);
    for (const json& stage : data.at("stages"))
      status.stages.push_back({stage.at("name"), stage.value("state", ""),
                               stage.value("received", std::uint64_t{0}),
                               stage.value("sent", std::uint64_t{0}),
                               stage.value("ended", std::uint64_t{0}),
                               stage.value("waits_for", "")});
  } catch (const json::exception& exception) {
    return Error{ErrorCode::Corrupt, fmt::format("stages.json: {}", exception.what()), ""};
  }
  return {};
}

std::string state_text(const RunStatus& status) {
  if (status.crashed) return "died: its process is gone without saying why";
  std::string text(name_of(status.info.state));
  if (status.alive) text += fmt::format(" (pid {})", status.info.pid);
  if (!status.info.reason.empty()) text += ": " + status.info.reason;
  return text;
}

std::string next_step(const RunStatus& status) {
  const std::string run = status.path.string();
  if (status.alive) return fmt::format("Stop it with: troupe stop {}", run);
  if (status.info.state == RunState::Finished)
    return fmt::format("Its samples are in {}, its checkpoints in {}",
                       (status.path / "samples").string(), (status.path / "checkpoints").string());
  return fmt::format("Go on with it: troupe resume {}", run);
}

/// All metrics, with those that say whether it learns in front.
std::vector<std::pair<std::string, double>> metrics_to_show(const RunStatus& status) {
  std::vector<std::pair<std::string, double>> metrics(status.metrics.begin(),
                                                      status.metrics.end());
  std::stable_partition(metrics.begin(), metrics.end(), [](const auto& metric) {
    return metric.first.starts_with("reward/") ||
           metric.first.find("accuracy") != std::string::npos;
  });
  return metrics;
}

json to_json(const Equation& equation) {
  json data{{"admitted", equation.admitted}, {"in_flight", equation.in_flight}};
  for (int i = 0; i < kEnds; ++i)
    data[std::string(key_of(static_cast<End>(i)))] = equation.of(static_cast<End>(i));
  data["holds"] = equation.holds();
  return data;
}

}  // namespace

Result<RunStatus> read_status(Disk& disk, const fs::path& path, const std::string& vfs) {
  RunStatus status;
  status.path = path;
  TROUPE_ASSIGN(status.info, read_run_info(disk, path));
  if (!status.info.mended.empty()) status.problems.push_back(status.info.mended);
  status.alive = lock_state(disk, path).held;
  status.crashed = !status.alive && status.info.state == RunState::Running;
  const auto note = [&](const Result<void>& part) {
    if (!part.ok()) status.problems.push_back(part.error().message);
  };
  if (disk.exists(path / "ledger.sqlite"))
    note(read_ledger(path / "ledger.sqlite", vfs, status));
  else
    status.problems.push_back("there is no ledger yet");
  note(read_metrics_tail(disk, path / "metrics.jsonl", status));
  note(read_stages(disk, path / "stages.json", status));
  if (disk.exists(path / "checkpoints")) {
    auto steps = checkpoint_steps(disk, path / "checkpoints");
    if (steps.ok())
      status.checkpoint_steps = std::move(steps).value();
    else
      note(steps.error());
  }
  return status;
}

std::string print_equation(const Accounts& accounts) {
  return fmt::format("prompts      {}\nsamples      {}\n{}\n", accounts.prompts.text(),
                     accounts.samples.text(),
                     accounts.holds()
                         ? "             every one is accounted for"
                         : "             THIS DOES NOT ADD UP: the run has failed; keep its "
                           "directory and report a bug");
}

std::string print_status(const RunStatus& status) {
  std::string out;
  const auto line = [&](std::string_view name, std::string_view value) {
    out += fmt::format("{:<13}{}\n", name, value);
  };
  line("run", fmt::format("{} (seed {})", status.path.string(), status.info.seed));
  line("state", state_text(status));
  line("step", fmt::format("{}", status.step));
  if (status.info.incarnation > 0)
    line("resumed", status.info.incarnation == 1 ? "once"
                                                 : fmt::format("{} times", status.info.incarnation));
  std::string steps;
  for (std::uint32_t step : status.checkpoint_steps)
    steps += fmt::format("{}{}", steps.empty() ? "step " : ", ", step);
  line("checkpoints", steps.empty() ? "none yet" : steps);
  out += print_equation(status.accounts);
  std::size_t shown = 0;
  for (const ReasonCount& reason : status.reasons) {
    if (shown == kShownReasons) {
      line("", fmt::format("... and {} other reasons", status.reasons.size() - shown));
      break;
    }
    line(shown++ == 0 ? "reasons" : "",
         fmt::format("{} {}: {}", reason.samples, name_of(reason.end), reason.reason));
  }
  shown = 0;
  for (const auto& [name, value] : metrics_to_show(status)) {
    if (shown == kShownMetrics) {
      line("", fmt::format("... and {} more in metrics.jsonl", status.metrics.size() - shown));
      break;
    }
    line(shown++ == 0 ? "metrics" : "", fmt::format("{} {:.6g}", name, value));
  }
  shown = 0;
  for (const StageCounts& stage : status.stages)
    line(shown++ == 0 ? "stages" : "",
         fmt::format("{}: {}, {} in, {} out, {} ended here{}", stage.name, stage.state,
                     stage.received, stage.sent, stage.ended,
                     stage.waits_for.empty() ? "" : ", waits for " + stage.waits_for));
  for (const std::string& repair : status.info.repairs) line("repaired", repair);
  for (const std::string& problem : status.problems) line("problem", problem);
  return out + next_step(status) + "\n";
}

json to_json(const RunStatus& status) {
  json reasons = json::array(), stages = json::array();
  for (const ReasonCount& reason : status.reasons)
    reasons.push_back({{"end", key_of(reason.end)},
                       {"reason", reason.reason},
                       {"samples", reason.samples}});
  for (const StageCounts& stage : status.stages)
    stages.push_back({{"name", stage.name},
                      {"state", stage.state},
                      {"received", stage.received},
                      {"sent", stage.sent},
                      {"ended", stage.ended},
                      {"waits_for", stage.waits_for}});
  return {{"path", status.path.string()},
          {"name", status.info.name},
          {"seed", status.info.seed},
          {"state", status.crashed ? "died" : name_of(status.info.state)},
          {"reason", status.info.reason},
          {"alive", status.alive},
          {"pid", status.info.pid},
          {"incarnation", status.info.incarnation},
          {"graph_hash", status.info.graph_hash},
          {"step", status.step},
          {"checkpoints", status.checkpoint_steps},
          {"prompts", to_json(status.accounts.prompts)},
          {"samples", to_json(status.accounts.samples)},
          {"holds", status.holds()},
          {"reasons", std::move(reasons)},
          {"metrics", status.metrics},
          {"stages", std::move(stages)},
          {"repairs", status.info.repairs},
          {"problems", status.problems}};
}

}  // namespace troupe::ledger
