#include "graphs/recipe.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "graphs/draft.hpp"

namespace troupe::graphs {
namespace {

/// One [[phase]] as written.
struct DraftPhase {
  std::string name, graph;
  Span span, name_span, graph_span;  // of the table, and of the values
  const RawNode* set = nullptr;
  std::vector<ArtifactRef> artifacts;  // spans in the recipe
  LoadResult loaded;
  bool read = false;  // its graph could be read
};

std::vector<std::string> names_of(const std::vector<Artifact>& artifacts) {
  std::vector<std::string> out;
  for (const Artifact& artifact : artifacts) out.push_back(artifact.name);
  return out;
}

class RecipeLoader {
 public:
  RecipeLoader(const std::filesystem::path& file, const Kinds& kinds, const LoadOptions& options)
      : file_(file),
        kinds_(kinds),
        options_(options),
        read_(options.read ? options.read : files_on_disk()) {}

  RecipeResult load() {
    result_.sources.push_back({file_.string(), "", true, true});
    auto text = read_(file_);
    if (!text.ok()) {
      findings_
          .error(codes::kUnreadable,
                 fmt::format("cannot read {}: {}", file_.string(), text.error().message), Span{})
          .help.push_back("name a recipe or a graph file");
    } else {
      result_.sources.front().text = std::move(*text);
      root_ = read_toml(result_.sources.front(), 0, findings_);
      if (root_) read_file();
    }
    finish();
    return std::move(result_);
  }

 private:
  const Source& source() const { return result_.sources.front(); }

  void wrong_type(const RawEntry& entry, std::string_view expected) {
    findings_.error(codes::kWrongType,
                    fmt::format("`{}` is {}, not {}", entry.key, expected, entry.value.describe()),
                    entry.value.span, fmt::format("expected {}", expected));
  }
  void unknown(const RawEntry& entry, const std::vector<std::string>& known, const char* owner) {
    findings_
        .error(codes::kUnknownKey, fmt::format("{} has no key `{}`", owner, entry.key),
               entry.key_span, "unknown key")
        .help.push_back(name_help(entry.key, known, "its keys"));
  }
  const std::string* text(const RawEntry& entry) {
    if (entry.value.type != RawNode::Type::String) {
      wrong_type(entry, "a text");
      return nullptr;
    }
    if (!entry.value.string.empty()) return &entry.value.string;
    findings_.error(codes::kWrongType, fmt::format("`{}` is empty", entry.key), entry.value.span,
                    "expected a text");
    return nullptr;
  }

  void read_file() {
    const RawEntry* format = root_->find("format");
    if (!format || format->value.type != RawNode::Type::Integer ||
        format->value.integer != kFormat) {
      findings_
          .error(codes::kFormat,
                 format ? "this Troupe reads format 1 only" : "the file does not say its format",
                 format ? format->value.span : Span{},
                 format ? "not a format it knows" : "`format = 1` is missing")
          .help.push_back("write `format = 1` as the first line");
    }
    for (const RawEntry& entry : root_->table) {
      if (entry.key == "recipe") {
        read_head(entry);
      } else if (entry.key != "format" && entry.key != "phase") {
        Diagnostic& found = findings_.error(codes::kUnknownSection,
                                            fmt::format("a recipe has no section `{}`", entry.key),
                                            entry.key_span, "unknown section");
        const bool of_graphs = entry.key == "stage" || entry.key == "model" ||
                               entry.key == "graph" || entry.key == "edge" || entry.key == "run";
        found.help.push_back(of_graphs
                                 ? "a recipe orders graphs: write this into the graph of a phase"
                                 : name_help(entry.key, {"format", "recipe", "phase"}, "sections"));
      }
    }
    read_phases();
    for (DraftPhase& phase : phases_) read_graph(phase);
    for (std::size_t i = 0; i < phases_.size(); ++i) check_artifacts(i);
  }

  void read_head(const RawEntry& section) {
    if (section.value.type != RawNode::Type::Fields) return wrong_type(section, "a section");
    for (const RawEntry& entry : section.value.table) {
      if (entry.key != "name") {
        unknown(entry, {"name"}, "[recipe]");
      } else if (const std::string* name = text(entry)) {
        name_ = *name;
      }
    }
  }

  void read_phases() {
    const RawEntry* section = root_->find("phase");
    if (section && section->value.type != RawNode::Type::Array) {
      findings_
          .error(codes::kWrongType, "phases are a list of tables", section->key_span,
                 fmt::format("this is {}", section->value.describe()))
          .help.push_back("write [[phase]], with two brackets, above each of them");
      return;
    }
    if (!section || section->value.array.empty()) {
      const RawEntry* head = root_->find("recipe");
      findings_
          .error(codes::kNoPhases, "the recipe has no phases", head ? head->key_span : Span{},
                 "no [[phase]] in here")
          .help.push_back("add [[phase]] with name = \"...\" and graph = \"FILE.toml\"");
      return;
    }
    for (const RawNode& node : section->value.array) {
      if (node.type == RawNode::Type::Fields) {
        read_phase(node);
      } else {
        findings_.error(codes::kWrongType, "a phase is a table", node.span,
                        fmt::format("this is {}", node.describe()));
      }
    }
  }

