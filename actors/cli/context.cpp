#include "actors/cli/context.hpp"

#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "actors/cli/resources.hpp"
#include "actors/ledger/run_directory.hpp"
#include "actors/stages/kinds.hpp"

namespace troupe::cli {

const runtime::KindSet& all_kinds() {
  static const auto kinds = [] {
    auto made = std::make_unique<runtime::KindSet>();
    stages::KindRegistry registry(*made);
    stages::register_kinds(registry);
    return made;
  }();
  return *kinds;
}

bool colour_on_stderr() { return isatty(STDERR_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr; }

graphs::Estimate estimate_for(Asks asks) {
  if (asks < Asks::Fits) return {};
  return [asks](const graphs::Plan& plan) { return resources_here(plan, asks == Asks::ToRun); };
}

graphs::LoadResult load(const GraphArguments& arguments, Asks asks) {
  graphs::LoadOptions options;
  options.check_files = asks != Asks::Nothing;
  options.estimate = estimate_for(asks);
  const graphs::GraphInput input{
      arguments.file, {arguments.overlays.begin(), arguments.overlays.end()}, arguments.sets};
  graphs::LoadResult loaded = graphs::load_graph(input, all_kinds().contracts(), options);
  if (arguments.json && !loaded.ok())
    std::cout << loaded.rendered_json() << std::endl;
  else
    std::cerr << loaded.rendered(colour_on_stderr());
  return loaded;
}

int complain(const Error& error, int status) {
  std::cerr << (colour_on_stderr() ? "\033[1;31merror:\033[0m " : "error: ") << error.message
            << "\n";
  if (!error.help.empty()) std::cerr << "  help: " << error.help << "\n";
  return status;
}

int complain(const Error& error) {
  switch (error.code) {
    case ErrorCode::InvalidArgument:
    case ErrorCode::NotFound:
    case ErrorCode::Corrupt:
    case ErrorCode::Unsupported:
      return complain(error, kConfiguration);
    default:
      return complain(error, kRunFailed);
  }
}

Result<std::filesystem::path> find_run(const std::string& name) {
  return ledger::find_run(real_disk(), "runs", name);
}

}  // namespace troupe::cli
