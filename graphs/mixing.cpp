#include "graphs/mixing.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "graphs/draft.hpp"

namespace troupe::graphs {

std::optional<MixPlan> mix_into(const Plan& plan, std::uint32_t stage, std::string_view port) {
  MixPlan mix{{stage, std::string(port)}, {}};
  double sum = 0;
  for (const EdgePlan& edge : plan.edges) {
    if (edge.to.stage != stage || edge.to.port != port) continue;
    if (edge.delivery != Delivery::Queue || edge.type != MessageType::Prompt || edge.join) continue;
    const StagePlan& from = plan.stages[edge.from.stage];
    const double weight = from.has("weight") ? from.option("weight").as_real() : 1.0;
    mix.shares.push_back({edge.index, weight, 0});
    sum += weight;
  }
  if (mix.shares.size() < 2) return std::nullopt;
  for (MixShare& share : mix.shares) share.share = share.weight / sum;
  return mix;
}

std::vector<MixPlan> all_mixes(const Plan& plan) {
  std::vector<MixPlan> out;
  for (const EdgePlan& edge : plan.edges) {
    const bool known =
        std::any_of(out.begin(), out.end(), [&](const MixPlan& mix) { return mix.to == edge.to; });
    if (known) continue;
    if (auto mix = mix_into(plan, edge.to.stage, edge.to.port)) out.push_back(std::move(*mix));
  }
  return out;
}

namespace {

bool is_dataset(const Draft& draft, std::uint32_t stage) {
  return draft.stages[stage].contract->family() == "dataset";
}

bool meets_another(const Draft& draft, std::uint32_t stage) {
  for (const std::uint32_t out : draft.queues_out_of(stage)) {
    for (const std::uint32_t in : draft.queues_into(draft.edges[out].to)) {
      if (in != out && draft.edges[in].in == draft.edges[out].in) return true;
    }
  }
  return false;
}

void check_weight(Draft& draft, std::uint32_t stage) {
  const DraftOption* weight = draft.option(stage, "weight");
  if (!weight || weight->origin.from == Origin::From::Default || meets_another(draft, stage))
    return;
  draft.findings
      .warning(codes::kUnmixedWeight,
               fmt::format("the weight of `{}` changes nothing", draft.stages[stage].name),
               weight->value_span, "no other dataset leads into the same stage")
      .help.push_back("lead another dataset to the same stage, or remove the weight");
}

/// The file of a dataset, or its folder and which files of it; or "".
std::string file_of(const Draft& draft, std::uint32_t stage) {
  const DraftOption* path = draft.option(stage, "path");
  const std::string* text = path ? path->value.get_if<std::string>() : nullptr;
  const DraftOption* files = draft.option(stage, "files");
  if (!text) return "";
  return std::filesystem::path(*text).lexically_normal().string() +
         (files ? "/" + files->value.as_string() : "");
}

std::string text_of(const Draft& draft, std::uint32_t stage, std::string_view name) {
  const DraftOption* option = draft.option(stage, name);
  return option ? option->value.text() : "";
}

/// Whether no row can be in both: complementary splits that are made alike.
bool apart(const Draft& draft, std::uint32_t a, std::uint32_t b) {
  const auto split = [&](std::uint32_t stage) { return text_of(draft, stage, "split"); };
  if (split(a) == split(b) || split(a) == "\"all\"" || split(b) == "\"all\"") return false;
  for (const char* name :
       {"test_fraction", "split_seed", "split_by", "question_field", "question_format"}) {
    if (text_of(draft, a, name) != text_of(draft, b, name)) return false;
  }
  return true;
}

void check_measured(Draft& draft, std::uint32_t trained) {
  const std::string file = file_of(draft, trained);
  if (file.empty()) return;
  for (std::uint32_t i = 0; i < draft.stages.size(); ++i) {
    const DraftOption* questions = draft.option(i, "questions");
    const std::string* name = questions ? questions->value.get_if<std::string>() : nullptr;
    const DraftStage* measured = name ? draft.find_stage(*name) : nullptr;
    if (!measured || !measured->contract) continue;
    const auto index = static_cast<std::uint32_t>(measured - draft.stages.data());
    if (file_of(draft, index) != file || (index != trained && apart(draft, trained, index)))
      continue;
    const std::string& learned = draft.stages[trained].name;
    Diagnostic& found = draft.findings.warning(
        codes::kSameData,
        fmt::format("`{}` measures with rows that are trained on", draft.stages[i].name),
        questions->value_span,
        index == trained ? fmt::format("`{}` is what is trained on", learned)
                         : fmt::format("`{}` reads the same file as `{}`", *name, learned));
    if (index != trained) {
      found.secondary.push_back({draft.option(trained, "path")->value_span, "trained on"});
      found.secondary.push_back({draft.option(index, "path")->value_span, "measured with"});
    }
    found.help.push_back(
        "keep rows apart: split = \"train\" for one and split = \"test\" for the other, with the "
        "same test_fraction");
  }
}

}  // namespace

void check_data(Draft& draft) {
  for (std::uint32_t i = 0; i < draft.stages.size(); ++i) {
    if (!draft.stages[i].in_flow || !is_dataset(draft, i)) continue;
    check_weight(draft, i);
    check_measured(draft, i);
  }
}

}  // namespace troupe::graphs
