#pragma once
// Mixing: where several datasets lead into one stage, prompts are taken in the proportion of the
// option `weight` of those datasets. Which inputs these are, and the shares, for the runtime (which
// keeps the order) and for printing. Pure; any thread.
#include <optional>
#include <string_view>
#include <vector>

#include "graphs/plan.hpp"

namespace troupe::graphs {

struct MixShare {
  std::uint32_t edge = 0;
  double weight = 1;  // 1 for a stage without such an option
  double share = 1;   // of the sum
};
struct MixPlan {
  PortRef to;
  std::vector<MixShare> shares;  // in the order of edges
};

/// Nothing: fewer than two edges bring prompts into that port.
std::optional<MixPlan> mix_into(const Plan& plan, std::uint32_t stage, std::string_view port);
std::vector<MixPlan> all_mixes(const Plan& plan);

}  // namespace troupe::graphs
