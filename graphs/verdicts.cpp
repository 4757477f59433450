// Weights of verdicts: a scorer may weigh only what was judged before it.
#include <algorithm>

#include <fmt/format.h>

#include "graphs/draft.hpp"

namespace troupe::graphs {
namespace {

/// Judging stages whose samples reach `stage`.
std::vector<std::string> judges_before(const Draft& draft, std::uint32_t stage) {
  std::vector<std::string> out;
  const auto up = draft.upstream_of(stage);
  for (std::size_t i = 0; i < up.size(); ++i) {
    if (up[i] && draft.stages[i].contract->judges) out.push_back(draft.stages[i].name);
  }
  return out;
}

void check_one(Draft& draft, std::uint32_t stage, const std::string& judge, Span span,
               const std::vector<std::string>& judges) {
  if (std::find(judges.begin(), judges.end(), judge) != judges.end()) return;
  const DraftStage* other = draft.find_stage(judge);
  const std::string& name = draft.stages[stage].name;
  Diagnostic& found = draft.findings.error(
      codes::kBadWeight,
      !other ? fmt::format("`{}` weighs `{}`, and there is no such stage", name, judge)
      : !other->contract->judges
          ? fmt::format("`{}` weighs `{}`, which gives no verdict", name, judge)
          : fmt::format("`{}` weighs `{}`, which does not stand before it", name, judge),
      span,
      !other                     ? "no stage of this name"
      : !other->contract->judges ? fmt::format("a {} does not judge", other->contract->kind)
                                 : "its verdicts never come here");
  if (other) {
    const auto index = static_cast<std::uint32_t>(other - draft.stages.data());
    found.secondary.push_back({draft.place_of(index), fmt::format("`{}` stands here", judge)});
  }
  if (!other && draft.removed(found, "stage." + judge)) return;
  if (other && other->contract->judges) {
    found.help.push_back(fmt::format("lead its samples here: ... -> {} -> {}", judge, name));
  } else {
    found.help.push_back(name_help(judge, judges, "judging stages before it"));
  }
}

}  // namespace

void check_weights(Draft& draft) {
  std::vector<std::string> weighed;
  std::vector<std::uint32_t> scorers;
  for (std::uint32_t i = 0; i < draft.stages.size(); ++i) {
    if (!draft.stages[i].in_flow) continue;
    for (const OptionSpec& spec : draft.stages[i].contract->options) {
      if (spec.type != OptionType::StageWeights) continue;
      const DraftOption* option = draft.option(i, spec.name);
      if (!option) continue;
      if (spec.name == "weights") scorers.push_back(i);
      const auto judges = judges_before(draft, i);
      for (const Field& field : option->value.as_table()) {
        const auto span = option->key_spans.find(field.name);
        check_one(draft, i, field.name,
                  span == option->key_spans.end() ? option->value_span : span->second, judges);
        weighed.push_back(field.name);
      }
    }
  }
  for (const std::uint32_t scorer : scorers) {
    for (const std::string& judge : judges_before(draft, scorer)) {
      if (std::find(weighed.begin(), weighed.end(), judge) != weighed.end()) continue;
      weighed.push_back(judge);  // told once
      const DraftOption* option = draft.option(scorer, "weights");
      Diagnostic& found = draft.findings.warning(
          codes::kUnweightedVerdict, fmt::format("the verdicts of `{}` count for nothing", judge),
          draft.place_of(static_cast<std::uint32_t>(draft.find_stage(judge) - draft.stages.data())),
          "judges every sample");
      found.secondary.push_back({option->key_span, "not weighed here"});
      found.help.push_back(
          fmt::format("add {} = ... to the weights of `{}`, with 0.0 to watch it "
                      "only",
                      judge, draft.stages[scorer].name));
    }
  }
}

}  // namespace troupe::graphs
