#pragma once
// Status of a run, read from its directory alone: works while it runs, after it ended and after
// any crash, and changes nothing. The ends are counted from the records of the ledger, the
// admissions from its running total, so that the equation is a check and not a tautology.
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "actors/ledger/accounts.hpp"
#include "actors/ledger/ledger.hpp"
#include "actors/ledger/run_directory.hpp"

namespace troupe::ledger {

struct RunStatus {
  std::filesystem::path path;
  RunInfo info;
  bool alive = false;    // a process holds the lock
  bool crashed = false;  // run.json says running, but nobody does
  Accounts accounts;
  std::vector<ReasonCount> reasons;
  std::uint32_t step = 0;  // of the last metrics, else of the last batch
  std::vector<std::uint32_t> checkpoint_steps;
  std::map<std::string, double> metrics;  // last line of metrics.jsonl
  std::vector<StageCounts> stages;        // empty when the run wrote none
  std::vector<std::string> problems;      // unreadable parts, in sentences

  bool holds() const { return accounts.holds(); }
};

/// NotFound when there is no run; damage inside one becomes `problems`. `vfs`: as in
/// LedgerOptions.
Result<RunStatus> read_status(Disk& disk, const std::filesystem::path& path,
                              const std::string& vfs = {});
/// For people, several lines, ends with a newline and with what to do next.
std::string print_status(const RunStatus& status);
/// The two lines of the equation and whether it holds, as printed at the end of a run too.
std::string print_equation(const Accounts& accounts);
nlohmann::json to_json(const RunStatus& status);

}  // namespace troupe::ledger
