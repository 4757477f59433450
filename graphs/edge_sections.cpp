// [edge."a -> b"]: finds the edges that a section names, and reads what it sets.
#include <algorithm>

#include <fmt/format.h>

#include "graphs/draft.hpp"

namespace troupe::graphs {
namespace {

constexpr std::int64_t kMostConcurrency = 65536;  // each is a slot that the service holds

/// What one section names: edges, or calls.
struct Named {
  std::vector<std::uint32_t> edges, calls;
  bool call = false;
};

Named edges_named(const Draft& draft, const FlowChain& chain) {
  Named out;
  const FlowRef& from = chain.nodes[0].ref;
  const FlowRef& to = chain.nodes[1].ref;
  out.call = chain.arrows[0].arrow == Arrow::Call;
  if (out.call) {
    for (std::uint32_t i = 0; i < draft.calls.size(); ++i) {
      const DraftCall& call = draft.calls[i];
      const bool meant = draft.stages[call.from].name == from.stage &&
                         draft.stages[call.to].name == to.stage &&
                         (from.port.empty() || !call.out || call.out->name == from.port) &&
                         (to.port.empty() || !call.in || call.in->name == to.port);
      if (meant) out.calls.push_back(i);
    }
    return out;
  }
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
    out.edges.push_back(i);
  }
  return out;
}

std::optional<Named> find_edges(Draft& draft, const RawEntry& entry) {
  RawNode name;
  name.type = RawNode::Type::String;
  name.string = entry.key;
  name.span = entry.key_span;
  const FlowPlaces places(name.span, literal_map(draft.sources[name.span.source], name));
  const std::size_t before = draft.findings.errors();
  const FlowChain chain = parse_flow(entry.key, places, draft.findings);
  if (draft.findings.errors() != before) return std::nullopt;
  const bool pair = chain.nodes.size() == 2 && chain.nodes[0].type == FlowNode::Type::Ref &&
                    chain.nodes[1].type == FlowNode::Type::Ref;
  if (!pair) {
    draft.findings
        .error(codes::kUnknownEdge, fmt::format("`{}` is not one edge", entry.key), entry.key_span)
        .help.push_back("an edge is named by its two stages: [edge.\"reward -> learn\"]");
    return std::nullopt;
  }
  const Named named = edges_named(draft, chain);
  if (!named.edges.empty() || !named.calls.empty()) return named;
  if (draft.flow_broken) return named;  // it may stand in what could not be read
  Diagnostic& found = draft.findings.error(codes::kUnknownEdge,
                                           fmt::format("the flow has no edge `{}`", text_of(chain)),
                                           entry.key_span, "not in the flow");
  std::vector<std::string> names;
  for (const DraftEdge& edge : draft.edges) names.push_back(draft.name_of_edge(edge));
  for (const DraftCall& call : draft.calls) names.push_back(draft.name_of_call(call));
  found.help.push_back(name_help(text_of(chain), names, "edges"));
  return named;
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

/// Reads `value` as `option` of the sections of edges; a finding when it cannot be one.
bool read_option(Draft& draft, const RawEntry& entry, const Origin& origin, DraftEdge& policy) {
  const RawNode& value = entry.value;
  if (entry.key == "capacity") {
    read_capacity(draft, value, origin, policy);
  } else if (entry.key == "max_staleness") {
    if (value.type != RawNode::Type::Integer || value.integer < 0) {
      draft.findings
          .error(value.type == RawNode::Type::Integer ? codes::kOutOfRange : codes::kWrongType,
                 "`max_staleness` is a number of steps, 0 or more", value.span)
          .help.push_back("write max_staleness = 1 for samples at most one step old");
      return true;
    }
    policy.max_staleness = static_cast<std::uint64_t>(value.integer);
    policy.max_staleness_origin = origin;
    policy.max_staleness_span = value.span;
  } else if (entry.key == "when_full") {
    if (value.string != "block" && value.string != "drop_oldest") {
      draft.findings
          .error(codes::kNotAChoice, "`when_full` is \"block\" or \"drop_oldest\"", value.span,
                 "neither")
          .help.push_back("block: the producer waits; drop_oldest: for edges that observe");
      return true;
    }
    policy.when_full = value.string == "block" ? WhenFull::Block : WhenFull::DropOldest;
    policy.when_full_origin = origin;
    policy.when_full_span = value.span;
  } else if (entry.key == "group") {
    if (value.type != RawNode::Type::Bool) {
      draft.findings
          .error(codes::kWrongType,
                 fmt::format("`group` is true or false, not {}", value.describe()), value.span,
                 "expected true or false")
          .help.push_back("group = true: the samples of one group arrive one after another");
      return true;
    }
    policy.group = value.boolean;
    policy.group_origin = origin;
    policy.group_span = value.span;
  } else {
    return false;
  }
  return true;
}

bool read_call_option(Draft& draft, const RawEntry& entry, const Origin& origin,
                      DraftCall& policy) {
  const RawNode& value = entry.value;
  if (entry.key == "concurrency") {
    if (value.type != RawNode::Type::Integer) {
      draft.findings
          .error(codes::kWrongType,
                 fmt::format("`concurrency` is an integer, not {}", value.describe()), value.span)
          .help.push_back("concurrency: calls open at once; more wait at the caller");
    } else if (value.integer < 1 || value.integer > kMostConcurrency) {
      draft.findings
          .error(codes::kOutOfRange, fmt::format("`concurrency` cannot be {}", value.integer),
                 value.span, fmt::format("allowed: 1 to {}", kMostConcurrency))
          .help.push_back("concurrency: calls open at once; more wait at the caller");
    } else {
      policy.concurrency = static_cast<std::uint64_t>(value.integer);
      policy.concurrency_origin = origin;
    }
    return true;
  }
  if (entry.key != "deadline") return false;
  const auto deadline =
      value.type == RawNode::Type::String ? parse_duration(value.string) : std::nullopt;
  if (!deadline) {
    draft.findings
        .error(codes::kWrongUnit, "`deadline` needs a duration in quotes", value.span,
               value.type == RawNode::Type::String ? "this is no duration"
                                                   : fmt::format("this is {}", value.describe()))
        .help.push_back("for example \"30s\" or \"2m\"");
  } else if (*deadline <= Duration::zero()) {
    draft.findings
        .error(codes::kOutOfRange, "with no time at all every call would fail", value.span,
               "allowed: more than 0s")
        .help.push_back("deadline: from a request to its answer; then the call failed");
  } else {
    policy.deadline = *deadline;
    policy.deadline_origin = origin;
  }
  return true;
}

void unknown_option(Draft& draft, const RawEntry& entry, bool call) {
  static const std::vector<std::string> kOfEdges = {"capacity", "max_staleness", "when_full",
                                                    "group"};
  static const std::vector<std::string> kOfCalls = {"concurrency", "deadline"};
  const auto& own = call ? kOfCalls : kOfEdges;
  const auto& others = call ? kOfEdges : kOfCalls;
  Diagnostic& found = draft.findings.error(
      codes::kUnknownKey,
      fmt::format("{} has no option `{}`", call ? "a call" : "an edge", entry.key), entry.key_span,
      "unknown option");
  if (std::find(others.begin(), others.end(), entry.key) != others.end()) {
    found.help.push_back(fmt::format("`{}` is for {}; here: {}", entry.key,
                                     call ? "queues (`->`)" : "calls (`<->`)", quoted_list(own)));
  } else {
    found.help.push_back(name_help(entry.key, own, "its options"));
  }
}

template <class Item>
bool first_section(Draft& draft, Item& item, const std::string& name, Span here) {
  if (!item.policy_span) {
    item.policy_span = here;
    return true;
  }
  Diagnostic& found = draft.findings.error(
      codes::kEdgeTwice, fmt::format("edge `{}` has two sections", name), here, "again here");
  found.secondary.push_back({*item.policy_span, "the first"});
  found.help.push_back("write all its options into one section");
  return false;
}

void read_policy(Draft& draft, const RawEntry& section) {
  const auto named = find_edges(draft, section);
  const bool call = named && named->call;
  DraftEdge policy;  // only their policy fields are used
  DraftCall call_policy;
  for (const RawEntry& entry : section.value.table) {
    const Origin origin = draft.origin_of(entry.key_span);
    const bool known = call ? read_call_option(draft, entry, origin, call_policy)
                            : read_option(draft, entry, origin, policy);
    // Of what is no edge, nobody knows the options.
    if (!known && named) unknown_option(draft, entry, call);
  }
  if (!named) return;
  for (const std::uint32_t index : named->edges) {
    DraftEdge& edge = draft.edges[index];
    if (!first_section(draft, edge, draft.name_of_edge(edge), section.key_span)) continue;
    edge.capacity_count = policy.capacity_count;
    edge.capacity_bytes = policy.capacity_bytes;
    edge.max_staleness = policy.max_staleness;
    edge.when_full = policy.when_full;
    edge.group = policy.group;
    edge.capacity_items_origin = policy.capacity_items_origin;
    edge.capacity_bytes_origin = policy.capacity_bytes_origin;
    edge.max_staleness_origin = policy.max_staleness_origin;
    edge.when_full_origin = policy.when_full_origin;
    edge.group_origin = policy.group_origin;
    edge.capacity_span = policy.capacity_span;
    edge.max_staleness_span = policy.max_staleness_span;
    edge.when_full_span = policy.when_full_span;
    edge.group_span = policy.group_span;
  }
  for (const std::uint32_t index : named->calls) {
    DraftCall& edge = draft.calls[index];
    if (!first_section(draft, edge, draft.name_of_call(edge), section.key_span)) continue;
    edge.concurrency = call_policy.concurrency;
    edge.deadline = call_policy.deadline;
    edge.concurrency_origin = call_policy.concurrency_origin;
    edge.deadline_origin = call_policy.deadline_origin;
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
