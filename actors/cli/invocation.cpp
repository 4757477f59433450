#include "actors/cli/invocation.hpp"

#include <iostream>
#include <nlohmann/json.hpp>

#include "actors/cli/context.hpp"

namespace troupe::cli {
namespace {

constexpr const char* kInvocation = "invocation.json";

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

Result<void> write_invocation(const std::filesystem::path& run, const Invocation& invocation) {
  const nlohmann::json json = {{"graph", invocation.graph}, {"sets", invocation.sets}};
  return real_disk().replace(
      run / kInvocation, json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

Result<Invocation> read_invocation(const std::filesystem::path& run) {
  const std::filesystem::path file = run / kInvocation;
  if (!real_disk().exists(file))
    return Error{ErrorCode::NotFound,
                 "'" + run.string() + "' has no " + kInvocation + ": the run died as it began",
                 "Nothing was trained there; start a new one with `troupe run`"};
  TROUPE_ASSIGN(const std::string text, real_disk().read(file));
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("graph") || !json["graph"].is_string() ||
      !json.contains("sets") || !json["sets"].is_array())
    return Error{ErrorCode::Corrupt, "'" + file.string() + "' is damaged",
                 "Start a new run from graph.toml in that directory"};
  Invocation invocation;
  invocation.graph = json["graph"];
  for (const auto& set : json["sets"]) {
    if (set.is_string()) invocation.sets.push_back(set);
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
                                             const std::vector<std::string>& more) {
  TROUPE_ASSIGN(std::string text, real_disk().read(run / "graph.toml"));
  std::vector<std::string> sets = invocation.sets;
  sets.insert(sets.end(), more.begin(), more.end());
  graphs::LoadOptions options;
  options.check_files = true;
  graphs::LoadResult loaded = graphs::load_graph_text(std::move(text), invocation.graph, sets,
                                                      all_kinds().contracts(), options);
  std::cerr << loaded.rendered(colour_on_stderr());
  return std::move(loaded.plan);
}

}  // namespace troupe::cli
