#include "actors/cli/takeover.hpp"

#include "actors/cli/context.hpp"

namespace troupe::cli {

Result<Takeover> take_over(Disk& disk, const std::filesystem::path& path,
                           const graphs::Plan& plan, double wall_seconds) {
  TROUPE_ASSIGN(ledger::RunInfo before, ledger::read_run_info(disk, path));
  TROUPE_ASSIGN(auto directory,
                ledger::RunDirectory::open_to_resume(disk, path, wall_seconds, kVersion));
  const auto give_back = [&](const Error& error) {
    (void)directory.set_state(before.state, before.reason, wall_seconds);
    return error;
  };
  auto checkpoints = ledger::Checkpoints::open(disk, directory.checkpoints_folder());
  if (!checkpoints.ok()) return give_back(checkpoints.error());
  auto journal = ledger::Journal::open(disk, directory.journal_folder());
  if (!journal.ok()) return give_back(journal.error());
  auto point = find_resume_point(*checkpoints, *journal, plan);
  if (!point.ok()) return give_back(point.error());
  if (!before.mended.empty()) point->warnings.push_back(before.mended);
  return Takeover{std::move(directory), std::move(before), std::move(*checkpoints),
                  std::move(*journal), std::move(*point)};
}

Result<void> Takeover::go_on() {
  TROUPE_TRY(checkpoints.remove_after(point.redo_until));
  TROUPE_ASSIGN(const auto steps, checkpoints.steps());
  for (const std::uint32_t step : steps)
    if (step > point.step && !checkpoints.load(step).ok()) TROUPE_TRY(checkpoints.remove(step));
  return journal.drop_after(point.redo_until);
}

}  // namespace troupe::cli
