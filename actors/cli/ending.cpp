#include "actors/cli/ending.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <future>
#include <iostream>
#include <thread>

namespace troupe::cli {
namespace {

// Handlers of stages are short. The coordinator's may last while it commits a checkpoint of some
// gigabytes to a slow disk.
constexpr auto kStageGrace = std::chrono::seconds(5);
constexpr auto kCoordinatorGrace = std::chrono::seconds(60);
// An engine ends after the step that it is at; what it makes of it is not wanted any more.
constexpr auto kTeardownGrace = std::chrono::seconds(10);
// The coordinator's watchdog looks every quarter of the stall timeout and waits for answers.
constexpr auto kAnswerGrace = std::chrono::seconds(5);

}  // namespace

bool stops_in_time(hosts::CafHost& host, bool forced) {
  // Shared: the thread may outlive this call.
  auto done = std::make_shared<std::promise<void>>();
  std::future<void> stopped = done->get_future();
  std::thread([&host, done] {
    host.stop();
    done->set_value();
  }).detach();
  return stopped.wait_for(forced ? kCoordinatorGrace : kStageGrace) == std::future_status::ready;
}

void end_process_now(int status) {
  std::cout.flush();
  std::cerr.flush();
  std::fflush(nullptr);
  std::_Exit(status);
}

void end_process_in_time(int status) {
  std::cout.flush();
  std::thread([status] {
    std::this_thread::sleep_for(kTeardownGrace);
    std::_Exit(status);
  }).detach();
}

Pulse::Pulse(const runtime::RunningGraph& graph, const graphs::Plan& plan, hosts::CafHost& host)
    : graph_(graph), plan_(plan), host_(host), since_(host.clock().now()) {}

std::optional<runtime::RunOutcome> Pulse::stopped() {
  const std::uint64_t beat = graph_.coordinator().heartbeat();
  const TimePoint now = host_.clock().now();
  if (beat != std::exchange(beat_, beat)) since_ = now;
  const Duration patience = plan_.run.stall_timeout + plan_.run.stall_timeout / 2 + kAnswerGrace;
  if (now - since_ < patience) return std::nullopt;
  std::string stages;
  for (const auto& [address, runner] : graph_.runners()) {
    if (!host_.is_handling(address)) continue;
    stages += (stages.empty() ? "'" : ", '") + plan_.stages[address].name + "'";
    for (const graphs::EdgePlan* edge : plan_.edges_into(address))
      stages += fmt::format(" (which takes from edge '{}')", edge->name);
  }
  runtime::RunOutcome outcome;
  outcome.state = runtime::RunOutcome::State::Failed;
  outcome.reason = fmt::format(
      "nothing has been handled for {} s: stages never return from their own code and keep every "
      "thread: {}",
      std::chrono::duration_cast<std::chrono::seconds>(now - since_).count(),
      stages.empty() ? "none can be named; the run directory's disk may not answer" : stages);
  outcome.help = "What was committed is safe: mend that stage, then `troupe resume`";
  return outcome;
}

}  // namespace troupe::cli
