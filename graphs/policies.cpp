// The gate, and whether capacities, staleness and what happens when an edge is full fit groups,
// steps and each other.
#include <algorithm>

#include <fmt/format.h>

#include "graphs/draft.hpp"

namespace troupe::graphs {
namespace {

constexpr std::uint64_t kDefaultBytes = 64ull << 20;
constexpr std::uint64_t kDefaultPrompts = 16;   // cheap to make: a few ahead of the generator
constexpr std::uint64_t kGroupsUnlearned = 16;  // in flight when no learner sets the pace

bool into_learner(const Draft& draft, const DraftEdge& edge) {
  return draft.stages[edge.to].contract->learns && edge.delivery == Delivery::Queue;
}

bool assembles(const DraftEdge& edge) {
  return edge.out->type == MessageType::Sample &&
         (edge.in->type == MessageType::Group || edge.group);
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
    Diagnostic& found =
        draft.findings.error(codes::kWrongUnit,
                             fmt::format("edge `{}` carries {}s, not {}", draft.name_of_edge(edge),
                                         name_of(type), name_of(count.unit)),
                             edge.capacity_span, fmt::format("counted in {}s here", name_of(type)));
    found.secondary.push_back({edge.arrow_span, fmt::format("carries {}s", name_of(type))});
    found.help.push_back(fmt::format("write capacity = \"{} {}s\"", count.n, name_of(type)));
    return;
  }
  const bool too_small =
      (assembles(edge) && *edge.capacity_items < group) || *edge.capacity_items == 0;
  if (!too_small) return;
  Diagnostic& found =
      draft.findings.error(codes::kCapacityBelowGroup,
                           fmt::format("edge `{}` cannot hold one group", draft.name_of_edge(edge)),
                           edge.capacity_span, fmt::format("room for {}", count_text(count)));
  if (const DraftOption* size = draft.option(draft.gate ? draft.gate->stage : 0, "group_size")) {
    if (size->origin.from != Origin::From::Default) {
      found.secondary.push_back({size->value_span, fmt::format("a group has {} samples", group)});
    }
  }
  if (edge.group) {
    found.secondary.push_back({edge.group_span, "whole groups are kept together here"});
  } else {
    found.secondary.push_back(
        {edge.to_span, fmt::format("`{}` waits for whole groups", draft.stages[edge.to].name)});
  }
  found.help.push_back(
      fmt::format("write capacity = \"{} samples\" or more: groups that do not "
                  "fit would never be complete",
                  group));
}

/// `group = true` where nothing is to be kept together, or where it could not be.
void check_group(Draft& draft, const DraftEdge& edge) {
  const MessageType out = edge.out->type;
  std::string label, help;
  if (edge.join) {
    label = "this edge ends a branch of ( & ), which joins sample by sample";
    help = fmt::format("keep them together on the edge behind `{}`", draft.stages[edge.to].name);
  } else if (out == MessageType::Prompt) {
    label = "a prompt has no siblings yet";
    help = "keep samples together on an edge behind the generator";
  } else if (out == MessageType::Group) {
    label = fmt::format("`{}` gives whole groups", draft.stages[edge.from].name);
    help = "remove it: groups stay whole";
  } else if (edge.in->type == MessageType::Group) {
    label = fmt::format("`{}` takes whole groups already", draft.stages[edge.to].name);
    help = "remove it: they are assembled here";
  } else {
    return;
  }
  Diagnostic& found =
      draft.findings.error(codes::kGroupElsewhere,
                           fmt::format("`group` means nothing on `{}`", draft.name_of_edge(edge)),
                           edge.group_span, std::move(label));
  found.secondary.push_back({edge.arrow_span, fmt::format("carries {}s", name_of(out))});
  found.help.push_back(std::move(help));
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
  if (edge.group) check_group(draft, edge);
  if (edge.max_staleness && !into_learner(draft, edge)) {
    Diagnostic& found =
        draft.findings.error(codes::kStalenessElsewhere,
                             fmt::format("`max_staleness` on `{}`, which leads into no learner",
                                         draft.name_of_edge(edge)),
                             edge.max_staleness_span, "only a learner knows how old a sample is");
    for (const DraftEdge& other : draft.edges) {
      if (!into_learner(draft, other)) continue;
      found.help.push_back(fmt::format("write it below [edge.\"{}\"]", draft.name_of_edge(other)));
      break;
    }
    if (found.help.empty()) found.help.push_back("remove it: this graph has no learner");
  }
  if (edge.when_full == WhenFull::DropOldest && edge.accounted) {
    Diagnostic& found = draft.findings.error(
        codes::kDropsAccounted, fmt::format("`{}` may not drop samples", draft.name_of_edge(edge)),
        edge.when_full_span, "its samples are accounted");
    found.secondary.push_back(
        {edge.arrow_span, "every sample that enters here must end somewhere"});
    found.help.push_back(
        "use when_full = \"block\"; drop_oldest is for a second edge out of the "
        "same port that only observes");
  }
}

}  // namespace

