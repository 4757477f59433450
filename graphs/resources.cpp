#include "graphs/resources.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "graphs/describe.hpp"
#include "graphs/draft.hpp"

namespace troupe::graphs {
namespace {

const MemoryRow* largest(const std::vector<MemoryRow>& rows) {
  const MemoryRow* out = nullptr;
  for (const MemoryRow& row : rows) {
    if (row.bytes && (!out || *row.bytes > *out->bytes)) out = &row;
  }
  return out;
}

/// The value that saves `excess` bytes; nothing if the option cannot.
std::optional<std::uint64_t> lowered(const Lever& lever, std::uint64_t excess) {
  if (lever.bytes_each == 0) return std::nullopt;
  const std::uint64_t by = (excess + lever.bytes_each - 1) / lever.bytes_each;
  if (by >= lever.value || lever.value - by < lever.least) return std::nullopt;
  return lever.value - by;
}

void add_help(Diagnostic& found, const std::vector<MemoryRow>& rows, std::uint64_t excess) {
  std::vector<const MemoryRow*> able;
  for (const MemoryRow& row : rows) {
    if (row.lever && row.bytes) able.push_back(&row);
  }
  std::stable_sort(able.begin(), able.end(),
                   [](const MemoryRow* a, const MemoryRow* b) { return *a->bytes > *b->bytes; });
  bool alone = false;
  for (const MemoryRow* row : able) {
    const Lever& lever = *row->lever;
    if (const auto value = lowered(lever, excess)) {
      found.help.push_back(fmt::format("set stage.{}.{} = {} (it is {}) and it fits", lever.stage,
                                       lever.option, *value, lever.value));
      alone = true;
    }
  }
  if (alone) return;
  std::uint64_t left = excess;
  std::string all;
  for (const MemoryRow* row : able) {
    const Lever& lever = *row->lever;
    if (lever.value <= lever.least) continue;
    const std::uint64_t saved = (lever.value - lever.least) * lever.bytes_each;
    const std::uint64_t value = lowered(lever, left).value_or(lever.least);
    all += fmt::format("{}stage.{}.{} = {}", all.empty() ? "" : ", ", lever.stage, lever.option,
                       value);
    left -= std::min(left, saved);
    if (left == 0) break;
  }
  if (left == 0) {
    found.help.push_back("no one option is enough; together these are: " + all);
    return;
  }
  const std::uint64_t queues = rows.back().bytes.value_or(0);
  if (left <= queues)
    found.help.push_back(
        fmt::format("{}{}and give edges a smaller `capacity` in bytes: queues may hold {}, and {} "
                    "of it must go",
                    all, all.empty() ? "" : ", ", size_text(queues), size_text(left)));
  else
    found.help.push_back(
        fmt::format("no option saves enough: {} would still be missing with empty queues. Take a "
                    "smaller model, dtype = \"bf16\", or a larger machine",
                    size_text(left - queues)));
}

}  // namespace

std::string size_text(std::uint64_t bytes) {
  const double mib = static_cast<double>(bytes) / (1 << 20);
  if (mib >= 10'000) return fmt::format("{:.1f} GiB", mib / 1024);
  return mib >= 10 ? fmt::format("{:.0f} MiB", mib) : fmt::format("{:.1f} MiB", mib);
}

std::vector<MemoryRow> memory_rows(const Plan& plan, const Resources& resources) {
  std::vector<MemoryRow> out = resources.memory;
  out.push_back({"queues", "all edges full", queue_bytes(plan), "capacity of every edge", {}});
  return out;
}

std::uint64_t memory_total(const Plan& plan, const Resources& resources) {
  std::uint64_t total = 0;
  for (const MemoryRow& row : memory_rows(plan, resources)) total += row.bytes.value_or(0);
  return total;
}

void check_memory(Draft& draft, const Plan& plan) {
  if (!draft.load_options.estimate) return;
  const Resources resources = draft.load_options.estimate(plan);
  const std::vector<MemoryRow> rows = memory_rows(plan, resources);
  const std::uint64_t total = memory_total(plan, resources);
  const auto limit = draft.run.find("memory");
  const std::uint64_t allowed = limit == draft.run.end() ? 0 : limit->second.value.as_bytes().bytes;
  const MemoryRow* most = largest(rows);
  const std::string label = most ? fmt::format("the most is {} of {}: {}", size_text(*most->bytes),
                                               most->owner, most->what)
                                 : "";
  if (allowed > 0) {  // who writes it down knows better than the size of this machine
    if (total <= allowed) return;
    Diagnostic& found = draft.findings.error(codes::kMemoryLimit,
                                             fmt::format("the run needs {}, and `memory` allows {}",
                                                         size_text(total), size_text(allowed)),
                                             limit->second.value_span, label);
    add_help(found, rows, total - allowed);
    return;
  }
  if (resources.machine_bytes == 0 || total <= resources.machine_bytes) return;
  const std::string message = fmt::format("the run needs {}, and this machine has {}",
                                          size_text(total), size_text(resources.machine_bytes));
  Diagnostic& found =
      resources.must_fit
          ? draft.findings.error(codes::kMachineTooSmall, message, draft.flow_span, label)
          : draft.findings.warning(codes::kMachineIsSmaller, message, draft.flow_span, label);
  add_help(found, rows, total - resources.machine_bytes);
  found.help.push_back(resources.must_fit
                           ? "it begins all the same when `[run] memory` allows that much"
                           : "a larger machine can run the graph; this one would refuse");
}

}  // namespace troupe::graphs
