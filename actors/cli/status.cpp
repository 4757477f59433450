#include "actors/ledger/status.hpp"

#include <iostream>
#include <nlohmann/json.hpp>

#include "actors/cli/commands.hpp"
#include "actors/cli/context.hpp"

namespace troupe::cli {

int status(const std::string& run, bool json) {
  auto path = find_run(run);
  if (!path.ok()) return complain(path.error(), kUsage);
  auto read = ledger::read_status(real_disk(), *path);
  if (!read.ok()) return complain(read.error(), kRunFailed);
  if (json)
    std::cout << ledger::to_json(*read).dump(2) << "\n";
  else
    std::cout << ledger::print_status(*read);
  return read->holds() ? kDone : kRunFailed;
}

int stop(const std::string& run, bool now) {
  auto path = find_run(run);
  if (!path.ok()) return complain(path.error(), kUsage);
  auto asked = ledger::request_stop(real_disk(), *path, ledger::StopRequest{!now});
  if (!asked.ok()) return complain(asked.error(), kRunFailed);
  std::cout << "Asked " << path->string()
            << (now ? " to stop at once.\n" : " to finish what is in flight, save and stop.\n")
            << "See how far it is: troupe status " << path->string() << "\n";
  return kDone;
}

}  // namespace troupe::cli
