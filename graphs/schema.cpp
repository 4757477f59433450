#include "graphs/schema.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "graphs/describe.hpp"
#include "graphs/draft.hpp"

namespace troupe::graphs {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kNumber = "^\\s*[0-9][0-9_]*(\\.[0-9_]*)?\\s*";
constexpr const char* kDurationUnits = "(ns|us|ms|s|m|min|h|d)\\s*$";
constexpr const char* kSizeUnits = "(B|KiB|MiB|GiB|TiB|kB|MB|GB|TB)\\s*$";
constexpr const char* kName = "^(?!else$)[A-Za-z_]([A-Za-z0-9_-]{0,62}[A-Za-z0-9_])?$";

Json texts(const std::vector<std::string>& items) { return Json(items); }

Json text(std::string description) {
  return {{"type", "string"}, {"description", std::move(description)}};
}

Json list_of(Json item) { return {{"type", "array"}, {"items", std::move(item)}}; }

/// One of them, or several in a list.
Json one_or_many(const Json& item, const std::string& description) {
  return {{"description", description}, {"anyOf", Json::array({item, list_of(item)})}};
}

std::string count_pattern(std::optional<CountUnit> unit) {
  std::string units;
  for (const CountUnit one :
       {CountUnit::Samples, CountUnit::Groups, CountUnit::Prompts, CountUnit::Steps}) {
    if (unit && *unit != one) continue;
    units += (units.empty() ? "" : "|") + std::string(name_of(one)) + "?";  // "1 group" too
  }
  return fmt::format("{}({})\\s*$", kNumber, units);
}

Json number_of(double value, bool integer) {
  if (integer) return static_cast<std::int64_t>(value);
  return value;
}

void limit(Json& out, const OptionSpec& spec) {
  const bool integer = spec.type == OptionType::Integer;
  if (spec.low) out[spec.low_open ? "exclusiveMinimum" : "minimum"] = number_of(*spec.low, integer);
  if (spec.high) out["maximum"] = number_of(*spec.high, integer);
}

/// One value of the option, whatever its place.
Json element(const OptionSpec& spec) {
  Json out;
  switch (spec.type) {
    case OptionType::Bool:
      out["type"] = "boolean";
      break;
    case OptionType::Integer:
      out["type"] = "integer";
      limit(out, spec);
      break;
    case OptionType::Real:
      out["type"] = "number";
      limit(out, spec);
      break;
    case OptionType::Duration:
      out = {{"type", "string"}, {"pattern", std::string(kNumber) + kDurationUnits}};
      break;
    case OptionType::ByteSize:
      out = {{"type", "string"}, {"pattern", std::string(kNumber) + kSizeUnits}};
      break;
    case OptionType::Count:
      out = {{"type", "string"}, {"pattern", count_pattern(spec.unit)}};
      break;
    case OptionType::StageWeights: {
      Json number = {{"type", "number"}};
      limit(number, spec);
      out = {{"type", "object"}, {"additionalProperties", std::move(number)}};
      break;
    }
    case OptionType::String:
      out["type"] = "string";
      if (!spec.choices.empty()) out["enum"] = texts(spec.choices);
      break;
    case OptionType::Path:
    case OptionType::Model:
    case OptionType::StageRef:
      out = {{"type", "string"}, {"minLength", 1}};
      break;
  }
  return out;
}

Json option(const OptionSpec& spec) {
  std::string description = spec.doc;
  if (const std::string limits = limits_text(spec); spec.choices.empty() && !limits.empty()) {
    description += fmt::format(" ({})", limits);
  }
  Json out = spec.list ? one_or_many(element(spec), "") : element(spec);
  out["description"] = description;
  if (spec.default_value) out["default"] = value_json(*spec.default_value);
  return out;
}

Json table(const std::vector<OptionSpec>& options, const std::string& description) {
  Json out = {{"type", "object"},
              {"description", description},
              {"additionalProperties", false},
              {"properties", Json::object()}};
  for (const OptionSpec& spec : options) out["properties"][spec.name] = option(spec);
  return out;
}

std::vector<OptionSpec> options_of(const Contract& contract) {
  std::vector<OptionSpec> out = contract.options;
  for (const OptionSpec& spec : stage_options()) out.push_back(spec);
  return out;
}

Json kind_table(const Contract& contract) {
  Json out = table(options_of(contract), contract.doc);
  out["properties"]["kind"] = {{"const", contract.kind}};
  return out;
}

Json names_kind(const std::string& kind) {
  return {{"properties", {{"kind", {{"const", kind}}}}}, {"required", Json::array({"kind"})}};
}

/// Every option that some kind has, for completion: plugins that know no if/then offer them all,
/// each with the kinds that have it.
Json all_options(const Kinds& kinds) {
  struct Entry {
    Json schemas = Json::array();
    std::string description;
  };
  std::map<std::string, Entry> entries;
  for (const Contract& contract : kinds.all()) {
    for (const OptionSpec& spec : options_of(contract)) {
      Entry& entry = entries[spec.name];
      Json schema = option(spec);
      entry.description += fmt::format("{}{}: {}", entry.description.empty() ? "" : "\n\n",
                                       contract.kind, schema["description"].get<std::string>());
      schema.erase("description");
      schema.erase("default");
      if (std::find(entry.schemas.begin(), entry.schemas.end(), schema) == entry.schemas.end()) {
        entry.schemas.push_back(std::move(schema));
      }
    }
  }
  Json out = Json::object(), kind_names = Json::array(), kind_docs = Json::array();
  for (const Contract& contract : kinds.all()) {
    kind_names.push_back(contract.kind);
    kind_docs.push_back(contract.doc);
  }
  out["kind"] = {{"type", "string"},
                 {"description", "what the stage does; `troupe kinds` lists all"},
                 {"enum", kind_names},
                 {"x-taplo", {{"docs", {{"enumValues", kind_docs}}}}}};
  for (auto& [name, entry] : entries) {
    Json schema = entry.schemas.size() == 1 ? entry.schemas.front()
                                            : Json{{"anyOf", std::move(entry.schemas)}};
    schema["description"] = entry.description;
    out[name] = std::move(schema);
  }
  return out;
}

/// The options of its kind and no others. A chain of if, then, else instead of an `allOf` of ifs:
/// Taplo looks for completions beside the one and not beside the other.
Json stage(const Kinds& kinds) {
  Json out = {{"type", "object"},
              {"description", "a stage of the graph"},
              {"x-taplo", {{"initKeys", Json::array({"kind"})}}},
              {"properties", all_options(kinds)}};
  Json names = Json::array();
  for (const auto& [name, schema] : out["properties"].items()) names.push_back(name);
  Json chain = {{"propertyNames", {{"enum", std::move(names)}}}};
  for (auto contract = kinds.all().rbegin(); contract != kinds.all().rend(); ++contract) {
    chain = {{"if", names_kind(contract->kind)},
             {"then", {{"$ref", "#/definitions/kind." + contract->kind}}},
             {"else", std::move(chain)}};
  }
  out.update(chain);
  return out;
}

/// What a file that stands alone must have; one that extends another may leave it to that.
Json whole_stage(const Kinds& kinds) {
  Json chain = Json::object();
  for (auto contract = kinds.all().rbegin(); contract != kinds.all().rend(); ++contract) {
    Json required = Json::array();
    for (const OptionSpec& spec : contract->options) {
      if (spec.required) required.push_back(spec.name);
    }
    if (required.empty()) continue;
    chain = {{"if", names_kind(contract->kind)},
             {"then", {{"required", std::move(required)}}},
             {"else", std::move(chain)}};
  }
  chain["required"] = Json::array({"kind"});
  return chain;
}

Json edge() {
  const Json capacity = {
      {"type", "string"},
      {"anyOf", Json::array({{{"pattern", count_pattern(std::nullopt)}},
                             {{"pattern", std::string(kNumber) + kSizeUnits}}})}};
  return {{"type", "object"},
          {"description", "options of one edge of the flow"},
          {"additionalProperties", false},
          {"properties",
           {{"capacity",
             one_or_many(capacity,
                         "what may wait: \"256 samples\", \"64MiB\", or both kinds in a list")},
            {"max_staleness",
             {{"type", "integer"},
              {"minimum", 0},
              {"description", "steps; only on the edge into a learner"}}},
            {"when_full",
             {{"enum", texts({"block", "drop_oldest"})},
              {"description", "block: the producer waits; drop_oldest: for edges that observe"}}},
            {"group",
             {{"type", "boolean"},
              {"description", "the samples of one group arrive one after another"}}},
            {"concurrency",
             {{"type", "integer"},
              {"minimum", 1},
              {"maximum", 65536},
              {"description", "of `<->`: calls open at once; more wait at the caller"}}},
            {"deadline",
             {{"type", "string"},
              {"pattern", std::string(kNumber) + kDurationUnits},
              {"description", "of `<->`: from a request to its answer; then the call failed"}}}}}};
}

Json graph() {
  const Json line = {{"type", "string"}, {"minLength", 1}};
  return {{"type", "object"},
          {"description", "how the stages are connected"},
          {"additionalProperties", false},
          {"properties",
           {{"flow",
             one_or_many(line,
                         "`a -> b` a queue, `a ~> b` the latest value, `a <-> b` calls, `(a & b)` "
                         "every branch and joined again, `[math: a, else: b]` one branch by the "
                         "task")},
            {"flow_add", one_or_many(line, "lines behind those of the file that is extended")}}}};
}

Json test() {
  const Json flag = {{"type", "boolean"}}, number = {{"type", "number"}},
             tokens = {{"type", "integer"}, {"minimum", 0}, {"maximum", 1 << 20}};
  const Json expected = {{"type", Json::array({"number", "string"})}};
  Json send = {{"type", "object"},
               {"description", "what enters the graph"},
               {"required", texts({"to", "text"})},
               {"additionalProperties", false},
               {"properties",
                {{"to", text("the stage that gets the sample")},
                 {"text", one_or_many({{"type", "string"}},
                                      "what the model would have written; a list: a "
                                      "group")},
                 {"question", text("the question")},
                 {"answer", text("the gold answer")},
                 {"task", text("what routes choose by")},
                 {"from", text("the output that gives the samples, where several feed the stage")},
                 {"finished", one_or_many(flag, "whether the model ended it by itself")},
                 {"tokens", one_or_many(tokens, "how many it would have had")}}}};
  Json expect = {{"type", "object"},
                 {"description", "reward, end, or a stage that judges, and its value"},
                 {"minProperties", 1},
                 {"additionalProperties", one_or_many(expected, "")}};
  return {{"type", "object"},
          {"description", "`troupe test` runs it"},
          {"required", texts({"name", "send", "expect"})},
          {"additionalProperties", false},
          {"properties",
           {{"name", text("what is tested")},
            {"send", std::move(send)},
            {"expect", std::move(expect)},
            {"tolerance", {{"type", "number"}, {"minimum", 0}, {"description", "of numbers"}}}}}};
}

Json phase() {
  return {{"type", "object"},
          {"description", "one phase of a recipe"},
          {"required", texts({"name", "graph"})},
          {"additionalProperties", false},
          {"properties",
           {{"name", {{"type", "string"}, {"pattern", kName}}},
            {"graph", text("the graph file, from the folder of the recipe")},
            {"set",
             {{"type", "object"},
              {"description",
               "values to change: { \"run.steps\" = 20 }; \"@phase/artifact\" is what "
               "an earlier phase left"}}}}}};
}

Json named(const char* reference, const char* description) {
  return {{"type", "object"},
          {"description", description},
          {"propertyNames", {{"pattern", kName}}},
          {"additionalProperties", {{"$ref", reference}}}};
}

}  // namespace

