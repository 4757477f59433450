// [edge."a -> b"]: capacities, staleness and what happens when an edge is full; read here, and
// checked here against groups, steps and the gate.
#include <algorithm>

#include <fmt/format.h>

#include "graphs/draft.hpp"

namespace troupe::graphs {
namespace {

constexpr std::uint64_t kDefaultBytes = 64ull << 20;
constexpr std::uint64_t kDefaultPrompts = 16;   // cheap to make: a few ahead of the generator
constexpr std::uint64_t kGroupsUnlearned = 16;  // in flight when no learner sets the pace

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
  Diagnostic& found =
      draft.findings.error(codes::kUnknownEdge, fmt::format("the flow has no edge `{}`",
                                                            text_of(chain)),
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
      .help.push_back("for example \"256 samples\", \"8 groups\", \"64MiB\", or both kinds: "
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
      draft.findings.error(codes::kOutOfRange, "an edge of capacity 0 carries nothing",
                           item->span, "allowed: at least 1");
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
            .error(entry.value.type == RawNode::Type::Integer ? codes::kOutOfRange
                                                              : codes::kWrongType,
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
      policy.when_full =
          entry.value.string == "block" ? WhenFull::Block : WhenFull::DropOldest;
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
          codes::kEdgeTwice,
          fmt::format("edge `{}` has two sections", draft.name_of_edge(edge)), section.key_span,
          "again here");
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

bool into_learner(const Draft& draft, const DraftEdge& edge) {
  return draft.stages[edge.to].contract->learns && edge.delivery == Delivery::Queue;
}

bool assembles(const DraftEdge& edge) {
  return edge.out->type == MessageType::Sample && edge.in->type == MessageType::Group;
}

/// Messages of one group on this edge.
std::uint64_t per_group(const Draft& draft, const DraftEdge& edge) {
  return edge.out->type == MessageType::Sample && draft.gate ? draft.gate->group_size : 1;
}

void count_capacity(Draft& draft, DraftEdge& edge) {
  if (!edge.capacity_count) return;
  const Count count = *edge.capacity_count;
  const auto n = static_cast<std::uint64_t>(count.n);
  const MessageType type = edge.out->type;
  const std::uint64_t group = draft.gate ? draft.gate->group_size : 1;
  if (type == MessageType::Prompt &&
      (count.unit == CountUnit::Prompts || count.unit == CountUnit::Groups)) {
    edge.capacity_items = n;
  } else if (type == MessageType::Sample && count.unit == CountUnit::Samples) {
    edge.capacity_items = n;
  } else if (type == MessageType::Sample && count.unit == CountUnit::Groups) {
    edge.capacity_items = n * group;
  } else if (type == MessageType::Group && count.unit == CountUnit::Groups) {
    edge.capacity_items = n;
  } else if (type == MessageType::Group && count.unit == CountUnit::Samples) {
    edge.capacity_items = n / group;
  } else {
    Diagnostic& found = draft.findings.error(
        codes::kWrongUnit,
        fmt::format("edge `{}` carries {}s, not {}", draft.name_of_edge(edge), name_of(type),
                    name_of(count.unit)),
        edge.capacity_span, fmt::format("counted in {}s here", name_of(type)));
    found.secondary.push_back({edge.arrow_span, fmt::format("carries {}s", name_of(type))});
    found.help.push_back(fmt::format("write capacity = \"{} {}s\"", count.n, name_of(type)));
    return;
  }
  const bool too_small =
      (assembles(edge) && *edge.capacity_items < group) || *edge.capacity_items == 0;
  if (!too_small) return;
  Diagnostic& found = draft.findings.error(
      codes::kCapacityBelowGroup,
      fmt::format("edge `{}` cannot hold one group", draft.name_of_edge(edge)),
      edge.capacity_span, fmt::format("room for {}", count_text(count)));
  if (const DraftOption* size = draft.option(draft.gate ? draft.gate->stage : 0, "group_size")) {
    if (size->origin.from != Origin::From::Default) {
      found.secondary.push_back({size->value_span, fmt::format("a group has {} samples", group)});
    }
  }
  found.secondary.push_back(
      {edge.to_span, fmt::format("`{}` waits for whole groups", draft.stages[edge.to].name)});
  found.help.push_back(fmt::format("write capacity = \"{} samples\" or more: groups that do not fit "
                                   "would never be complete",
                                   group));
}

void check_kept_policies(Draft& draft, const DraftEdge& edge) {
  if (edge.delivery == Delivery::Latest && edge.policy_span) {
    draft.findings
        .error(codes::kPolicyOnLatest,
               fmt::format("edge `{}` keeps one value only", draft.name_of_edge(edge)),
               *edge.policy_span, "nothing to set on a `~>` edge")
        .help.push_back("remove the section; max_staleness belongs on the edge into the learner");
    return;
  }
  if (edge.max_staleness && !into_learner(draft, edge)) {
    Diagnostic& found = draft.findings.error(
        codes::kStalenessElsewhere,
        fmt::format("`max_staleness` on `{}`, which leads into no learner",
                    draft.name_of_edge(edge)),
        edge.max_staleness_span, "only a learner knows how old a sample is");
    for (const DraftEdge& other : draft.edges) {
      if (!into_learner(draft, other)) continue;
      found.help.push_back(
          fmt::format("write it below [edge.\"{}\"]", draft.name_of_edge(other)));
      break;
    }
    if (found.help.empty()) found.help.push_back("remove it: this graph has no learner");
  }
  if (edge.when_full == WhenFull::DropOldest && edge.accounted) {
    Diagnostic& found = draft.findings.error(
        codes::kDropsAccounted,
        fmt::format("`{}` may not drop samples", draft.name_of_edge(edge)), edge.when_full_span,
        "its samples are accounted");
    found.secondary.push_back({edge.arrow_span, "every sample that enters here must end somewhere"});
    found.help.push_back("use when_full = \"block\"; drop_oldest is for a second edge out of the "
                         "same port that only observes");
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

void place_gate(Draft& draft) {
  std::vector<std::uint32_t> first;
  for (std::uint32_t i = 0; i < draft.stages.size(); ++i) {
    if (!draft.stages[i].contract->admits || !draft.stages[i].in_flow) continue;
    const auto up = draft.upstream_of(i);
    bool behind_another = false;
    for (std::uint32_t j = 0; j < up.size(); ++j) {
      behind_another = behind_another || (up[j] && draft.stages[j].contract->admits);
    }
    if (!behind_another) first.push_back(i);
  }
  if (first.empty()) return;
  if (first.size() > 1) {
    Diagnostic& found = draft.findings.error(
        codes::kSeveralGates, "two stages admit prompts side by side", draft.place_of(first[1]),
        "a second admission gate would stand here");
    found.secondary.push_back({draft.place_of(first[0]), "the gate stands before this"});
    found.help.push_back(fmt::format(
        "not supported yet: lead all prompts through one of them, \"... -> {}\"",
        draft.stages[first[0]].name));
    return;
  }
  GatePlan gate;
  gate.stage = first.front();
  gate.group_size =
      static_cast<std::uint32_t>(std::max<std::uint64_t>(
          1, draft.integer_option(gate.stage, "group_size", 1)));
  const auto down = draft.downstream_of(gate.stage);
  for (std::uint32_t i = 0; i < down.size(); ++i) {
    if (!down[i] || !draft.stages[i].contract->learns) continue;
    const auto in = draft.queues_into(i);
    const bool counted = std::any_of(in.begin(), in.end(), [&](std::uint32_t edge) {
      return draft.edges[edge].accounted;
    });
    if (gate.learner && counted) {
      Diagnostic& found =
          draft.findings.error(codes::kNotSupportedYet, "not supported yet: two learners",
                               draft.place_of(i), "a second learner");
      found.secondary.push_back({draft.place_of(*gate.learner), "the first"});
      found.help.push_back("run one graph for each of them");
    } else if (counted) {
      gate.learner = i;
    }
  }
  if (gate.learner) {
    gate.prompts_per_step = draft.integer_option(*gate.learner, "prompts_per_step", 1);
    gate.publish_every =
        std::max<std::uint64_t>(1, draft.integer_option(*gate.learner, "publish_every", 1));
  }
  draft.gate = gate;
}

namespace {

void check_staleness(Draft& draft) {
  GatePlan& gate = *draft.gate;
  const DraftEdge* into = nullptr;
  for (const std::uint32_t index : draft.queues_into(*gate.learner)) {
    const DraftEdge& edge = draft.edges[index];
    const std::uint64_t staleness = edge.max_staleness.value_or(0);
    if (!into || staleness < gate.max_staleness) gate.max_staleness = staleness;
    if (!into || edge.max_staleness) into = &edge;
  }
  if (gate.max_staleness + 1 >= gate.publish_every) return;
  const DraftOption* publish = draft.option(*gate.learner, "publish_every");
  Diagnostic& found = draft.findings.error(
      codes::kStalenessUnreachable,
      fmt::format("samples would be {} steps old where {} is allowed", gate.publish_every - 1,
                  gate.max_staleness),
      publish ? publish->value_span : draft.place_of(*gate.learner),
      fmt::format("one set of weights serves {} steps", gate.publish_every));
  if (into->max_staleness) {
    found.secondary.push_back({into->max_staleness_span, "but samples may not be older than this"});
  }
  found.help.push_back(fmt::format("write max_staleness = {} below [edge.\"{}\"], or publish more "
                                   "often",
                                   gate.publish_every - 1, draft.name_of_edge(*into)));
}

const std::string* model_of(const Draft& draft, std::uint32_t stage) {
  const DraftOption* model = draft.option(stage, "model");
  return model ? model->value.get_if<std::string>() : nullptr;
}

/// Readers of weights that a learner of the same model never reaches.
void check_readers(Draft& draft) {
  const std::uint32_t learner = *draft.gate->learner;
  const std::string* trained = model_of(draft, learner);
  if (!trained) return;
  for (std::uint32_t i = 0; i < draft.stages.size(); ++i) {
    const DraftStage& stage = draft.stages[i];
    const std::string* model = model_of(draft, i);
    const PortSpec* port = stage.contract->default_input(Delivery::Latest);
    if (i == learner || !model || *model != *trained || !port) continue;
    const bool fed =
        std::any_of(draft.edges.begin(), draft.edges.end(),
                    [&](const DraftEdge& edge) { return edge.to == i && edge.in == port; });
    const PortSpec* weights =
        draft.stages[learner].contract->default_output(Delivery::Latest);
    if (fed || !weights) continue;
    const std::string line = fmt::format("\"{}.{} ~> {}.{}\"", draft.stages[learner].name,
                                         weights->name, stage.name, port->name);
    if (i == draft.gate->stage) {
      Diagnostic& found = draft.findings.error(
          codes::kNoNewWeights,
          fmt::format("`{}` never gets the weights that `{}` learns", stage.name,
                      draft.stages[learner].name),
          draft.place_of(i), "would sample with the first weights for ever");
      found.secondary.push_back({draft.place_of(learner), "learns the same model"});
      found.help.push_back("add a line to the flow: " + line);
    } else if (stage.in_flow || stage.contract->is_source()) {
      draft.findings
          .warning(codes::kStaleReader,
                   fmt::format("`{}` always sees the first weights of `{}`", stage.name, *model),
                   draft.place_of(i), fmt::format("its input `{}` is not connected", port->name))
          .help.push_back("to follow the learner, add a line to the flow: " + line);
    }
  }
}

void check_groups(Draft& draft) {
  const GatePlan& gate = *draft.gate;
  for (const DraftEdge& edge : draft.edges) {
    if (edge.delivery != Delivery::Queue || !edge.capacity_items || !gate.learner) continue;
    if (!assembles(edge) || !edge.accounted) continue;
    const std::uint64_t groups = *edge.capacity_items / gate.group_size;
    if (groups == 0 || groups >= gate.prompts_per_step) continue;
    draft.findings
        .warning(codes::kCapacityThrottles,
                 fmt::format("edge `{}` lets {} groups be in flight, and a step takes {}",
                             draft.name_of_edge(edge), groups, gate.prompts_per_step),
                 edge.capacity_span, "room for fewer groups than a step")
        .help.push_back(fmt::format("leave `capacity` out, or write \"{} groups\" or more",
                                    gate.prompts_per_step));
  }
  const DraftOption* size = draft.option(gate.stage, "group_size");
  if (gate.group_size > 1 || !gate.learner || !size) return;
  if (!draft.stages[*gate.learner].contract->accounts_groups) return;
  draft.findings
      .warning(codes::kGroupOfOne,
               fmt::format("groups of one sample teach `{}` nothing",
                           draft.stages[*gate.learner].name),
               size->origin.from == Origin::From::Default ? draft.place_of(gate.stage)
                                                          : size->value_span,
               "the sample is compared with itself only")
      .help.push_back("write group_size = 8, or take a learner that does not compare in groups");
}

void default_capacities(Draft& draft) {
  const std::uint64_t groups =
      draft.gate ? draft.gate->groups_in_flight_max : kGroupsUnlearned;
  for (DraftEdge& edge : draft.edges) {
    if (edge.delivery == Delivery::Latest) {
      edge.capacity_items = 1;
    } else if (!edge.capacity_items) {
      // Everything that may be admitted fits, so that no edge can hold up what is behind it.
      edge.capacity_items =
          edge.out->type == MessageType::Prompt ? kDefaultPrompts : groups * per_group(draft, edge);
    }
    if (!edge.capacity_bytes) edge.capacity_bytes = kDefaultBytes;
    for (Origin* origin : {&edge.capacity_items_origin, &edge.capacity_bytes_origin,
                           &edge.max_staleness_origin, &edge.when_full_origin}) {
      if (origin->place.empty()) origin->place = "default";
    }
  }
}

}  // namespace

void check_policies(Draft& draft) {
  for (DraftEdge& edge : draft.edges) {
    check_kept_policies(draft, edge);
    if (edge.delivery == Delivery::Queue) count_capacity(draft, edge);
    if (assembles(edge) && !draft.gate && edge.delivery == Delivery::Queue) {
      Diagnostic& found = draft.findings.error(
          codes::kNoGroups,
          fmt::format("`{}` needs groups, and nothing before it makes any",
                      draft.stages[edge.to].name),
          edge.to_span, fmt::format("its input `{}` takes whole groups", edge.in->name));
      found.help.push_back("a generator with a group_size must stand before it");
    }
  }
  if (draft.gate) {
    GatePlan& gate = *draft.gate;
    gate.groups_in_flight_max = kGroupsUnlearned;
    if (gate.learner) {
      check_staleness(draft);
      check_readers(draft);
      gate.groups_in_flight_max = gate.prompts_per_step * (gate.max_staleness + 1);
    }
    for (const DraftEdge& edge : draft.edges) {
      if (edge.capacity_items && assembles(edge) && edge.accounted) {
        gate.groups_in_flight_max =
            std::min(gate.groups_in_flight_max, *edge.capacity_items / gate.group_size);
      }
    }
    gate.groups_in_flight_max = std::max<std::uint64_t>(1, gate.groups_in_flight_max);
    check_groups(draft);
  }
  default_capacities(draft);
}

}  // namespace troupe::graphs
