// From a draft without errors to the plan, and the plan's hash.
#include <algorithm>

#include <fmt/format.h>

#include "graphs/draft.hpp"
#include "graphs/print.hpp"

namespace troupe::graphs {

struct PlanMaker {
  static Plan empty() { return Plan(); }
};

namespace {

constexpr std::uint64_t kDefaultConcurrency = 8;  // enough to keep a batch of a model busy
constexpr Duration kDefaultDeadline = std::chrono::minutes(2);  // a long completion on a CPU

Options options_of(const DraftOptions& from) {
  Options out;
  for (const auto& [name, option] : from) {
    out.emplace(name, OptionPlan{option.value, option.origin, option.written});
  }
  return out;
}

std::uint64_t number(const DraftOptions& options, std::string_view name) {
  return static_cast<std::uint64_t>(options.find(name)->second.value.as_int());
}

void make_run(const Draft& draft, Plan& plan) {
  const auto name = draft.run.find("name");
  plan.run.name =
      name != draft.run.end() ? name->second.value.as_string() : draft.file.stem().string();
  plan.run.seed = number(draft.run, "seed");
  plan.run.steps = number(draft.run, "steps");
  plan.run.checkpoint_every = number(draft.run, "checkpoint_every");
  plan.run.keep_checkpoints = number(draft.run, "keep_checkpoints");
  plan.run.directory = draft.run.find("directory")->second.value.as_string();
  plan.run.threads = static_cast<unsigned>(number(draft.run, "threads"));
  plan.run.stall_timeout = draft.run.find("stall_timeout")->second.value.as_duration();
  if (const auto keep = draft.run.find("keep_samples"); keep != draft.run.end())
    plan.run.keep_samples_bytes = keep->second.value.as_bytes().bytes;
  if (const auto keep = draft.run.find("keep_samples_of"); keep != draft.run.end())
    plan.run.keep_samples_steps = static_cast<std::uint64_t>(keep->second.value.as_count().n);
  plan.run.exact = draft.run.find("exact")->second.value.as_bool();
  plan.run.options = options_of(draft.run);
  if (name == draft.run.end()) {
    plan.run.options.emplace(
        "name", OptionPlan{Value(plan.run.name), {Origin::From::Default, "the file's name"}, ""});
  }
}

void make_models(const Draft& draft, Plan& plan) {
  for (const DraftModel& model : draft.models) {
    if (!model.used) continue;
    ModelPlan out;
    out.name = model.name;
    if (const auto load = model.options.find("load"); load != model.options.end()) {
      out.load = load->second.value.as_string();
    }
    if (const auto from = model.options.find("from"); from != model.options.end()) {
      out.from = from->second.value.as_string();
    }
    if (const auto refresh = model.options.find("refresh"); refresh != model.options.end()) {
      out.refresh_steps = static_cast<std::uint64_t>(refresh->second.value.as_count().n);
    }
    out.dtype = model.options.find("dtype")->second.value.as_string();
    out.options = options_of(model.options);
    plan.models.push_back(std::move(out));
  }
}

bool kept(const DraftStage& stage) {
  return stage.in_flow || stage.referenced ||
         (stage.contract->is_source() && stage.contract->is_sink());
}

/// Stages that nothing uses are left out; gives the index of the others.
std::vector<std::uint32_t> make_stages(const Draft& draft, Plan& plan) {
  std::vector<std::uint32_t> indices(draft.stages.size());
  for (std::size_t i = 0; i < draft.stages.size(); ++i) {
    const DraftStage& stage = draft.stages[i];
    if (!kept(stage)) continue;
    StagePlan out;
    out.index = indices[i] = static_cast<std::uint32_t>(plan.stages.size());
    out.name = stage.name;
    out.kind = stage.contract->kind;
    out.contract = stage.contract;
    out.options = options_of(stage.options);
    out.in_flow = stage.in_flow || !stage.referenced;
    out.origin = draft.origin_of(stage.kind_span);
    const auto swap = stage.options.find("swap");
    out.swap = swap != stage.options.end() && swap->second.value.as_bool();
    plan.stages.push_back(std::move(out));
  }
  return indices;
}

Conversion conversion_of(const DraftEdge& edge) {
  if (edge.out->type == MessageType::Sample && edge.in->type == MessageType::Group) {
    return Conversion::AssembleGroups;
  }
  if (edge.out->type == MessageType::Group && edge.in->type == MessageType::Sample) {
    return Conversion::SplitGroups;
  }
  return Conversion::None;
}

/// Joins that turned out to be plain merges are left out.
std::vector<std::uint32_t> numbers_of_joins(const Draft& draft) {
  std::vector<std::uint32_t> out(draft.joins.size());
  std::uint32_t next = 0;
  for (std::size_t i = 0; i < draft.joins.size(); ++i) {
    if (draft.joins[i].entrance) out[i] = next++;
  }
  return out;
}

/// Some edge that ends the join, maybe by one inside of it.
std::uint32_t end_of(const Draft& draft, const DraftJoin& join) {
  for (const std::uint32_t edge : join.inside) {
    if (draft.edges[edge].join && draft.edges[edge].to == join.to) return edge;
  }
  TROUPE_ASSERT(false, "a join that no edge ends");
  return 0;
}

void make_routes(const Draft& draft, Plan& plan) {
  for (const DraftRoute& route : draft.routes) {
    TROUPE_ASSERT(!route.edges.empty(), "a route without branches");
    RoutePlan out;
    out.index = static_cast<std::uint32_t>(plan.routes.size());
    out.entrance = plan.edges[route.edges.front()].from;
    out.edges = route.edges;
    out.without_branch = route.without_branch;
    plan.routes.push_back(std::move(out));
  }
}

void make_calls(const Draft& draft, const std::vector<std::uint32_t>& stages, Plan& plan) {
  for (const DraftCall& call : draft.calls) {
    CallPlan out;
    out.index = static_cast<std::uint32_t>(plan.calls.size());
    out.name = draft.name_of_call(call);
    out.from = {stages[call.from], call.out->name};
    out.to = {stages[call.to], call.in->name};
    out.request = call.out->request;
    out.answer = call.out->answer;
    out.concurrency = call.concurrency.value_or(kDefaultConcurrency);
    out.deadline = call.deadline.value_or(kDefaultDeadline);
    out.concurrency_origin = call.concurrency_origin;
    out.deadline_origin = call.deadline_origin;
    plan.calls.push_back(std::move(out));
  }
}

void make_edges(const Draft& draft, const std::vector<std::uint32_t>& stages, Plan& plan) {
  const auto joins = numbers_of_joins(draft);
  for (const DraftEdge& edge : draft.edges) {
    EdgePlan out;
    out.index = static_cast<std::uint32_t>(plan.edges.size());
    out.name = draft.name_of_edge(edge);
    out.from = {stages[edge.from], edge.out->name};
    out.to = {stages[edge.to], edge.in->name};
    out.type = edge.out->type;
    out.delivery = edge.delivery;
    out.capacity_items = *edge.capacity_items;
    out.capacity_bytes = *edge.capacity_bytes;
    if (edge.delivery == Delivery::Queue && draft.stages[edge.to].contract->learns) {
      out.max_staleness = edge.max_staleness.value_or(0);
    }
    out.when_full = edge.when_full;
    out.accounted = edge.accounted;
    if (edge.join) out.join = BranchRef{joins[edge.join->join], edge.join->branch};
    out.route = edge.route;
    out.tasks = edge.tasks;
    out.group = edge.group;
    if (edge.fork) out.fork = joins[*edge.fork];
    out.converts = conversion_of(edge);
    out.capacity_items_origin = edge.capacity_items_origin;
    out.capacity_bytes_origin = edge.capacity_bytes_origin;
    out.max_staleness_origin = edge.max_staleness_origin;
    out.when_full_origin = edge.when_full_origin;
    out.group_origin = edge.group_origin;
    plan.edges.push_back(std::move(out));
  }
  for (std::size_t i = 0; i < draft.joins.size(); ++i) {
    const DraftJoin& join = draft.joins[i];
    if (!join.entrance) continue;
    JoinPlan out;
    out.index = joins[i];
    out.entries = join.entries;
    out.branches = join.branches;
    if (join.outer) out.outer = BranchRef{joins[join.outer->join], join.outer->branch};
    const EdgePlan& entry = plan.edges[join.entries.front()];
    out.entrance = entry.from;
    out.to = {stages[join.to], draft.edges[end_of(draft, join)].in->name};
    plan.joins.push_back(std::move(out));
  }
}

/// FNV-1a, 64 bits: names a plan, protects nothing.
std::string hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ull;
  }
  return fmt::format("{:016x}", hash);
}

