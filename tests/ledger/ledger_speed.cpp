// ledger_speed FILE [SAMPLES]: records groups of 8 (admission, batch, ends) as fast as it can with
// commits every 100 ms, and prints events per second; then resumes.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "actors/ledger/ledger.hpp"

using namespace troupe;
using namespace troupe::ledger;

namespace {
class SteadyClock final : public Clock {
 public:
  TimePoint now() const override { return std::chrono::steady_clock::now().time_since_epoch(); }
  double wall_seconds() const override { return 0; }
};
double seconds(TimePoint from, TimePoint to) {
  return std::chrono::duration<double>(to - from).count();
}
}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: ledger_speed FILE|memory [SAMPLES]\n");
    return 2;
  }
  const std::string path = argv[1] == std::string("memory") ? "" : argv[1];
  const std::uint64_t samples = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000'000;
  SteadyClock clock;
  auto created = Ledger::create({.path = path, .clock = &clock});
  if (!created.ok()) {
    std::fprintf(stderr, "ledger_speed: %s\n", created.error().text().c_str());
    return 1;
  }
  auto ledger = std::move(created).value();
  const TimePoint start = clock.now();
  std::vector<PromptId> batch;
  std::uint32_t step = 1;
  for (std::uint64_t row = 0; row < samples / 8; ++row) {
    bool ok = ledger->admit({{0, 0, row}, row, {0, step}, 8}).ok();
    batch.push_back({0, 0, row});
    if (batch.size() == 64) {
      ok = ok && ledger->use({{0, step}, 0, batch}).ok();
      for (const PromptId& prompt : batch)
        for (std::uint16_t sibling = 0; sibling < 8; ++sibling)
          ok = ok && ledger->end({prompt, sibling, 0}, End::Trained, "", step).ok();
      batch.clear();
      ++step;
    }
    if (!ok) return 1;
  }
  if (!ledger->commit(Durability::Power).ok()) return 1;
  const TimePoint end = clock.now();
  std::printf("%llu events in %.3f s: %.0f events/s, %.0f samples/s; %s\n",
              static_cast<unsigned long long>(ledger->sequence()), seconds(start, end),
              static_cast<double>(ledger->sequence()) / seconds(start, end),
              static_cast<double>(samples) / seconds(start, end),
              ledger->accounts().samples.text().c_str());
  if (path.empty()) return 0;
  ledger.reset();
  const TimePoint again = clock.now();
  if (!Ledger::resume({.path = path}, step).ok()) return 1;
  std::printf("resumed in %.3f s\n", seconds(again, clock.now()));
}