std::string graph_schema(const Kinds& kinds) {
  Json out = {{"$schema", "http://json-schema.org/draft-07/schema#"},
              {"title", "a graph or a recipe of Troupe"},
              {"type", "object"}};
  out["properties"] = {
      {"format", {{"const", 1}, {"description", "the version of the language"}}},
      {"extends", text("a graph file that this one is laid over; counts from this file's folder")},
      {"remove",
       {{"type", "array"},
        {"items", {{"type", "string"}}},
        {"description", "what of the file below is not wanted: \"stage.check_format\""}}},
      {"run", table(run_options(), "the run as a whole")},
      {"model", named("#/definitions/model", "the models, by name")},
      {"stage", named("#/definitions/stage", "the stages, by name")},
      {"graph", graph()},
      {"edge",
       {{"type", "object"},
        {"description", "options of edges: [edge.\"reward -> learn\"]"},
        {"propertyNames", {{"pattern", "(->|~>|<->)"}}},
        {"additionalProperties", {{"$ref", "#/definitions/edge"}}}}},
      {"test", list_of({{"$ref", "#/definitions/test"}})},
      {"recipe",
       {{"type", "object"},
        {"description", "an ordered set of graphs"},
        {"additionalProperties", false},
        {"properties", {{"name", text("what it is called; left out, the file's name")}}}}},
      {"phase", list_of({{"$ref", "#/definitions/phase"}})}};
  out["additionalProperties"] = false;
  // A recipe has its phases and nothing of a graph.
  out["if"] = {{"anyOf", Json::array({{{"required", Json::array({"recipe"})}},
                                      {{"required", Json::array({"phase"})}}})}};
  out["then"] = {{"required", texts({"format", "phase"})},
                 {"propertyNames", {{"enum", texts({"format", "recipe", "phase"})}}}};
  // A file with a flow that extends nothing is whole; others are laid over one that is.
  out["else"] = {
      {"if",
       {{"required", Json::array({"graph"})}, {"not", {{"required", Json::array({"extends"})}}}}},
      {"then",
       {{"required", texts({"format", "stage"})},
        {"properties",
         {{"graph", {{"required", Json::array({"flow"})}}},
          {"stage", {{"additionalProperties", {{"$ref", "#/definitions/whole_stage"}}}}}}}}}};
  Json& definitions = out["definitions"];
  definitions["model"] = table(model_options(), "a model: `load`, or `from` another one");
  definitions["model"]["not"] = {{"required", texts({"load", "from"})}};
  definitions["stage"] = stage(kinds);
  definitions["whole_stage"] = whole_stage(kinds);
  for (const Contract& contract : kinds.all()) {
    definitions["kind." + contract.kind] = kind_table(contract);
  }
  definitions["edge"] = edge();
  definitions["test"] = test();
  definitions["phase"] = phase();
  return out.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace troupe::graphs