void place_gate(Draft& draft) {
  std::vector<std::uint32_t> first;
  for (std::uint32_t i = 0; i < draft.stages.size(); ++i) {
    // As a service only, it admits nothing.
    if (!draft.stages[i].contract->admits || !draft.stages[i].in_flow) continue;
    const bool serves = std::any_of(draft.calls.begin(), draft.calls.end(),
                                    [&](const DraftCall& call) { return call.to == i; });
    if (serves && draft.queues_into(i).empty()) continue;
    const auto up = draft.upstream_of(i);
    bool behind_another = false;
    for (std::uint32_t j = 0; j < up.size(); ++j) {
      behind_another = behind_another || (up[j] && draft.stages[j].contract->admits);
    }
    if (!behind_another) first.push_back(i);
  }
  if (first.empty()) return;
  if (first.size() > 1) {
    Diagnostic& found =
        draft.findings.error(codes::kSeveralGates, "two stages admit prompts side by side",
                             draft.place_of(first[1]), "a second admission gate would stand here");
    found.secondary.push_back({draft.place_of(first[0]), "the gate stands before this"});
    found.help.push_back(
        fmt::format("not supported yet: lead all prompts through one of them, \"... -> {}\"",
                    draft.stages[first[0]].name));
    return;
  }
  GatePlan gate;
  gate.stage = first.front();
  gate.group_size = static_cast<std::uint32_t>(
      std::max<std::uint64_t>(1, draft.integer_option(gate.stage, "group_size", 1)));
  const auto down = draft.downstream_of(gate.stage);
  for (std::uint32_t i = 0; i < down.size(); ++i) {
    if (!down[i] || !draft.stages[i].contract->learns) continue;
    const auto in = draft.queues_into(i);
    const bool counted = std::any_of(
        in.begin(), in.end(), [&](std::uint32_t edge) { return draft.edges[edge].accounted; });
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
  Diagnostic& found =
      draft.findings.error(codes::kStalenessUnreachable,
                           fmt::format("samples would be {} steps old where {} is allowed",
                                       gate.publish_every - 1, gate.max_staleness),
                           publish ? publish->value_span : draft.place_of(*gate.learner),
                           fmt::format("one set of weights serves {} steps", gate.publish_every));
  if (into->max_staleness) {
    found.secondary.push_back({into->max_staleness_span, "but samples may not be older than this"});
  }
  found.help.push_back(
      fmt::format("write max_staleness = {} below [edge.\"{}\"], or publish more "
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
    const PortSpec* weights = draft.stages[learner].contract->default_output(Delivery::Latest);
    if (fed || !weights) continue;
    const std::string line = fmt::format("\"{}.{} ~> {}.{}\"", draft.stages[learner].name,
                                         weights->name, stage.name, port->name);
    if (i == draft.gate->stage) {
      Diagnostic& found =
          draft.findings.error(codes::kNoNewWeights,
                               fmt::format("`{}` never gets the weights that `{}` learns",
                                           stage.name, draft.stages[learner].name),
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
  const DraftOption* size = draft.option(gate.stage, "group_size");
  if (gate.group_size > 1 || !gate.learner || !size) return;
  if (!draft.stages[*gate.learner].contract->accounts_groups) return;
  draft.findings
      .warning(
          codes::kGroupOfOne,
          fmt::format("groups of one sample teach `{}` nothing", draft.stages[*gate.learner].name),
          size->origin.from == Origin::From::Default ? draft.place_of(gate.stage)
                                                     : size->value_span,
          "the sample is compared with itself only")
      .help.push_back("write group_size = 8, or take a learner that does not compare in groups");
}

void default_capacities(Draft& draft) {
  const std::uint64_t groups = draft.gate ? draft.gate->groups_in_flight_max : kGroupsUnlearned;
  for (DraftEdge& edge : draft.edges) {
    if (edge.delivery == Delivery::Latest) {
      edge.capacity_items = 1;
    } else if (!edge.capacity_items) {
      // Everything that may be admitted fits, so that no edge can hold up what is behind it.
      edge.capacity_items =
          edge.out->type == MessageType::Prompt ? kDefaultPrompts : groups * per_group(draft, edge);
    }
    if (!edge.capacity_bytes) edge.capacity_bytes = kDefaultBytes;
    for (Origin* origin :
         {&edge.capacity_items_origin, &edge.capacity_bytes_origin, &edge.max_staleness_origin,
          &edge.when_full_origin, &edge.group_origin}) {
      if (origin->place.empty()) origin->place = "default";
    }
  }
  for (DraftCall& call : draft.calls) {
    if (!call.concurrency) call.concurrency_origin.place = "default";
    if (!call.deadline) call.deadline_origin.place = "default";
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
          edge.group ? fmt::format("`{}` keeps groups together, and nothing before it makes any",
                                   draft.name_of_edge(edge))
                     : fmt::format("`{}` needs groups, and nothing before it makes any",
                                   draft.stages[edge.to].name),
          edge.group ? edge.group_span : edge.to_span,
          edge.group ? std::string("there are no groups to keep together")
                     : fmt::format("its input `{}` takes whole groups", edge.in->name));
      found.help.push_back("a generator with a group_size must stand before it");
    }
  }
  if (draft.gate) {
    GatePlan& gate = *draft.gate;
    gate.groups_in_flight_max = kGroupsUnlearned;
    if (gate.learner) {
      check_staleness(draft);
      check_readers(draft);
      // The steps to come are the bound: a group that waits for its batch holds no edge.
      gate.groups_in_flight_max = gate.prompts_per_step * (gate.max_staleness + 1);
    }
    for (const DraftEdge& edge : draft.edges) {
      if (!gate.learner && edge.capacity_items && assembles(edge) && edge.accounted) {
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