  void read_phase(const RawNode& node) {
    DraftPhase phase;
    phase.span = phase.name_span = node.span;
    for (const RawEntry& entry : node.table) {
      if (entry.key == "name") {
        phase.name_span = entry.value.span;
        if (const std::string* name = text(entry)) phase.name = *name;
      } else if (entry.key == "graph") {
        phase.graph_span = entry.value.span;
        if (const std::string* graph = text(entry)) phase.graph = *graph;
      } else if (entry.key == "set") {
        if (entry.value.type == RawNode::Type::Fields) {
          phase.set = &entry.value;
        } else {
          wrong_type(entry, "a table such as { \"run.steps\" = 20 }");
        }
      } else {
        unknown(entry, {"name", "graph", "set"}, "a phase");
      }
    }
    for (const char* key : {"name", "graph"}) {
      if (node.find(key)) continue;
      findings_
          .error(codes::kMissingKey, fmt::format("the phase needs `{}`", key), phase.name_span,
                 fmt::format("`{}` is missing", key))
          .help.push_back(fmt::format("add {} = \"...\"", key));
    }
    check_name(phase);
    phases_.push_back(std::move(phase));
  }

  void check_name(const DraftPhase& phase) {
    if (phase.name.empty()) return;
    if (!is_stage_name(phase.name)) {
      findings_
          .error(codes::kBadName, fmt::format("`{}` cannot name a phase", phase.name),
                 phase.name_span)
          .help.push_back(
              "a name has letters, digits, `_` and `-`, and begins with a letter or `_`");
    }
    for (const DraftPhase& other : phases_) {
      if (other.name != phase.name) continue;
      Diagnostic& found =
          findings_.error(codes::kPhaseTwice, fmt::format("two phases are named `{}`", phase.name),
                          phase.name_span, "again here");
      found.secondary.push_back({other.name_span, "the first"});
      found.help.push_back(
          fmt::format("give one of them another name: `@{}/...` must mean one", phase.name));
      return;
    }
  }

  std::filesystem::path path_of(const DraftPhase& phase) const {
    const std::filesystem::path named(phase.graph);
    return (named.is_absolute() ? named : file_.parent_path() / named).lexically_normal();
  }

  void read_graph(DraftPhase& phase) {
    if (phase.graph.empty()) return;
    const std::filesystem::path path = path_of(phase);
    if (const auto text = read_(path); !text.ok()) {
      findings_
          .error(codes::kNoBase,
                 fmt::format("cannot read {}: {}", path.string(), text.error().message),
                 phase.graph_span, "the graph of this phase")
          .help.push_back("`graph` counts from the folder of the recipe");
      return;
    }
    if (is_recipe(path, read_)) {
      findings_
          .error(codes::kNotAGraph, fmt::format("{} is a recipe, not a graph", path.string()),
                 phase.graph_span, "a phase runs one graph")
          .help.push_back("write its phases into this recipe");
      return;
    }
    phase.read = true;
    phase.loaded = load_phase({path}, {&source(), phase.set}, kinds_, options_, phase.artifacts);
    for (ArtifactRef& artifact : phase.artifacts) artifact.span.source = 0;
    for (const Diagnostic& diagnostic : phase.loaded.diagnostics) {
      graph_errors_ = graph_errors_ || diagnostic.severity == Severity::Error;
    }
  }

  void check_artifacts(std::size_t index) {
    for (const ArtifactRef& artifact : phases_[index].artifacts) {
      const std::size_t slash = artifact.text.find('/');
      const std::string phase =
          artifact.text.substr(1, slash == std::string::npos ? std::string::npos : slash - 1);
      const DraftPhase* earlier = find_earlier(index, phase, artifact);
      if (!earlier || !earlier->loaded.ok()) continue;  // what it leaves is not known
      const std::string name = slash == std::string::npos ? "" : artifact.text.substr(slash + 1);
      const std::vector<std::string> names = names_of(artifacts_of(*earlier->loaded.plan));
      if (std::find(names.begin(), names.end(), name) != names.end()) continue;
      Diagnostic& found =
          findings_.error(codes::kUnknownArtifact,
                          name.empty() ? fmt::format("`{}` names no artifact", artifact.text)
                                       : fmt::format("phase `{}` leaves no `{}`", phase, name),
                          artifact.span, "not among what it leaves");
      found.secondary.push_back({earlier->graph_span, "this graph runs there"});
      found.help.push_back(names.empty() ? "it leaves nothing: it has neither a learner nor a sink"
                                         : name_help(name, names, "it leaves"));
    }
  }

