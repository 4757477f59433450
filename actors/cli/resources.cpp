#include "actors/cli/resources.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string>
#include <thread>

namespace troupe::cli {
namespace {

unsigned cores() { return std::max(1u, std::thread::hardware_concurrency()); }

/// The limit that a cgroup file states; 0 where there is none ("max", or no such file).
std::uint64_t limit_in(const char* path) {
  std::ifstream file(path);
  std::string text;
  std::getline(file, text);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : 0;
}

}  // namespace

unsigned engine_threads(const graphs::Plan& plan) {
  return plan.run.threads > 0 ? plan.run.threads : cores();
}

std::uint64_t machine_memory() {
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page <= 0) return 0;
  auto out = static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page);
  // As a container shows its own limit to the processes inside, version 2 and 1.
  for (const char* path :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    if (const std::uint64_t limit = limit_in(path); limit > 0) out = std::min(out, limit);
  }
  return out;
}

graphs::Resources resources_here(const graphs::Plan& plan, bool must_fit) {
  stages::ModelShapes shapes;
  for (const graphs::ModelPlan& model : plan.models) {
    if (model.from.empty()) shapes.emplace(model.name, model::read_model_facts(model.load));
  }
  graphs::Resources out =
      stages::resources_of(plan, shapes, {cores(), kEventThreads, kWorkerThreads});
  out.machine_bytes = machine_memory();
  out.machine_cores = cores();
  out.must_fit = must_fit;
  return out;
}

}  // namespace troupe::cli
