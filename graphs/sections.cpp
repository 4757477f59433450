// The sections of a graph file: format, [run], [model.*], [stage.*], and whatever is no section.
#include <fmt/format.h>

#include "graphs/draft.hpp"

namespace troupe::graphs {
namespace {

constexpr std::size_t kMostStages = 4096;  // checks walk from every stage to the others

std::vector<OptionSpec> options_of(const Contract& contract) { return contract.options; }

bool is_table(Draft& draft, const RawEntry& entry, std::string_view example) {
  if (entry.value.type == RawNode::Type::Fields) return true;
  draft.findings
      .error(codes::kWrongType, fmt::format("`{}` is a section", entry.key), entry.key_span,
             fmt::format("this is {}", entry.value.describe()))
      .help.push_back(fmt::format("write {}", example));
  return false;
}

void read_format(Draft& draft, const RawNode& root) {
  const RawEntry* entry = root.find("format");
  if (!entry) {
    draft.findings
        .error(codes::kFormat, "the file does not say its format", Span{0, 0, 0},
               "`format = 1` is missing")
        .help.push_back("write `format = 1` as the first line");
    return;
  }
  if (entry->value.type != RawNode::Type::Integer || entry->value.integer != kFormat) {
    draft.findings
        .error(codes::kFormat, "this Troupe reads format 1 only", entry->value.span,
               "not a format it knows")
        .help.push_back("write `format = 1`, or use the Troupe that this file was written for");
  }
}

void check_name(Draft& draft, const RawEntry& entry, std::string_view family) {
  if (is_stage_name(entry.key)) return;
  draft.findings
      .error(codes::kBadName, fmt::format("`{}` cannot name a {}", entry.key, family),
             entry.key_span)
      .help.push_back(
          entry.key == "else"
              ? "`else` is a word of the flow; take another name"
              : "a name has letters, digits, `_` and `-`, and begins with a letter or `_`");
}

void read_models(Draft& draft, const RawNode& root) {
  const RawEntry* section = root.find("model");
  if (!section || !is_table(draft, *section, "[model.policy] with its keys below")) return;
  for (const RawEntry& entry : section->value.table) {
    if (!is_table(draft, entry, fmt::format("[model.{}] with its keys below", entry.key))) continue;
    check_name(draft, entry, "model");
    DraftModel model;
    model.name = entry.key;
    model.name_span = entry.key_span;
    const std::string owner = fmt::format("model `{}`", entry.key);
    model.options = read_options(draft, entry.value, model_options(), {}, owner, entry.key_span);
    const RawEntry* load = entry.value.find("load");
    const RawEntry* from = entry.value.find("from");
    const RawEntry* refresh = entry.value.find("refresh");
    if (load && from) {
      Diagnostic& found =
          draft.findings.error(codes::kOneOf, fmt::format("{} has both `load` and `from`", owner),
                               from->key_span, "a copy of another model");
      found.secondary.push_back({load->key_span, "its own weights"});
      found.help.push_back("remove one of them");
    } else if (!load && !from && !entry.value.find("init")) {
      draft.findings
          .error(codes::kOneOf, fmt::format("{} has no weights", owner), entry.key_span,
                 "neither `load` nor `from`")
          .help.push_back(
              "add load = \"FILE.gguf\" or a folder in Hugging Face layout, or "
              "from = \"policy\" for a reference model");
    }
    if (refresh && !from) {
      draft.findings
          .error(codes::kOneOf, "`refresh` needs `from`", refresh->key_span,
                 "copied again from which model?")
          .help.push_back("add from = \"policy\", or remove `refresh`");
    }
    draft.models.push_back(std::move(model));
  }
}

/// `swap = true` says what a person means to do later, so it is refused before that is too late.
void check_swap(Draft& draft, const DraftStage& stage) {
  const auto swap = stage.options.find("swap");
  if (swap == stage.options.end() || !swap->second.value.as_bool()) return;
  if (stage.contract->swappable) return;
  const bool state = stage.contract->keeps_state;
  Diagnostic& found = draft.findings.error(
      codes::kNotSwappable,
      fmt::format("`{}` ({}) cannot be swapped while the graph runs", stage.name,
                  stage.contract->kind),
      swap->second.key_span,
      state ? "it keeps state, which a swap would lose" : "stages of this kind stay for the run");
  std::vector<std::string> able;
  for (const Contract& contract : draft.kinds.all()) {
    if (contract.swappable) able.push_back(contract.kind);
  }
  found.help.push_back("remove it; to change this stage, stop the run and resume it");
  if (!able.empty()) found.help.push_back("kinds that can be swapped: " + quoted_list(able));
}

/// `others`: the stages that have a kind.
void read_stage(Draft& draft, const RawEntry& entry, const std::vector<std::string>& others) {
  check_name(draft, entry, "stage");
  DraftStage stage;
  stage.name = entry.key;
  stage.name_span = entry.key_span;
  const RawEntry* kind = entry.value.find("kind");
  std::string storage;
  const std::string* name = kind ? text_of_node(draft, kind->value, storage) : nullptr;
  std::vector<std::string> known;
  for (const Contract& contract : draft.kinds.all()) known.push_back(contract.kind);
  if (!kind) {
    Diagnostic& found =
        draft.findings.error(codes::kMissingKey, fmt::format("stage `{}` has no kind", entry.key),
                             entry.key_span, "`kind` is missing");
    if (const std::string near = nearest(entry.key, others); !near.empty()) {
      found.help.push_back(fmt::format("did you mean the stage `{}`?", near));
    }
    found.help.push_back("add kind = \"...\"; `troupe kinds` lists them all");
  } else if (!name) {
    draft.findings.error(codes::kWrongType,
                         fmt::format("`kind` is a text, not {}", kind->value.describe()),
                         kind->value.span, "expected the name of a kind in quotes");
  } else {
    stage.contract = draft.kinds.find(*name);
    if (!stage.contract) {
      Diagnostic& found =
          draft.findings.error(codes::kUnknownKind, fmt::format("there is no kind `{}`", *name),
                               kind->value.span, "unknown kind");
      found.help.push_back(name_help(*name, known, "kinds"));
      found.help.push_back("`troupe kinds` lists them all with what they do");
    }
  }
  if (stage.contract) {
    const std::string owner = fmt::format("stage `{}` ({})", stage.name, stage.contract->kind);
    draft.kind_span = stage.kind_span = kind->value.span;
    std::vector<OptionSpec> specs = stage.contract->options;
    specs.insert(specs.end(), stage_options().begin(), stage_options().end());
    stage.options = read_options(draft, entry.value, specs, {"kind"}, owner, entry.key_span);
    draft.kind_span.reset();
    check_swap(draft, stage);
  }
  draft.stages.push_back(std::move(stage));
}

void read_stages(Draft& draft, const RawNode& root) {
  const RawEntry* section = root.find("stage");
  if (!section) {
    if (root.find("recipe") || root.find("phase")) return;  // said elsewhere
    draft.findings
        .error(codes::kNoFlow, "the graph has no stages", Span{0, 0, 0}, "no [stage.NAME] in here")
        .help.push_back("add [stage.NAME] sections with a kind each; `troupe kinds` lists kinds");
    return;
  }
  if (!is_table(draft, *section, "[stage.NAME] with its keys below")) return;
  std::vector<std::string> with_kind;
  for (const RawEntry& entry : section->value.table) {
    if (entry.value.find("kind")) with_kind.push_back(entry.key);
  }
  for (const RawEntry& entry : section->value.table) {
    if (draft.stages.size() == kMostStages) {
      draft.findings
          .error(codes::kTooMany, fmt::format("more than {} stages", kMostStages), entry.key_span)
          .help.push_back("part the graph into several");
      draft.flow_broken = true;
      return;
    }
    if (is_table(draft, entry, fmt::format("[stage.{}] with its keys below", entry.key))) {
      read_stage(draft, entry, with_kind);
    }
  }
}

struct LaterSection {
  std::string_view name, meaning, help;
};
constexpr LaterSection kLater[] = {
    {"group", "groups of devices", "remove it; every stage runs on this machine's CPU"},
    {"plugin", "plugins", "register the kind in the program (CONTRIBUTING.md)"},
};

void check_top_level(Draft& draft, const RawNode& root) {
  const std::vector<std::string> known = {"format", "extends", "remove", "run", "test",
                                          "model",  "stage",   "graph",  "edge"};
  const RawEntry* recipe = root.find("recipe") ? root.find("recipe") : root.find("phase");
  if (recipe) {
    draft.findings
        .error(codes::kNotAGraph, "this is a recipe, not a graph", recipe->key_span,
               "only recipes have this")
        .help.push_back(
            "`troupe check`, `plan`, `draw` and `test` take recipes; others the graph of "
            "one phase");
  }
  for (const RawEntry& entry : root.table) {
    bool fine = recipe && (entry.key == "recipe" || entry.key == "phase");
    for (const std::string& name : known) fine = fine || name == entry.key;
    if (fine) continue;
    bool later = false;
    for (const LaterSection& section : kLater) {
      if (section.name != entry.key) continue;
      later = true;
      draft.findings
          .error(codes::kNotSupportedYet, fmt::format("not supported yet: {}", section.meaning),
                 entry.key_span, "this Troupe cannot use it")
          .help.push_back(std::string(section.help));
    }
    if (later) continue;
    Diagnostic& found = draft.findings.error(codes::kUnknownSection,
                                             fmt::format("a graph has no section `{}`", entry.key),
                                             entry.key_span, "unknown section");
    // A key that lost its section is the usual reason.
    if (entry.value.type != RawNode::Type::Fields) {
      for (const OptionSpec& spec : run_options()) {
        if (spec.name == entry.key) {
          found.help.push_back(fmt::format("`{}` belongs below [run]", entry.key));
        }
      }
      if (entry.key == "flow") found.help.push_back("`flow` belongs below [graph]");
    }
    if (found.help.empty()) found.help.push_back(name_help(entry.key, known, "sections"));
  }
}

}  // namespace

const std::vector<OptionSpec>& run_options() {
  static const std::vector<OptionSpec> kOptions = options_of(
      contract("run")
          .option("name", OptionType::String, "what the run is called; left out, the file's name")
          .option("seed", OptionType::Integer, 0, "seed of everything random")
          .at_least(0)
          .option("steps", OptionType::Integer, 0, "optimizer steps; 0: until the data ends")
          .at_least(0)
          .option("checkpoint_every", OptionType::Integer, 0,
                  "steps between checkpoints; 0: only at the end")
          .at_least(0)
          .option("keep_checkpoints", OptionType::Integer, 2, "how many checkpoints are kept")
          .at_least(1)
          .option("durable", OptionType::String, "process",
                  "what a commit survives: the death of the process, or the loss of power too")
          .choices({"process", "power"})
          .option("directory", OptionType::String, "runs",
                  "where run directories are made, from where the command runs")
          .option("threads", OptionType::Integer, 0, "cores to use; 0: all")
          .range(0, 4096)
          .option("stall_timeout", OptionType::Duration, "20m",
                  "a run that finishes no step for so long ends and says where it stands")
          .range(0.1, 7 * 86400)
          .option("memory", OptionType::ByteSize,
                  "a graph that plans to need more is refused; left out: what the machine has")
          .at_least(1 << 20)
          .option("keep_samples", OptionType::ByteSize,
                  "the sample log keeps its newest so many bytes; left out: all")
          .at_least(1 << 20)
          .option("keep_samples_of", OptionType::Count,
                  "the sample log keeps the newest so many steps; left out: all")
          .unit(CountUnit::Steps)
          .at_least(1)
          .option("exact", OptionType::Bool, false,
                  "same file, seed and machine type: the same bytes of weights, whatever the "
                  "timing, also across resumes"));
  return kOptions;
}

const std::vector<OptionSpec>& stage_options() {
  static const std::vector<OptionSpec> kOptions = [] {
    OptionSpec swap;
    swap.name = "swap";
    swap.type = OptionType::Bool;
    swap.doc = "the stage is to be swapped while the graph runs";
    return std::vector{swap};
  }();
  return kOptions;
}

const std::vector<OptionSpec>& model_options() {
  static const std::vector<OptionSpec> kOptions = options_of(
      contract("model")
          .option("load", OptionType::Path, "a .gguf file or a folder in Hugging Face layout")
          .must_exist()
          .option("from", OptionType::Model, "copy this model's weights (a reference model)")
          .option("refresh", OptionType::Count, "with `from`: copy again every so many steps")
          .unit(CountUnit::Steps)
          .at_least(1)
          .option("dtype", OptionType::String, "bf16", "type of the weights while running")
          .choices({"bf16", "f32"}));
  return kOptions;
}

void read_sections(Draft& draft, const RawNode& root) {
  read_format(draft, root);
  check_top_level(draft, root);
  static const RawNode kEmpty;
  const RawEntry* run = root.find("run");
  const bool good = run && is_table(draft, *run, "[run] with its keys below");
  draft.run = read_options(draft, good ? run->value : kEmpty, run_options(), {}, "[run]",
                           run ? run->key_span : Span{});
  read_models(draft, root);
  read_stages(draft, root);
}

}  // namespace troupe::graphs
