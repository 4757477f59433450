#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "actors/cli/commands.hpp"
#include "actors/cli/context.hpp"
#include "actors/cli/invocation.hpp"
#include "actors/cli/recipe.hpp"
#include "actors/cli/session.hpp"
#include "actors/cli/takeover.hpp"
#include "actors/hosts/caf/real_clock.hpp"
#include "graphs/print.hpp"

namespace troupe::cli {
namespace {

Error no_steps_left(const std::string& run, std::uint32_t step, std::uint64_t steps) {
  return Error{ErrorCode::InvalidArgument,
               fmt::format("{} is at step {} already, and run.steps is {}", run, step, steps),
               fmt::format("Give it more: troupe resume {} --set run.steps={}", run,
                           std::max<std::uint64_t>(step, steps) * 2)};
}

}  // namespace

int run(const GraphArguments& arguments, bool quiet) {
  if (names_recipe(arguments)) return run_recipe(arguments);
  const graphs::LoadResult loaded = load(arguments, Asks::ToRun);
  const auto& plan = loaded.plan;
  if (!plan) return kConfiguration;
  ledger::NewRun fresh;
  fresh.name = plan->run.name;
  fresh.seed = plan->run.seed;
  fresh.troupe_version = kVersion;
  fresh.graph_text = loaded.sources.front().text;
  fresh.plan_json = graphs::plan_json(*plan);
  fresh.graph_hash = plan->hash;
  fresh.wall_seconds = hosts::RealClock().wall_seconds();
  auto directory = ledger::RunDirectory::create(real_disk(), plan->run.directory, fresh);
  if (!directory.ok()) {
    const bool named = directory.error().code == ErrorCode::InvalidArgument;  // run.name
    return complain(directory.error(), named ? kConfiguration : kRunFailed);
  }
  const Invocation invocation = invocation_of(arguments, loaded);
  if (auto written = write_invocation(directory->path(), invocation); !written.ok())
    return complain(written.error(), kRunFailed);
  SessionOptions options;
  options.quiet = quiet;
  return run_session(*plan, std::move(*directory), options);
}

int resume(const std::string& name, const std::vector<std::string>& sets, bool quiet) {
  auto path = find_run(name);
  if (!path.ok()) return complain(path.error(), kUsage);
  const std::string run = path->string();
  auto info = ledger::read_run_info(real_disk(), *path);
  if (!info.ok()) return complain(info.error(), kRunFailed);
  auto invocation = read_invocation(*path);
  if (!invocation.ok()) return complain(invocation.error(), kRunFailed);
  auto plan = load_run(*path, *invocation, sets, Asks::ToRun);
  if (!plan.ok()) return complain(plan.error(), kRunFailed);
  if (!*plan) return kConfiguration;
  const graphs::Plan& graph = **plan;
  if (info->state == ledger::RunState::Finished && sets.empty())
    return complain(Error{ErrorCode::InvalidArgument, run + " is finished",
                          "Give it more steps: troupe resume " + run + " --set run.steps=N"},
                    kUsage);

  // From here on nobody else runs there: what a living run writes must not be touched before.
  auto takeover = take_over(real_disk(), *path, graph, hosts::RealClock().wall_seconds());
  if (!takeover.ok()) return complain(takeover.error(), kRunFailed);
  const auto give_back = [&](const Error& error) {
    takeover->give_back(hosts::RealClock().wall_seconds());
    return complain(error);
  };
  for (const std::string& damage : takeover->point.warnings)
    std::cerr << "warning: " << damage << "\n";
  SessionOptions options;
  options.quiet = quiet;
  options.resume = takeover->point;
  const std::uint32_t step = options.resume->step, last = options.resume->redo_until;
  const bool complete = graph.run.steps > 0 && last >= graph.run.steps;
  // A run that died after its last step, as it was evaluated, still has something to do.
  if (complete && (last > graph.run.steps || info->state == ledger::RunState::Finished)) {
    (void)give_back(no_steps_left(run, last, graph.run.steps));
    return kUsage;
  }
  if (auto removed = takeover->go_on(); !removed.ok()) return give_back(removed.error());
  if (!sets.empty()) {
    const auto more = with_absolute_paths(sets, graph);
    invocation->sets.insert(invocation->sets.end(), more.begin(), more.end());
    if (auto written = write_invocation(*path, *invocation); !written.ok())
      return give_back(written.error());
  }
  std::cerr << "Going on from "
            << (options.resume->folder ? "the checkpoint of step " + std::to_string(step)
                                       : std::string("the beginning: there is no checkpoint yet"))
            << ".\n";
  if (last > step)
    std::cerr << fmt::format("Steps {} to {} were taken after it: they are trained again from the "
                             "journal.\n",
                             step + 1, last);
  if (graph.hash != info->graph_hash)
    std::cerr << "note: the graph differs from the one this run began with (--set)\n";
  return run_session(graph, std::move(takeover->directory), options);
}

}  // namespace troupe::cli
