#include "graphs/diff.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "graphs/describe.hpp"
#include "graphs/display.hpp"

namespace troupe::graphs {
namespace {

using Json = nlohmann::ordered_json;

struct Fact {
  std::string section, item, field, value, from;
  std::string written;  // of a path: before it was resolved
  bool swappable = false;
};

/// Everything that a plan says, one fact after the other.
class Facts {
 public:
  explicit Facts(const Plan& plan) : plan_(plan) {
    options("run", "", plan.run.options, false);
    for (const ModelPlan& model : plan.models) {
      add("model", model.name, "", "");
      options("model", model.name, model.options, false);
    }
    for (const StagePlan& stage : plan.stages) {
      const bool swappable = stage.contract->swappable;
      add("stage", stage.name, "", "");
      add("stage", stage.name, "kind", stage.kind, stage.origin.place, swappable);
      if (!stage.in_flow) add("stage", stage.name, "in the flow", "no");
      options("stage", stage.name, stage.options, swappable);
    }
    for (const EdgePlan& edge : plan.edges) add_edge(edge);
    for (const JoinPlan& join : plan.joins) {
      add("join", join_name(join), "", "");
    }
    for (const RoutePlan& route : plan.routes) add_route(route);
    for (const CallPlan& call : plan.calls) {
      add("call", call.name, "", "");
      add("call", call.name, "concurrency", std::to_string(call.concurrency),
          call.concurrency_origin.place);
      add("call", call.name, "deadline", duration_text(call.deadline), call.deadline_origin.place);
    }
    if (plan.gate) add_gate(*plan.gate);
    add("memory", "", "all queues full", byte_size_text({queue_bytes(plan)}));
  }

  const std::vector<Fact>& all() const { return facts_; }
  const Fact* find(const Fact& fact) const {
    const auto at = index_.find(key(fact));
    return at == index_.end() ? nullptr : &facts_[at->second];
  }

 private:
  static std::string key(const Fact& fact) {
    return fact.section + '\n' + fact.item + '\n' + fact.field;
  }

  void add(std::string section, std::string item, std::string field, std::string value,
           std::string from = "", bool swappable = false, std::string written = "") {
    facts_.push_back({std::move(section), std::move(item), std::move(field), std::move(value),
                      std::move(from), std::move(written), swappable});
    index_.emplace(key(facts_.back()), facts_.size() - 1);
  }

  void options(const std::string& section, const std::string& item, const Options& all,
               bool swappable) {
    for (const auto& [name, option] : all) {
      add(section, item, name, option.value.text(), option.origin.place, swappable,
          option.written.empty() ? "" : Value(option.written).text());
    }
  }

  void add_edge(const EdgePlan& edge) {
    add("edge", edge.name, "", "");
    if (edge.delivery == Delivery::Latest) return;
    add("edge", edge.name, "capacity",
        fmt::format("{} {}{}", edge.capacity_items, name_of(edge.type),
                    edge.capacity_items == 1 ? "" : "s"),
        edge.capacity_items_origin.place);
    add("edge", edge.name, "capacity in bytes", byte_size_text({edge.capacity_bytes}),
        edge.capacity_bytes_origin.place);
    if (edge.max_staleness) {
      add("edge", edge.name, "max_staleness", std::to_string(*edge.max_staleness),
          edge.max_staleness_origin.place);
    }
    add("edge", edge.name, "when_full", edge.when_full == WhenFull::Block ? "block" : "drop_oldest",
        edge.when_full_origin.place);
    add("edge", edge.name, "group", edge.group ? "true" : "false", edge.group_origin.place);
    add("edge", edge.name, "accounted", edge.accounted ? "yes" : "no: observes");
    if (edge.converts != Conversion::None) {
      add("edge", edge.name, "converts",
          edge.converts == Conversion::AssembleGroups ? "assembles groups" : "splits groups");
    }
  }

  std::string stage_name(std::uint32_t stage) const { return plan_.stages[stage].name; }

  std::string join_name(const JoinPlan& join) const {
    std::string branches;
    for (const auto& branch : join.branches) {
      std::string ends;
      for (const std::uint32_t edge : branch) {
        ends += (ends.empty() ? "" : " | ") + stage_name(plan_.edges[edge].from.stage);
      }
      branches += (branches.empty() ? "" : " & ") + ends;
    }
    return fmt::format("{} -> ... ({}) -> {}", stage_name(join.entrance.stage), branches,
                       stage_name(join.to.stage));
  }

  void add_route(const RoutePlan& route) {
    const std::string name = "behind " + stage_name(route.entrance.stage);
    add("route", name, "", "");
    for (const std::uint32_t edge : route.edges) {
      const EdgePlan& branch = plan_.edges[edge];
      add("route", name, stage_name(branch.to.stage), branch.tasks ? branch.tasks->text() : "all");
    }
  }

  void add_gate(const GatePlan& gate) {
    add("gate", "", "before", stage_name(gate.stage));
    add("gate", "", "group_size", std::to_string(gate.group_size));
    if (gate.learner) {
      add("gate", "", "learner", stage_name(*gate.learner));
      add("gate", "", "prompts_per_step", std::to_string(gate.prompts_per_step));
      add("gate", "", "max_staleness", std::to_string(gate.max_staleness));
      add("gate", "", "publish_every", std::to_string(gate.publish_every));
    }
    add("gate", "", "groups in flight", fmt::format("at most {}", gate.groups_in_flight_max));
  }

