// One layer of a graph over those below it: what it removes, then what it sets.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "graphs/compose.hpp"

namespace troupe::graphs {
namespace {

constexpr std::string_view kExtends = "extends";
constexpr std::string_view kRemove = "remove";

std::vector<std::string> keys_of(const RawNode& table) {
  std::vector<std::string> out;
  for (const RawEntry& entry : table.table) out.push_back(entry.key);
  return out;
}

void merge_tables(RawNode& below, RawNode above) {  // as deep as the reader allows
  std::map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < below.table.size(); ++i) places[below.table[i].key] = i;
  for (RawEntry& entry : above.table) {
    const auto place = places.find(entry.key);
    if (place == places.end()) {
      below.table.push_back(std::move(entry));
      continue;
    }
    RawEntry& old = below.table[place->second];
    if (old.value.type == RawNode::Type::Fields && entry.value.type == RawNode::Type::Fields) {
      merge_tables(old.value, std::move(entry.value));
    } else {
      old = std::move(entry);
    }
  }
}

std::optional<RawEntry> take(RawNode& table, std::string_view key) {
  const auto found = std::find_if(table.table.begin(), table.table.end(),
                                  [&](const RawEntry& entry) { return entry.key == key; });
  if (found == table.table.end()) return std::nullopt;
  RawEntry out = std::move(*found);
  table.table.erase(found);
  return out;
}

const std::string* name_of_test(const RawNode& test) {
  const RawEntry* name = test.find("name");
  return name && name->value.type == RawNode::Type::String ? &name->value.string : nullptr;
}

/// Tests of all layers are kept; one of the same name replaces the lower one.
void merge_tests(RawNode& below, std::optional<RawEntry> above) {
  if (!above) return;
  RawEntry* old = below.find("test");
  if (!old || old->value.type != RawNode::Type::Array ||
      above->value.type != RawNode::Type::Array) {
    take(below, "test");
    below.table.push_back(std::move(*above));
    return;
  }
  std::map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < old->value.array.size(); ++i) {
    if (const std::string* name = name_of_test(old->value.array[i])) places[*name] = i;
  }
  for (RawNode& test : above->value.array) {
    const std::string* name = name_of_test(test);
    const auto place = name ? places.find(*name) : places.end();
    if (place != places.end()) {
      old->value.array[place->second] = std::move(test);
    } else {
      old->value.array.push_back(std::move(test));
    }
  }
}

/// `flow_add`: lines behind those of the flow.
void add_to_flow(RawNode& root, std::optional<RawEntry> add, Findings& findings) {
  if (!add) return;
  RawNode& lines = add->value;
  if (lines.type != RawNode::Type::Array && lines.type != RawNode::Type::String) {
    findings
        .error(codes::kWrongType,
               fmt::format("`flow_add` is a list of texts, not {}", lines.describe()), lines.span)
        .help.push_back("write flow_add = [\"reward -> log\"]: lines behind those of the flow");
    return;
  }
  RawNode& graph = root.find("graph")->value;
  RawEntry* flow = graph.find("flow");
  if (!flow) {
    graph.table.push_back({"flow", add->key_span, std::move(lines)});
    return;
  }
  if (flow->value.type == RawNode::Type::String) {
    RawNode list;
    list.type = RawNode::Type::Array;
    list.span = flow->value.span;
    list.array.push_back(std::move(flow->value));
    flow->value = std::move(list);
  }
  if (flow->value.type != RawNode::Type::Array) return;  // said when the flow is read
  if (lines.type == RawNode::Type::String) {
    flow->value.array.push_back(std::move(lines));
  } else {
    for (RawNode& line : lines.array) flow->value.array.push_back(std::move(line));
  }
}

/// Removes what `path` names; otherwise the key that was not found and those that are there.
struct Missing {
  std::string key;
  std::vector<std::string> candidates;
};
std::optional<Missing> remove_path(RawNode& root, const std::vector<std::string>& path) {
  RawNode* node = &root;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const bool last = i + 1 == path.size();
    if (node->type == RawNode::Type::Array) {  // [[test]]
      const auto found =
          std::find_if(node->array.begin(), node->array.end(), [&](const RawNode& item) {
            const std::string* name = name_of_test(item);
            return name && *name == path[i];
          });
      if (found == node->array.end()) {
        Missing out{path[i], {}};
        for (const RawNode& item : node->array) {
          if (const std::string* name = name_of_test(item)) out.candidates.push_back(*name);
        }
        return out;
      }
      if (last) node->array.erase(found);
      if (!last) node = &*found;
      continue;
    }
    RawEntry* entry = node->find(path[i]);
    if (!entry) return Missing{path[i], keys_of(*node)};
    if (last) take(*node, path[i]);
    if (!last) node = &entry->value;
  }
  return std::nullopt;
}

void remove_one(Composed& below, const RawNode& item, bool lowest, Findings& findings) {
  if (item.type != RawNode::Type::String) {
    findings
        .error(codes::kWrongType, fmt::format("`remove` lists texts, not {}", item.describe()),
               item.span, "expected what is removed, in quotes")
        .help.push_back("for example remove = [\"stage.check_format\"]");
    return;
  }
  const std::vector<std::string> path = key_path(item.string);
  if (path.empty()) {
    findings
        .error(codes::kNothingToRemove, fmt::format("`{}` names nothing", item.string), item.span,
               "not of the form a.b.c")
        .help.push_back(
            "for example \"stage.check_format\", \"stage.generate.stop\", 'edge.\"a -> b\"'");
    return;
  }
  const auto missing = remove_path(below.root, path);
  if (!missing) {
    below.removals.push_back({item.string, item.span});
    return;
  }
  Diagnostic& found = findings.error(
      codes::kNothingToRemove, fmt::format("there is no `{}` to remove", item.string), item.span,
      lowest ? "this file stands on no other" : fmt::format("no `{}` below", missing->key));
  found.help.push_back(
      lowest ? "`remove` takes away what a file brought that this one extends, or lies over"
             : name_help(missing->key, missing->candidates, "what there is"));
}

}  // namespace

void lay_over(Composed& below, RawNode above, bool lowest, Findings& findings) {
  take(above, kExtends);
  if (const auto remove = take(above, kRemove)) {
    if (remove->value.type == RawNode::Type::Array) {
      for (const RawNode& item : remove->value.array) remove_one(below, item, lowest, findings);
    } else {
      remove_one(below, remove->value, lowest, findings);
    }
  }
  auto tests = take(above, "test");
  std::optional<RawEntry> add;
  if (RawEntry* graph = above.find("graph")) {
    if (graph->value.type == RawNode::Type::Fields) add = take(graph->value, "flow_add");
  }
  // A file of another format stays one, whatever lies over it.
  const RawEntry* format = below.root.find("format");
  const bool foreign =
      format && (format->value.type != RawNode::Type::Integer || format->value.integer != kFormat);
  if (foreign) take(above, "format");
  merge_tables(below.root, std::move(above));
  merge_tests(below.root, std::move(tests));
  add_to_flow(below.root, std::move(add), findings);
}

}  // namespace troupe::graphs