void append_options(std::string& out, const Options& options) {
  for (const auto& [name, option] : options) {
    out += fmt::format("{} = {}\n", name,
                       option.written.empty() ? option.value.text() : Value(option.written).text());
  }
}

/// Tasks may hold any character, so each is written with its length.
std::string canonical_text(const TaskSet& tasks) {
  std::string out = tasks.all_but ? "but" : "only";
  for (const std::string& name : tasks.names) out += fmt::format(" {}:{}", name.size(), name);
  return out;
}

std::string canonical_text(const Plan& plan) {
  std::string out = "troupe plan 1\n[run]\n";
  append_options(out, plan.run.options);
  for (const ModelPlan& model : plan.models) {
    out += fmt::format("[model.{}]\n", model.name);
    append_options(out, model.options);
  }
  for (const StagePlan& stage : plan.stages) {
    out += fmt::format("[stage.{}] {} {}\n", stage.name, stage.kind, stage.in_flow);
    append_options(out, stage.options);
  }
  for (const EdgePlan& edge : plan.edges) {
    out += fmt::format("{}.{} {} {}.{} {} {} {} {} {} join {} fork {}{}{}\n", edge.from.stage,
                       edge.from.port, edge.delivery == Delivery::Queue ? "->" : "~>",
                       edge.to.stage, edge.to.port, edge.capacity_items, edge.capacity_bytes,
                       edge.max_staleness ? std::to_string(*edge.max_staleness) : "-",
                       edge.when_full == WhenFull::Block, edge.accounted,
                       edge.join ? std::to_string(edge.join->join) : "-",
                       edge.fork ? std::to_string(*edge.fork) : "-",
                       edge.tasks ? " tasks " + canonical_text(*edge.tasks) : "",
                       edge.group ? " group" : "");
  }
  for (const JoinPlan& join : plan.joins) {
    if (!join.outer) continue;
    out += fmt::format("join {} ends {}.{}\n", join.index, join.outer->join, join.outer->branch);
  }
  for (const CallPlan& call : plan.calls) {
    out += fmt::format("{}.{} <-> {}.{} {} {}\n", call.from.stage, call.from.port, call.to.stage,
                       call.to.port, call.concurrency, duration_text(call.deadline));
  }
  if (plan.gate) {
    out += fmt::format("gate {} {} {} {} {} {}\n", plan.gate->stage, plan.gate->group_size,
                       plan.gate->prompts_per_step, plan.gate->max_staleness,
                       plan.gate->publish_every, plan.gate->groups_in_flight_max);
  }
  return out;
}

}  // namespace

Plan make_plan(const Draft& draft) {
  TROUPE_ASSERT(!draft.findings.has_errors(), "a plan of a graph with errors");
  Plan plan = PlanMaker::empty();
  plan.file = draft.file;
  make_run(draft, plan);
  make_models(draft, plan);
  const auto stages = make_stages(draft, plan);
  make_edges(draft, stages, plan);
  make_routes(draft, plan);
  make_calls(draft, stages, plan);
  if (draft.gate) {
    plan.gate = draft.gate;
    plan.gate->stage = stages[draft.gate->stage];
    if (draft.gate->learner) plan.gate->learner = stages[*draft.gate->learner];
  }
  plan.flow = draft.flow;
  plan.flow_origins = draft.flow_origins;
  plan.hash = hash_of(canonical_text(plan));
  return plan;
}

}  // namespace troupe::graphs
