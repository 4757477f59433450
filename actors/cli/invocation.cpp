#include "actors/cli/invocation.hpp"

#include <iostream>
#include <nlohmann/json.hpp>

#include "actors/cli/context.hpp"
#include "actors/ledger/formats.hpp"

namespace troupe::cli {
namespace {

constexpr const char* kInvocation = "invocation.json";
constexpr const char* kSources = "sources";

std::string absolute(const std::filesystem::path& path) {
  return std::filesystem::absolute(path).lexically_normal().string();
}

/// The list `key` of `json`; empty when there is none, as in runs of an older Troupe.
const nlohmann::json& list_at(const nlohmann::json& json, const char* key) {
  static const nlohmann::json kNone = nlohmann::json::array();
  const auto found = json.find(key);
  return found != json.end() && found->is_array() ? *found : kNone;
}

std::vector<std::string> texts_at(const nlohmann::json& json, const char* key) {
  std::vector<std::string> out;
  for (const auto& item : list_at(json, key)) {
    if (item.is_string()) out.push_back(item);
  }
  return out;
}

/// Runs of an older Troupe state none: theirs is the first.
std::uint64_t format_of(const nlohmann::json& json) {
  if (!json.is_object()) return 1;
  const auto found = json.find("format");
  return found != json.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 1;
}

bool is_copy(const nlohmann::json& item) {
  return item.is_object() && item.contains("path") && item["path"].is_string() &&
         item.contains("copy") && item["copy"].is_string();
}

/// Whether `key` of a --set names a path: model.NAME.load, or an option of that type.
bool names_a_path(std::string_view key, const graphs::Plan& plan) {
  if (key.starts_with("model.")) return key.ends_with(".load");
  if (!key.starts_with("stage.")) return false;
  key.remove_prefix(6);
  const std::size_t dot = key.rfind('.');
  if (dot == std::string_view::npos) return false;
  const graphs::StagePlan* stage = plan.find_stage(key.substr(0, dot));
  const graphs::Contract* contract =
      stage == nullptr ? nullptr : all_kinds().contracts().find(stage->kind);
  const graphs::OptionSpec* option =
      contract == nullptr ? nullptr : contract->option(key.substr(dot + 1));
  return option != nullptr && option->type == graphs::OptionType::Path;
}

}  // namespace

Invocation invocation_of(const GraphArguments& arguments, const graphs::LoadResult& loaded) {
  Invocation out;
  out.graph = absolute(arguments.file);
  for (const std::string& overlay : arguments.overlays) out.overlays.push_back(absolute(overlay));
  out.sets = with_absolute_paths(arguments.sets, *loaded.plan);
  for (std::size_t i = 1; i < loaded.sources.size(); ++i) {
    const graphs::Source& source = loaded.sources[i];
    if (source.is_file) out.files.push_back({absolute(source.name), source.text});
  }
  return out;
}

Result<void> write_invocation(const std::filesystem::path& run, const Invocation& invocation) {
  Disk& disk = real_disk();
  nlohmann::json json = {{"format", ledger::kInvocationFormat},
                         {"troupe_version", kVersion},
                         {"graph", invocation.graph},
                         {"with", invocation.overlays},
                         {"sets", invocation.sets},
                         {"files", nlohmann::json::array()}};
  if (!invocation.files.empty()) {
    TROUPE_TRY(disk.make_directories(run / kSources));
  }
  for (const Invocation::File& file : invocation.files) {
    // Numbered: files of several folders may have one name.
    const std::string copy = std::string(kSources) + "/" +
                             std::to_string(json["files"].size() + 1) + "-" +
                             std::filesystem::path(file.path).filename().string();
    TROUPE_TRY(disk.replace(run / copy, file.text));
    json["files"].push_back({{"path", file.path}, {"copy", copy}});
  }
  return disk.replace(run / kInvocation,
                      json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

Result<Invocation> read_invocation(const std::filesystem::path& run) {
  const std::filesystem::path file = run / kInvocation;
  if (!real_disk().exists(file))
    return Error{ErrorCode::NotFound,
                 "'" + run.string() + "' has no " + kInvocation + ": the run died as it began",
                 "Nothing was trained there; start a new one with `troupe run`"};
  TROUPE_ASSIGN(const std::string text, real_disk().read(file));
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (const std::uint64_t format = format_of(json); format > ledger::kInvocationFormat)
    return ledger::later_format("'" + file.string() + "'", format, ledger::kInvocationFormat,
                                json.value("troupe_version", ""));
  if (!json.is_object() || !json.contains("graph") || !json["graph"].is_string() ||
      !json.contains("sets") || !json["sets"].is_array())
    return Error{ErrorCode::Corrupt, "'" + file.string() + "' is damaged",
                 "Start a new run from graph.toml in that directory"};
  Invocation invocation;
  invocation.graph = json["graph"];
  invocation.sets = texts_at(json, "sets");
  invocation.overlays = texts_at(json, "with");
  for (const auto& item : list_at(json, "files")) {
    if (!is_copy(item)) continue;
    TROUPE_ASSIGN(std::string copy, real_disk().read(run / item["copy"].get<std::string>()));
    invocation.files.push_back({item["path"], std::move(copy)});
  }
  return invocation;
}

std::vector<std::string> with_absolute_paths(std::vector<std::string> sets,
                                             const graphs::Plan& plan) {
  for (std::string& set : sets) {
    const std::size_t equals = set.find('=');
    if (equals == std::string::npos || !names_a_path(set.substr(0, equals), plan)) continue;
    std::string value = set.substr(equals + 1);
    const bool quoted = value.size() > 1 && (value.front() == '"' || value.front() == '\'') &&
                        value.back() == value.front();
    const std::string quote = quoted ? value.substr(0, 1) : "";
    if (quoted) value = value.substr(1, value.size() - 2);
    set = set.substr(0, equals + 1) + quote +
          std::filesystem::absolute(value).lexically_normal().string() + quote;
  }
  return sets;
}

Result<std::optional<graphs::Plan>> load_run(const std::filesystem::path& run,
                                             const Invocation& invocation,
                                             const std::vector<std::string>& more, Asks asks) {
  TROUPE_ASSIGN(const std::string text, real_disk().read(run / "graph.toml"));
  graphs::GraphInput input{
      invocation.graph, {invocation.overlays.begin(), invocation.overlays.end()}, invocation.sets};
  input.sets.insert(input.sets.end(), more.begin(), more.end());
  graphs::LoadOptions options;
  options.check_files = true;
  options.estimate = estimate_for(asks);
  options.read = [&](const std::filesystem::path& path) -> Result<std::string> {
    if (path == invocation.graph) return text;
    for (const Invocation::File& file : invocation.files) {
      if (file.path == path.lexically_normal()) return file.text;
    }
    return Error{ErrorCode::NotFound, "the run has no copy of it", ""};
  };
  graphs::LoadResult loaded = graphs::load_graph(input, all_kinds().contracts(), options);
  std::cerr << loaded.rendered(colour_on_stderr());
  if (!loaded.plan) {
    const std::string folder = std::filesystem::path(invocation.graph).parent_path().string();
    std::cerr << "note: relative paths of this run count from " << folder
              << ". What has moved since is named anew with --set, and the run remembers it:\n"
                 "  troupe resume "
              << run.string() << " --set model.NAME.load=PATH --set stage.NAME.path=PATH\n";
  }
  return std::move(loaded.plan);
}

}  // namespace troupe::cli
