#include "actors/cli/resume_point.hpp"

#include <fmt/format.h>

#include "actors/runtime/exact_admission.hpp"

namespace troupe::cli {
namespace {

Error not_exactly(std::string why) {
  return Error{ErrorCode::Corrupt, "this run cannot be continued exactly: " + std::move(why),
               "Continue it without that promise: troupe resume RUN --set run.exact=false"};
}

/// The newest checkpoint from which the weights that unfinished groups need can be made again.
Result<void> step_back(const ledger::Checkpoints& checkpoints, const ledger::Journal& journal,
                       ResumePoint& point) {
  if (point.redo_until == 0) return {};  // nothing was trained
  auto last = journal.read(point.redo_until);
  if (!last.ok()) return not_exactly(last.error().message);
  point.gate = last->gate;
  auto oldest = runtime::oldest_version_needed(point.gate, point.redo_until);
  if (!oldest.ok()) return oldest.error();
  if (point.step <= *oldest) return {};
  TROUPE_ASSIGN(auto steps, checkpoints.steps());
  steps.insert(steps.begin(), 0);
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    if (*step > *oldest) continue;
    TROUPE_ASSIGN(const auto reach, journal.reach(*step));
    if (reach.step < point.redo_until) break;
    point.step = *step;
    point.folder.reset();
    if (*step == 0) return {};
    auto loaded = checkpoints.load(*step);
    if (!loaded.ok()) {
      point.warnings.push_back(loaded.error().message);
      continue;
    }
    point.folder = loaded->folder;
    return {};
  }
  return not_exactly(fmt::format(
      "its unfinished groups need the weights of step {}, and no checkpoint from which the journal "
      "reaches that far is left",
      *oldest));
}

}  // namespace

Result<ResumePoint> find_resume_point(const ledger::Checkpoints& checkpoints,
                                      const ledger::Journal& journal, const graphs::Plan& plan) {
  ResumePoint point;
  TROUPE_ASSIGN(const auto latest, checkpoints.latest());
  point.warnings = latest.rejected;
  if (latest.checkpoint) {
    point.step = latest.checkpoint->step;
    point.folder = latest.checkpoint->folder;
    if (const auto& meta = latest.checkpoint->meta; meta.contains("ledger"))
      point.ledger = meta["ledger"];
  }
  point.redo_until = point.step;
  if (!plan.gate || !plan.gate->learner) return point;
  TROUPE_ASSIGN(const auto reach, journal.reach(point.step));
  if (!reach.damage.empty()) point.warnings.push_back(reach.damage);
  point.redo_until = reach.step;
  if (plan.run.exact) TROUPE_TRY(step_back(checkpoints, journal, point));
  for (std::uint32_t step = point.step + 1; step <= point.redo_until; ++step) {
    TROUPE_ASSIGN(const auto batch, journal.read(step));
    for (const ledger::JournaledGroup& group : batch.groups) {
      point.journaled.push_back(group.id);
      point.numbers_used = std::max(point.numbers_used, group.number + 1);
    }
  }
  return point;
}

}  // namespace troupe::cli