  const Plan& plan_;
  std::vector<Fact> facts_;
  std::map<std::string, std::size_t> index_;
};

/// Whether the item that the fact belongs to is in the other plan at all.
bool has_item(const Facts& facts, const Fact& fact) {
  if (fact.item.empty()) return true;
  Fact item = fact;
  item.field.clear();
  return facts.find(item) != nullptr;
}

std::string shown(const Fact& fact, const Fact* other) {
  // The same words in two folders name two files: then only the resolved path tells them apart.
  if (fact.written.empty() || (other && other->written == fact.written)) return fact.value;
  return fact.written;
}

std::string_view mark(Difference::What what) {
  return what == Difference::What::Added ? "+" : what == Difference::What::Removed ? "-" : "~";
}

std::string padded(std::string text, int width) {
  const int have = display_width(text);
  if (have < width) text.append(static_cast<std::size_t>(width - have), ' ');
  return text;
}

std::string from_text(const Difference& one) {
  const auto place = [](const std::string& from) { return from.empty() ? "computed" : from; };
  if (one.before_from.empty() && one.after_from.empty()) return "";
  if (one.before.empty()) return place(one.after_from);
  if (one.after.empty()) return place(one.before_from);
  if (one.before_from == one.after_from) return place(one.after_from);
  return place(one.before_from) + " → " + place(one.after_from);
}

}  // namespace

std::vector<Difference> difference(const Plan& before, const Plan& after) {
  const Facts old_facts(before), new_facts(after);
  std::vector<Difference> out;
  // What is gone stands where it stood: before what follows it.
  const auto removed = [&](const Fact& fact) {
    if (!fact.field.empty() && !has_item(new_facts, fact)) return;
    out.push_back({Difference::What::Removed, fact.section, fact.item, fact.field,
                   shown(fact, nullptr), "", fact.from, "", false});
  };
  std::size_t next = 0;
  std::vector<bool> done(old_facts.all().size());
  for (const Fact& fact : new_facts.all()) {
    const Fact* was = old_facts.find(fact);
    if (was) {
      const auto at = static_cast<std::size_t>(was - old_facts.all().data());
      for (; next < at; ++next) {
        if (!done[next] && !new_facts.find(old_facts.all()[next])) removed(old_facts.all()[next]);
        done[next] = true;
      }
      done[at] = true;
      if (was->value == fact.value) continue;
      out.push_back({Difference::What::Changed, fact.section, fact.item, fact.field,
                     shown(*was, &fact), shown(fact, was), was->from, fact.from,
                     was->swappable && fact.swappable});
    } else if (fact.field.empty() || has_item(old_facts, fact)) {
      out.push_back({Difference::What::Added, fact.section, fact.item, fact.field, "",
                     shown(fact, nullptr), "", fact.from, false});
    }
  }
  for (; next < done.size(); ++next) {
    if (!done[next] && !new_facts.find(old_facts.all()[next])) removed(old_facts.all()[next]);
  }
  return out;
}

std::string print_difference(const Plan& before, const Plan& after) {
  const auto all = difference(before, after);
  std::string out = fmt::format("- {}\n+ {}\n", before.file.string(), after.file.string());
  if (all.empty()) return out + "\nno difference: both resolve to the same plan\n";
  std::string heading;
  bool any_swap = false;
  for (const Difference& one : all) {
    const bool whole = one.field.empty();
    const std::string name = one.item.empty() ? one.section : one.section + " " + one.item;
    // Of another kind, a stage has other options: their defaults are no news.
    const bool news = one.what == Difference::What::Changed ||
                      (one.before_from.empty() ? one.after_from : one.before_from) != "default";
    if (!whole && !news) continue;
    if (whole) {
      const std::string listed = std::string(mark(one.what)) + one.section;
      if (heading != listed) out += "\n";
      heading = listed;
      const Plan& plan = one.what == Difference::What::Added ? after : before;
      const StagePlan* stage = one.section == "stage" ? plan.find_stage(one.item) : nullptr;
      out += fmt::format("{} {}{}\n", mark(one.what), name,
                         stage ? fmt::format("  ({})", stage->kind) : "");
      continue;
    }
    if (heading != name) out += fmt::format("\n  {}\n", name);
    heading = name;
    const std::string value = one.before.empty()  ? one.after
                              : one.after.empty() ? one.before
                                                  : one.before + " → " + one.after;
    std::string line = padded(fmt::format("{}   {}", mark(one.what), one.field), 26) + value + "  ";
    line = padded(std::move(line), 60) + from_text(one) + (one.swappable ? "  (swap)" : "");
    any_swap = any_swap || one.swappable;
    while (line.ends_with(' ')) line.pop_back();
    out += line + "\n";
  }
  if (any_swap) out += "\n(swap): the kind may be replaced while the graph runs\n";
  return out;
}

std::string difference_json(const Plan& before, const Plan& after) {
  Json out = {{"before", {{"file", before.file.string()}, {"hash", before.hash}}},
              {"after", {{"file", after.file.string()}, {"hash", after.hash}}},
              {"differences", Json::array()}};
  for (const Difference& one : difference(before, after)) {
    Json item = {{"what", one.what == Difference::What::Added     ? "added"
                          : one.what == Difference::What::Removed ? "removed"
                                                                  : "changed"},
                 {"section", one.section}};
    if (!one.item.empty()) item["item"] = one.item;
    if (!one.field.empty()) item["field"] = one.field;
    if (!one.before.empty()) item["before"] = one.before;
    if (!one.after.empty()) item["after"] = one.after;
    if (!one.before_from.empty()) item["before_from"] = one.before_from;
    if (!one.after_from.empty()) item["after_from"] = one.after_from;
    if (one.swappable) item["swappable"] = true;
    out["differences"].push_back(std::move(item));
  }
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace troupe::graphs
