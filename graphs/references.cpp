// Options that name something else: models, stages, files.
#include <algorithm>

#include <fmt/format.h>

#include "graphs/draft.hpp"

namespace troupe::graphs {
namespace {

std::vector<std::string> model_names(const Draft& draft) {
  std::vector<std::string> out;
  for (const DraftModel& model : draft.models) out.push_back(model.name);
  return out;
}

void check_model(Draft& draft, const std::string& name, Span span) {
  if (DraftModel* model = draft.find_model(name)) {
    model->used = true;
    return;
  }
  Diagnostic& found = draft.findings.error(
      codes::kUnknownModel, fmt::format("no model is named `{}`", name), span, "not declared");
  if (draft.removed(found, "model." + name)) return;
  found.help.push_back(draft.models.empty()
                           ? fmt::format("add [model.{}] with load = \"...\"", name)
                           : name_help(name, model_names(draft), "models"));
}

void check_stage(Draft& draft, const std::string& name, const OptionSpec& spec, Span span) {
  DraftStage* stage = draft.find_stage(name);
  if (!stage) {
    std::vector<std::string> fitting;
    for (const DraftStage& other : draft.stages) {
      if (spec.family.empty() || (other.contract && other.contract->family() == spec.family)) {
        fitting.push_back(other.name);
      }
    }
    const std::string what = spec.family.empty() ? "stages" : spec.family + " stages";
    Diagnostic& found =
        draft.findings.error(codes::kUnknownStage, fmt::format("no stage is named `{}`", name),
                             span, fmt::format("`{}` names a stage", spec.name));
    if (draft.removed(found, "stage." + name)) return;
    found.help.push_back(name_help(name, fitting, what));
    return;
  }
  stage->referenced = true;
  if (!spec.family.empty() && stage->contract && stage->contract->family() != spec.family) {
    Diagnostic& found =
        draft.findings.error(codes::kWrongFamily,
                             fmt::format("`{}` must be a {} stage, `{}` is a {}", spec.name,
                                         spec.family, name, stage->contract->kind),
                             span, fmt::format("expected a {} stage", spec.family));
    found.secondary.push_back({stage->name_span, "declared here"});
    std::vector<std::string> fitting;
    for (const DraftStage& other : draft.stages) {
      if (other.contract && other.contract->family() == spec.family) fitting.push_back(other.name);
    }
    found.help.push_back(
        fitting.empty() ? fmt::format("declare a stage of a kind `{}.*` and name it", spec.family)
                        : fmt::format("{} stages: {}", spec.family, quoted_list(fitting)));
  }
}

void check_file(Draft& draft, const std::string& path, const DraftOption& option, Span span,
                const std::string& key) {
  // What an earlier phase of the recipe will leave need not be there yet.
  if (draft.sources[span.source].is_recipe && path.starts_with('@')) return;
  std::error_code error;
  if (std::filesystem::exists(path, error)) return;
  Diagnostic& found = draft.findings.error(
      codes::kNoSuchFile, fmt::format("there is no file {}", path), span, "no such file");
  const std::filesystem::path beside = draft.file.parent_path() / option.written;
  if (option.origin.from == Origin::From::Set && std::filesystem::exists(beside, error)) {
    found.help.push_back(fmt::format("paths of --set count from where the command runs; {} exists",
                                     beside.lexically_normal().string()));
  } else if (option.origin.from == Origin::From::File &&
             std::filesystem::exists(option.written, error)) {
    found.help.push_back("paths in a graph file count from the folder of that file");
  } else {
    found.help.push_back(fmt::format("make the file first, or name another: --set {}=...", key));
    if (key.starts_with("model.")) {
      found.help.push_back("`./dev quickstart` fetches the model of the examples into models/");
    }
  }
}

/// `owner` as --set calls it: "stage.learn".
void check_options(Draft& draft, const DraftOptions& options, const std::vector<OptionSpec>& specs,
                   const std::string& owner) {
  for (const OptionSpec& spec : specs) {
    const auto option = options.find(spec.name);
    if (option == options.end()) continue;
    std::vector<const Value*> values{&option->second.value};
    if (spec.list) {
      values.clear();
      for (const Value& item : option->second.value.as_list()) values.push_back(&item);
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::string* text = values[i]->get_if<std::string>();
      if (!text) continue;
      const auto& spans = option->second.item_spans;
      const Span span = i < spans.size() ? spans[i] : option->second.value_span;
      if (spec.type == OptionType::Model) check_model(draft, *text, span);
      if (spec.type == OptionType::StageRef) check_stage(draft, *text, spec, span);
      if (spec.type == OptionType::Path && spec.must_exist && draft.load_options.check_files) {
        check_file(draft, *text, option->second, span, owner + "." + spec.name);
      }
    }
  }
}

void check_copies(Draft& draft) {
  for (const DraftModel& model : draft.models) {
    const auto from = model.options.find("from");
    if (from == model.options.end()) continue;
    const DraftModel* source = draft.find_model(from->second.value.as_string());
    if (!source || !source->options.contains("from")) continue;
    Diagnostic& found = draft.findings.error(
        codes::kOneOf,
        source->name == model.name ? fmt::format("model `{}` is a copy of itself", model.name)
                                   : fmt::format("model `{}` is a copy of a copy", model.name),
        from->second.value_span, "must name a model with weights of its own");
    if (source->name != model.name) found.secondary.push_back({source->name_span, "a copy too"});
    found.help.push_back("name a model that has `load`");
  }
}

}  // namespace

void check_references(Draft& draft) {
  for (const DraftModel& model : draft.models) {
    check_options(draft, model.options, model_options(), "model." + model.name);
  }
  check_copies(draft);
  for (std::size_t i = 0; i < draft.stages.size(); ++i) {
    if (const Contract* contract = draft.stages[i].contract) {
      check_options(draft, draft.stages[i].options, contract->options,
                    "stage." + draft.stages[i].name);
    }
  }
  bool all_known = true;  // a stage of an unknown kind may use any model
  for (const DraftStage& stage : draft.stages) all_known = all_known && stage.contract;
  for (const DraftModel& model : draft.models) {
    if (model.used || !all_known) continue;
    draft.findings
        .warning(codes::kUnusedModel, fmt::format("no stage uses model `{}`", model.name),
                 model.name_span, "declared and not used")
        .help.push_back("remove it, or name it as the `model` of a stage");
  }
}

}  // namespace troupe::graphs