  const DraftPhase* find_earlier(std::size_t index, const std::string& name,
                                 const ArtifactRef& artifact) {
    std::vector<std::string> earlier;
    for (std::size_t i = 0; i < phases_.size(); ++i) {
      if (phases_[i].name == name && i < index) return &phases_[i];
      if (i < index) earlier.push_back(phases_[i].name);
    }
    const auto later = std::find_if(phases_.begin(), phases_.end(),
                                    [&](const DraftPhase& phase) { return phase.name == name; });
    Diagnostic& found = findings_.error(
        codes::kUnknownPhase,
        later == phases_.end() ? fmt::format("there is no phase `{}`", name)
                               : fmt::format("phase `{}` does not run before this one", name),
        artifact.span, later == phases_.end() ? "no such phase" : "is not there yet");
    if (later != phases_.end()) {
      found.secondary.push_back({later->name_span, "runs here"});
      found.help.push_back("move that phase before this one");
    } else {
      found.help.push_back(name_help(name, earlier, "earlier phases"));
    }
    return nullptr;
  }

  void finish() {
    if (!findings_.has_errors() && !graph_errors_) {
      Recipe recipe;
      recipe.file = file_;
      recipe.name = name_.empty() ? file_.stem().string() : name_;
      for (DraftPhase& phase : phases_) recipe.phases.push_back(phase_of(phase));
      result_.recipe = std::move(recipe);
    }
    for (DraftPhase& phase : phases_) {
      if (!phase.read) continue;
      // The place in the recipe stands for a name that is missing.
      const std::string name =
          phase.name.empty()
              ? fmt::format("(line {})", position_of(source(), phase.span.begin).line)
              : phase.name;
      result_.graphs.push_back({name, std::move(phase.loaded)});
    }
    result_.diagnostics = findings_.take();
  }

  Phase phase_of(const DraftPhase& draft) {
    Phase out{
        draft.name, path_of(draft), {}, {}, artifacts_of(*draft.loaded.plan), *draft.loaded.plan,
        {}};
    out.origin = {Origin::From::File,
                  fmt::format("{}:{}", file_.filename().string(),
                              position_of(source(), draft.name_span.begin).line)};
    if (draft.set) add_sets("", *draft.set, draft, out);
    return out;
  }

  void add_sets(const std::string& before, const RawNode& table, const DraftPhase& draft,
                Phase& out) {
    for (const RawEntry& entry : table.table) {
      const std::string key = before.empty() ? entry.key : before + "." + entry.key;
      if (entry.value.type == RawNode::Type::Fields) {
        add_sets(key, entry.value, draft, out);
        continue;
      }
      const Span span = entry.value.span;
      const bool text = entry.value.type == RawNode::Type::String;
      out.sets.push_back(
          key + "=" +
          (text ? entry.value.string : source().text.substr(span.begin, span.end - span.begin)));
      for (const ArtifactRef& artifact : draft.artifacts) {
        if (artifact.span.begin < span.begin || artifact.span.end > span.end) continue;
        const std::size_t slash = artifact.text.find('/');
        out.takes.push_back(
            {key, artifact.text.substr(1, slash - 1), artifact.text.substr(slash + 1)});
      }
    }
  }

  std::filesystem::path file_;
  const Kinds& kinds_;
  LoadOptions options_;
  ReadFile read_;
  Findings findings_;
  RecipeResult result_;
  std::optional<RawNode> root_;
  std::string name_;
  std::vector<DraftPhase> phases_;
  bool graph_errors_ = false;
};

}  // namespace

bool is_recipe(const std::filesystem::path& file, const ReadFile& read) {
  const auto text = read(file);
  if (!text.ok()) return false;
  Findings ignored;
  const auto root = read_toml(Source{file.string(), *text, true}, 0, ignored);
  return root && (root->find("recipe") || root->find("phase"));
}

RecipeResult load_recipe(const std::filesystem::path& file, const Kinds& kinds,
                         const LoadOptions& options) {
  return RecipeLoader(file, kinds, options).load();
}

std::vector<Artifact> artifacts_of(const Plan& plan) {
  std::vector<Artifact> out;
  for (const StagePlan& stage : plan.stages) {
    if (!stage.in_flow) continue;
    if (stage.contract->learns) out.push_back({"checkpoint", stage.name});
    for (const OptionSpec& spec : stage.contract->options) {
      if (!spec.leaves || !stage.has(spec.name)) continue;
      const std::filesystem::path path(stage.option(spec.name).as_string());
      out.push_back({path.filename().string(), stage.name});
    }
  }
  return out;
}

}  // namespace troupe::graphs
