// [edge."a -> b"]: finds the edges that a section names, and reads what it sets.
#include <fmt/format.h>

#include "graphs/draft.hpp"

namespace troupe::graphs {
namespace {

using Edges = std::vector<std::uint32_t>;

Edges edges_named(const Draft& draft, const FlowChain& chain) {
  Edges out;
  const FlowRef& from = chain.nodes[0].ref;
  const FlowRef& to = chain.nodes[1].ref;
  const Delivery delivery =
      chain.arrows[0].arrow == Arrow::Queue ? Delivery::Queue : Delivery::Latest;
  for (std::uint32_t i = 0; i < draft.edges.size(); ++i) {
    const DraftEdge& edge = draft.edges[i];
    if (draft.stages[edge.from].name != from.stage || draft.stages[edge.to].name != to.stage ||
        edge.delivery != delivery) {
      continue;
    }
    if (!from.port.empty() && edge.out && edge.out->name != from.port) continue;
    if (!to.port.empty() && edge.in && edge.in->name != to.port) continue;
    out.push_back(i);
  }
  return out;
}

std::optional<Edges> find_edges(Draft& draft, const RawEntry& entry) {
  RawNode name;
  name.type = RawNode::Type::String;
  name.string = entry.key;
  name.span = entry.key_span;
  const FlowPlaces places(name.span, literal_map(draft.sources[name.span.source], name));
  const std::size_t before = draft.findings.errors();
  const FlowChain chain = parse_flow(entry.key, places, draft.findings);
  if (draft.findings.errors() != before) return std::nullopt;
  const bool pair = chain.nodes.size() == 2 && chain.nodes[0].type == FlowNode::Type::Ref &&
                    chain.nodes[1].type == FlowNode::Type::Ref &&
                    chain.arrows[0].arrow != Arrow::Call;
  if (!pair) {
    draft.findings
        .error(codes::kUnknownEdge, fmt::format("`{}` is not one edge", entry.key), entry.key_span)
        .help.push_back("an edge is named by its two stages: [edge.\"reward -> learn\"]");
    return std::nullopt;
  }
  const Edges edges = edges_named(draft, chain);
  if (!edges.empty()) return edges;
  if (draft.flow_broken) return std::nullopt;  // it may stand in what could not be read
  Diagnostic& found = draft.findings.error(codes::kUnknownEdge,
                                           fmt::format("the flow has no edge `{}`", text_of(chain)),
                                           entry.key_span, "not in the flow");
  std::vector<std::string> names;
  for (const DraftEdge& edge : draft.edges) names.push_back(draft.name_of_edge(edge));
  found.help.push_back(name_help(text_of(chain), names, "edges"));
  return std::nullopt;
}

std::nullopt_t bad_capacity(Draft& draft, const RawNode& node, std::string label) {
  draft.findings
      .error(codes::kWrongUnit, "`capacity` needs a count or a size in quotes", node.span,
             std::move(label))
      .help.push_back(
          "for example \"256 samples\", \"8 groups\", \"64MiB\", or both kinds: "
          "[\"256 samples\", \"64MiB\"]");
  return std::nullopt;
}

void read_capacity(Draft& draft, const RawNode& node, const Origin& origin, DraftEdge& edge) {
  std::vector<const RawNode*> items;
  if (node.type == RawNode::Type::Array) {
    for (const RawNode& item : node.array) items.push_back(&item);
  } else {
    items.push_back(&node);
  }
  for (const RawNode* item : items) {
    if (item->type != RawNode::Type::String) {
      bad_capacity(draft, *item, fmt::format("this is {}", item->describe()));
      continue;
    }
    const auto count = parse_count(item->string);
    const auto size = parse_byte_size(item->string);
    if ((count && count->n == 0) || (size && size->bytes == 0)) {
      draft.findings.error(codes::kOutOfRange, "an edge of capacity 0 carries nothing", item->span,
                           "allowed: at least 1");
    } else if (count) {
      edge.capacity_count = count;
      edge.capacity_items_origin = origin;
      edge.capacity_span = item->span;
    } else if (size) {
      edge.capacity_bytes = size->bytes;
      edge.capacity_bytes_origin = origin;
    } else {
      bad_capacity(draft, *item, "this is neither");
    }
  }
}

void read_policy(Draft& draft, const RawEntry& section) {
  const auto edges = find_edges(draft, section);
  DraftEdge policy;  // only its policy fields are used
  for (const RawEntry& entry : section.value.table) {
    const Origin origin = draft.origin_of(entry.key_span);
    if (entry.key == "capacity") {
      read_capacity(draft, entry.value, origin, policy);
    } else if (entry.key == "max_staleness") {
      if (entry.value.type != RawNode::Type::Integer || entry.value.integer < 0) {
        draft.findings
            .error(
                entry.value.type == RawNode::Type::Integer ? codes::kOutOfRange : codes::kWrongType,
                "`max_staleness` is a number of steps, 0 or more", entry.value.span)
            .help.push_back("write max_staleness = 1 for samples at most one step old");
        continue;
      }
      policy.max_staleness = static_cast<std::uint64_t>(entry.value.integer);
      policy.max_staleness_origin = origin;
      policy.max_staleness_span = entry.value.span;
    } else if (entry.key == "when_full") {
      if (entry.value.string != "block" && entry.value.string != "drop_oldest") {
        draft.findings
            .error(codes::kNotAChoice, "`when_full` is \"block\" or \"drop_oldest\"",
                   entry.value.span, "neither")
            .help.push_back("block: the producer waits; drop_oldest: for edges that observe");
        continue;
      }
      policy.when_full = entry.value.string == "block" ? WhenFull::Block : WhenFull::DropOldest;
      policy.when_full_origin = origin;
      policy.when_full_span = entry.value.span;
    } else if (entry.key == "group") {
      draft.findings
          .error(codes::kNotSupportedYet, "not supported yet: `group` on an edge", entry.key_span)
          .help.push_back("groups are kept together where a stage needs whole ones");
    } else {
      draft.findings
          .error(codes::kUnknownKey, fmt::format("an edge has no option `{}`", entry.key),
                 entry.key_span, "unknown option")
          .help.push_back(
              name_help(entry.key, {"capacity", "max_staleness", "when_full"}, "its options"));
    }
  }
  if (!edges) return;
  for (const std::uint32_t index : *edges) {
    DraftEdge& edge = draft.edges[index];
    if (edge.policy_span) {
      Diagnostic& found = draft.findings.error(
          codes::kEdgeTwice, fmt::format("edge `{}` has two sections", draft.name_of_edge(edge)),
          section.key_span, "again here");
      found.secondary.push_back({*edge.policy_span, "the first"});
      found.help.push_back("write all its options into one section");
      continue;
    }
    edge.policy_span = section.key_span;
    edge.capacity_count = policy.capacity_count;
    edge.capacity_bytes = policy.capacity_bytes;
    edge.max_staleness = policy.max_staleness;
    edge.when_full = policy.when_full;
    edge.capacity_items_origin = policy.capacity_items_origin;
    edge.capacity_bytes_origin = policy.capacity_bytes_origin;
    edge.max_staleness_origin = policy.max_staleness_origin;
    edge.when_full_origin = policy.when_full_origin;
    edge.capacity_span = policy.capacity_span;
    edge.max_staleness_span = policy.max_staleness_span;
    edge.when_full_span = policy.when_full_span;
  }
}

}  // namespace

void read_policies(Draft& draft, const RawNode& root) {
  const RawEntry* section = root.find("edge");
  if (!section) return;
  if (section->value.type != RawNode::Type::Fields) {
    draft.findings.error(codes::kWrongType, "`edge` is a section", section->key_span)
        .help.push_back("write [edge.\"reward -> learn\"] with its keys below");
    return;
  }
  for (const RawEntry& entry : section->value.table) {
    if (entry.value.type == RawNode::Type::Fields) {
      read_policy(draft, entry);
    } else {
      draft.findings
          .error(codes::kWrongType, fmt::format("`{}` is no edge", entry.key), entry.key_span,
                 "an edge is a section of its own")
          .help.push_back("write [edge.\"reward -> learn\"] with its keys below");
    }
  }
}

}  // namespace troupe::graphs
