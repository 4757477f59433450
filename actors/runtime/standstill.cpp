#include "actors/runtime/standstill.hpp"

#include <algorithm>

namespace troupe::runtime {
namespace {

constexpr std::size_t kFruitlessMax = 64;  // different reasons
constexpr std::size_t kVictimsShown = 8;

std::string quoted(const std::string& name) { return "'" + name + "'"; }

std::string names_of(const std::vector<const graphs::EdgePlan*>& edges) {
  std::string text;
  for (const graphs::EdgePlan* edge : edges)
    text += (text.empty() ? "" : " and ") + quoted(edge->name);
  return (edges.size() == 1 ? "edge " : "edges ") + text;
}

/// Where its work would show: the edges out of it, or into it when nothing leaves it.
std::string nothing_moves(const graphs::Plan& plan, Address stage) {
  if (const auto out = plan.edges_out_of(stage); !out.empty())
    return "nothing leaves it on " + names_of(out);
  if (const auto in = plan.edges_into(stage); !in.empty())
    return "nothing is finished of what comes on " + names_of(in);
  return "nothing comes out of it";
}

struct Finding {
  int rank = 0;  // the smallest is the cause
  Address stage = 0;
  std::string text;
};

// Of those that do not answer, only who is inside a handler holds a thread; the others have none.
constexpr int kStuck = 0, kSilent = 1, kFirstDescribed = 2;

Finding finding_of(const graphs::Plan& plan, const StandstillFacts& facts, Address stage) {
  const auto found = facts.descriptions.find(stage);
  if (found == facts.descriptions.end()) {
    if (facts.handling.contains(stage))
      return {kStuck, stage, "does not answer: it is stuck in its own code"};
    return {facts.handling.empty() ? kStuck : kSilent, stage, "does not answer"};
  }
  Standstill standstill = found->second.standstill;
  std::string text = found->second.text;
  const bool learner = plan.gate && plan.gate->learner == stage;
  if (learner && facts.step_under_way && standstill == Standstill::Input) {
    standstill = Standstill::Holds;
    text += "; has the batch of step " + std::to_string(*facts.step_under_way) +
            " and nothing under way for it";
  } else if (learner && standstill == Standstill::Input &&
             found->second.in_hand > facts.groups_ready) {
    standstill = Standstill::Holds;
    text += "; never said that they are ready";
  }
  return {kFirstDescribed + static_cast<int>(standstill), stage, std::move(text)};
}

constexpr int rank_of(Standstill standstill) {
  return kFirstDescribed + static_cast<int>(standstill);
}

/// Who should have sent the weights that `stage` waits for.
std::optional<Address> weights_giver(const graphs::Plan& plan, Address stage) {
  for (const graphs::EdgePlan* edge : plan.edges_into(stage))
    if (edge->delivery == graphs::Delivery::Latest) return edge->from.stage;
  return std::nullopt;
}

std::string fruitless_text(const graphs::Plan& plan, const StandstillFacts& facts) {
  const auto most =
      std::max_element(facts.fruitless.begin(), facts.fruitless.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  std::uint64_t all = 0;
  for (const auto& [what, count] : facts.fruitless) all += count;
  const Address stage = most->first.stage;
  std::string text = " It is busy, but " + std::to_string(all) +
                     " samples ended meanwhile without being trained: stage " +
                     quoted(plan.stages[stage].name) + " ended " + std::to_string(most->second) +
                     " of them as " + name_of(most->first.end);
  if (!most->first.reason.empty()) text += " (" + most->first.reason + ")";
  // A reason names the stage that caused it: then the edge between the two is meant.
  std::vector<const graphs::EdgePlan*> in = plan.edges_into(stage);
  std::vector<const graphs::EdgePlan*> named;
  for (const graphs::EdgePlan* edge : in) {
    const std::string from = quoted(plan.stages[edge->from.stage].name);
    if (most->first.reason.find(from) != std::string::npos) named.push_back(edge);
  }
  if (!named.empty()) in = named;
  if (!in.empty()) text += "; they came on " + names_of(in);
  return text + ".";
}

}  // namespace

void StandstillFacts::count_fruitless(Address stage, End end, const std::string& reason) {
  const auto found = fruitless.find({stage, end, reason});
  if (found != fruitless.end())
    ++found->second;
  else if (fruitless.size() < kFruitlessMax)
    fruitless.emplace(Fruitless{stage, end, reason}, 1);
}

std::string explain_standstill(const graphs::Plan& plan, const StandstillFacts& facts) {
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(facts.without_progress).count();
  const bool learns = plan.gate && plan.gate->learner;
  std::string text = std::string(learns ? "no step" : "no sample") + " has finished for " +
                     std::to_string(seconds) + " s.";
  std::vector<Finding> findings;
  for (const Address stage : facts.running) findings.push_back(finding_of(plan, facts, stage));
  std::stable_sort(findings.begin(), findings.end(),
                   [](const Finding& a, const Finding& b) { return a.rank < b.rank; });
  const auto name = [&](Address stage) { return quoted(plan.stages[stage].name); };

  const bool stuck = !findings.empty() && findings.front().rank <= kSilent;
  if (!stuck && !facts.fruitless.empty()) {
    text += fruitless_text(plan, facts);
  } else if (!findings.empty()) {
    const Finding& cause = findings.front();
    const auto giver = weights_giver(plan, cause.stage);
    if (cause.rank == rank_of(Standstill::Weights) && giver)
      text += " Stage " + name(*giver) + " holds it up: it sends no weights; stage " +
              name(cause.stage) + " " + cause.text + ".";
    else if (cause.rank < rank_of(Standstill::Room))
      text += " Stage " + name(cause.stage) + " holds it up: it " + cause.text + "; " +
              nothing_moves(plan, cause.stage) + ".";
  }
  std::size_t shown = 0;
  std::string others;
  for (const Finding& finding : findings) {
    const bool cause = &finding == &findings.front() && finding.rank < rank_of(Standstill::Room);
    if ((cause && facts.fruitless.empty()) || finding.text == "idle" || finding.text == "finished")
      continue;
    if (++shown > kVictimsShown) break;
    others += (others.empty() ? " " : "; ") + name(finding.stage) + ": " + finding.text;
  }
  if (!others.empty()) text += " The others:" + others + ".";
  if (facts.prompts_at_gate > 0)
    text += " The gate is closed: " + std::to_string(facts.unfinished_groups) +
            " groups are unfinished.";
  return text;
}

}  // namespace troupe::runtime
