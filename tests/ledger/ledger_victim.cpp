// A process that a test kills: ledger_victim FILE LIFE goes on with the ledger in FILE and records
// events for ever, printing after each commit what it holds.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "actors/ledger/ledger.hpp"
#include "schemas/base/rng.hpp"

using namespace troupe;
using namespace troupe::ledger;

namespace {
template <class T>
T checked(Result<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "ledger_victim: %s\n", result.error().text().c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(result).value();
}
}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const int life = std::atoi(argv[2]);
  auto ledger = checked(life == 0 ? Ledger::create({.path = argv[1]})
                                  : Ledger::resume({.path = argv[1]}, UINT32_MAX));
  Rng rng(static_cast<std::uint64_t>(life));
  std::vector<SampleId> in_flight;
  const auto add = [&](PromptId id, std::uint64_t number) {
    checked(ledger->admit({id, number, {}, 4}));
    for (std::uint16_t k = 0; k < 4; ++k) in_flight.push_back({id, k, 0});
  };
  for (const ReopenedPrompt& again : ledger->reopened()) {
    checked(ledger->admit({again.prompt, again.number, {}, again.group_size}));
    for (std::uint16_t k = 0; k < again.group_size; ++k) {
      bool kept = false;
      for (std::uint16_t sibling : again.kept) kept |= sibling == k;
      if (!kept) in_flight.push_back({again.prompt, k, 0});
    }
  }
  for (std::uint32_t step = 1;; ++step) {
    for (int i = 0; i < 20; ++i) {
      const std::uint64_t number = ledger->next_admission();
      add({0, 0, number}, number);
    }
    while (in_flight.size() > 60) {
      const auto at = rng.below(in_flight.size());
      const SampleId id = in_flight[at];
      in_flight[at] = in_flight.back();
      in_flight.pop_back();
      if (rng.below(3) > 0) {
        checked(ledger->end(id, End::Trained, "", step));
        continue;
      }
      checked(ledger->end_group(id.prompt, End::Filtered, "all rewards equal"));
      std::erase_if(in_flight, [&](const SampleId& other) { return other.prompt == id.prompt; });
    }
    checked(ledger->commit());
    const Accounts accounts = ledger->accounts();
    std::printf("%llu %llu\n", static_cast<unsigned long long>(accounts.prompts.admitted),
                static_cast<unsigned long long>(accounts.samples.ended()));
    std::fflush(stdout);
  }
}
