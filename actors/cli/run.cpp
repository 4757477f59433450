#include <iostream>
#include <nlohmann/json.hpp>

#include "actors/cli/commands.hpp"
#include "actors/cli/context.hpp"
#include "actors/cli/session.hpp"
#include "actors/hosts/caf/real_clock.hpp"
#include "actors/ledger/checkpoints.hpp"
#include "graphs/print.hpp"

namespace troupe::cli {
namespace {

// What a resume needs beside graph.toml: where relative paths begin, and what --set said.
constexpr const char* kInvocation = "invocation.json";

Result<void> write_invocation(const std::filesystem::path& run, const GraphArguments& arguments) {
  const nlohmann::json invocation = {{"graph", arguments.file}, {"sets", arguments.sets}};
  return real_disk().replace(run / kInvocation, invocation.dump(2) + "\n");
}

Result<GraphArguments> read_invocation(const std::filesystem::path& run) {
  TROUPE_ASSIGN(const std::string text, real_disk().read(run / kInvocation));
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("graph") || !json["graph"].is_string() ||
      !json.contains("sets") || !json["sets"].is_array())
    return Error{ErrorCode::Corrupt, "'" + (run / kInvocation).string() + "' is damaged",
                 "Start a new run from graph.toml in that directory"};
  GraphArguments arguments;
  arguments.file = json["graph"];
  for (const auto& set : json["sets"]) {
    if (set.is_string()) arguments.sets.push_back(set);
  }
  return arguments;
}

}  // namespace

int run(const GraphArguments& arguments, bool quiet) {
  const auto plan = load(arguments.file, arguments.sets, true, false);
  if (!plan) return kConfiguration;
  auto text = real_disk().read(arguments.file);
  if (!text.ok()) return complain(text.error());
  ledger::NewRun fresh;
  fresh.name = plan->run.name;
  fresh.seed = plan->run.seed;
  fresh.troupe_version = kVersion;
  fresh.graph_text = *text;
  fresh.plan_json = graphs::plan_json(*plan);
  fresh.graph_hash = plan->hash;
  fresh.wall_seconds = hosts::RealClock().wall_seconds();
  auto directory = ledger::RunDirectory::create(real_disk(), plan->run.directory, fresh);
  if (!directory.ok()) return complain(directory.error());
  GraphArguments absolute = arguments;
  absolute.file = std::filesystem::absolute(arguments.file).string();
  if (auto written = write_invocation(directory->path(), absolute); !written.ok())
    return complain(written.error());
  SessionOptions options;
  options.quiet = quiet;
  return run_session(*plan, std::move(*directory), options);
}

int resume(const std::string& name, const std::vector<std::string>& sets, bool quiet) {
  auto path = find_run(name);
  if (!path.ok()) return complain(path.error());
  auto info = ledger::read_run_info(real_disk(), *path);
  if (!info.ok()) return complain(info.error());
  auto arguments = read_invocation(*path);
  if (!arguments.ok()) return complain(arguments.error());
  auto text = real_disk().read(*path / "graph.toml");
  if (!text.ok()) return complain(text.error());
  arguments->sets.insert(arguments->sets.end(), sets.begin(), sets.end());
  graphs::LoadOptions load_options;
  load_options.check_files = true;
  graphs::LoadResult loaded = graphs::load_graph_text(*text, arguments->file, arguments->sets,
                                                      all_kinds().contracts(), load_options);
  std::cerr << loaded.rendered(colour_on_stderr());
  if (!loaded.ok()) return kConfiguration;

  auto checkpoints = ledger::Checkpoints::open(real_disk(), *path / "checkpoints");
  if (info->state == ledger::RunState::Finished && sets.empty()) {
    std::cerr << "error: " << path->string() << " is finished\n  help: give it more steps: troupe "
              << "resume " << path->string() << " --set run.steps=N\n";
    return kUsage;
  }
  auto directory =
      ledger::RunDirectory::open_to_resume(real_disk(), *path, hosts::RealClock().wall_seconds());
  if (!directory.ok()) return complain(directory.error());
  if (!checkpoints.ok()) return complain(checkpoints.error());
  auto latest = checkpoints->latest();
  if (!latest.ok()) return complain(latest.error());
  for (const std::string& damage : latest->rejected) std::cerr << "warning: " << damage << "\n";
  SessionOptions options;
  options.quiet = quiet;
  options.checkpoint_step = 0;
  if (latest->checkpoint) {
    options.checkpoint_step = latest->checkpoint->step;
    options.checkpoint = latest->checkpoint->folder;
    if (auto removed = checkpoints->remove_after(latest->checkpoint->step); !removed.ok())
      return complain(removed.error());
  }
  std::cerr << "Going on from "
            << (latest->checkpoint
                    ? "the checkpoint of step " + std::to_string(latest->checkpoint->step)
                    : std::string("the beginning: there is no checkpoint yet"))
            << ".\n";
  if (loaded.plan->hash != info->graph_hash)
    std::cerr << "note: the graph differs from the one this run began with (--set)\n";
  return run_session(*loaded.plan, std::move(*directory), options);
}

}  // namespace troupe::cli
