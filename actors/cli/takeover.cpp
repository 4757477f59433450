#include "actors/cli/takeover.hpp"

#include "actors/cli/context.hpp"

namespace troupe::cli {

Result<Takeover> take_over(Disk& disk, const std::filesystem::path& path, double wall_seconds) {
  TROUPE_ASSIGN(ledger::RunInfo before, ledger::read_run_info(disk, path));
  TROUPE_ASSIGN(auto directory,
                ledger::RunDirectory::open_to_resume(disk, path, wall_seconds, kVersion));
  const auto give_back = [&](const Error& error) {
    (void)directory.set_state(before.state, before.reason, wall_seconds);
    return error;
  };
  auto checkpoints = ledger::Checkpoints::open(disk, directory.checkpoints_folder());
  if (!checkpoints.ok()) return give_back(checkpoints.error());
  auto latest = checkpoints->latest();
  if (!latest.ok()) return give_back(latest.error());
  ResumePoint point;
  if (latest->checkpoint) {
    point.step = latest->checkpoint->step;
    point.folder = latest->checkpoint->folder;
    if (const auto& meta = latest->checkpoint->meta; meta.contains("ledger"))
      point.ledger = meta["ledger"];
  }
  return Takeover{std::move(directory), std::move(before), std::move(*checkpoints),
                  std::move(point), std::move(latest->rejected)};
}

}  // namespace troupe::cli
