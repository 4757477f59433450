#pragma once
// Standstill: says in a sentence why a run finishes nothing: which stage holds it up, on which edge
// nothing comes out, what it waits for; whoever waits for that stage is named after it. The
// coordinator collects the facts, explain_standstill is a pure function of them; any thread.
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/runtime/event.hpp"
#include "graphs/plan.hpp"

namespace troupe::runtime {

struct StandstillFacts {
  Duration without_progress{};
  std::vector<Address> running;
  std::unordered_map<Address, Description> descriptions;  // of the stages that answered
  std::set<Address> handling;                   // stages that were inside their handlers when asked
  std::optional<std::uint32_t> step_under_way;  // the learner has its batch
  std::size_t prompts_at_gate = 0, unfinished_groups = 0;
  std::size_t groups_ready = 0;  // of these, called ready by the learner

  /// Samples that ended without being trained since the last step, by who ended them and why: a
  /// run may be busy and still get nowhere.
  struct Fruitless {
    Address stage;
    End end;
    std::string reason;
    auto operator<=>(const Fruitless&) const = default;
  };
  std::map<Fruitless, std::uint64_t> fruitless;
  /// Further reasons beyond a bound are not counted: they come from a bounded set as a rule.
  void count_fruitless(Address stage, End end, const std::string& reason);
};

std::string explain_standstill(const graphs::Plan& plan, const StandstillFacts& facts);

}  // namespace troupe::runtime
