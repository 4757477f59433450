#pragma once
// Draft: a graph while it is being checked. Unlike a Plan it may have holes (a stage of an unknown
// kind, an edge to nowhere), so that every check can run and find its own problems. Internal to
// this folder; one owner (load_graph). The checks run in the order below, each in a file of its
// own, and only a draft without errors becomes a Plan.
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graphs/compose.hpp"
#include "graphs/contract.hpp"
#include "graphs/findings.hpp"
#include "graphs/flow.hpp"
#include "graphs/load.hpp"
#include "graphs/plan.hpp"
#include "graphs/raw.hpp"
#include "graphs/tests.hpp"

namespace troupe::graphs {

struct DraftOption {
  Value value;
  Origin origin;
  Span key_span, value_span;              // of written options
  std::map<std::string, Span> key_spans;  // of the keys of a table
  std::vector<Span> item_spans;           // of the items of a list
  std::string written;                    // of a path: before it was resolved
};
using DraftOptions = std::map<std::string, DraftOption, std::less<>>;

struct DraftStage {
  std::string name;
  Span name_span;                      // in [stage.NAME]
  Span kind_span;                      // the value of `kind`
  const Contract* contract = nullptr;  // null: unknown kind
  DraftOptions options;
  bool in_flow = false;
  bool referenced = false;        // an option of another stage names it
  std::optional<Span> flow_span;  // where the flow names it first
};

struct DraftModel {
  std::string name;
  Span name_span;
  DraftOptions options;
  bool used = false;
};

struct DraftEdge {
  std::uint32_t from = 0, to = 0;  // indices of stages
  const PortSpec* out = nullptr;
  const PortSpec* in = nullptr;
  Delivery delivery = Delivery::Queue;
  Span arrow_span, from_span, to_span;
  std::optional<BranchRef> join;
  std::optional<std::uint32_t> fork, route;
  std::optional<TaskSet> tasks;
  bool accounted = false;

  std::optional<Count> capacity_count;  // as written; capacity_items is the same in messages
  std::optional<std::uint64_t> capacity_items, capacity_bytes, max_staleness;
  WhenFull when_full = WhenFull::Block;
  bool group = false;
  Origin capacity_items_origin, capacity_bytes_origin, max_staleness_origin, when_full_origin,
      group_origin;
  Span capacity_span, max_staleness_span, when_full_span, group_span;
  std::optional<Span> policy_span;  // the name in [edge."..."]
};

struct DraftJoin {
  Span span;                       // of ( & )
  std::vector<Span> branch_spans;  // what ends each branch
  bool at_start = false;           // nothing is written before it
  bool void_ = false;              // it turned out to be a plain merge of several sources
  std::uint32_t to = 0;
  std::vector<std::vector<std::uint32_t>> branches;  // edges that end each
  std::optional<BranchRef> outer;
  // Known after resolve_joins:
  std::optional<std::uint32_t> entrance;  // stage
  std::vector<std::uint32_t> entries;     // edges out of it
  std::vector<std::uint32_t> inside;      // all edges from the entrance to the ends
};

struct DraftRoute {
  struct Branch {
    Span label_span;
    TaskSet tasks;  // narrowed by the routes around it
    std::vector<FlowTask> named;
  };
  Span span;
  std::optional<std::uint32_t> outer;     // the route in whose branch this one stands
  std::optional<TaskSet> within;          // what comes to it there
  std::optional<TaskSet> without_branch;  // without `else`
  std::vector<Branch> branches;
  std::vector<std::uint32_t> edges;  // that begin its branches, and those of routes inside
};

struct DraftCall {
  std::uint32_t from = 0, to = 0;  // stages
  const CallSpec* out = nullptr;
  const CallSpec* in = nullptr;
  Span arrow_span, from_span, to_span;
  std::optional<std::uint64_t> concurrency;
  std::optional<Duration> deadline;
  Origin concurrency_origin, deadline_origin;
  std::optional<Span> policy_span;
};

struct DraftExpectation {
  Expectation plan;
  Span key_span;
  std::vector<Span> spans;  // of the values
};

struct DraftTest {
  TestPlan plan;  // what is known of it so far
  std::string from;
  std::vector<DraftExpectation> expectations;
  Span span;  // of its name, else the whole table
  Span to_span, from_span;
};

struct Draft {
  Draft(const Kinds& kinds_, const Sources& sources_, Findings& findings_)
      : kinds(kinds_), sources(sources_), findings(findings_) {}

  const Kinds& kinds;
  const Sources& sources;
  Findings& findings;
  std::filesystem::path file;
  LoadOptions load_options;
  std::vector<Removal> removals;
  std::vector<std::uint32_t> layers;   // sources, from the lowest
  std::optional<Span> kind_span;       // of the `kind` whose options are read
  std::vector<ArtifactRef> artifacts;  // what paths of a recipe name

  DraftOptions run;
  std::vector<DraftModel> models;
  std::vector<DraftStage> stages;
  std::vector<std::string> flow;
  std::vector<Origin> flow_origins;  // of each line
  std::vector<DraftEdge> edges;
  std::vector<DraftJoin> joins;
  std::vector<DraftTest> tests;
  std::vector<DraftRoute> routes;
  std::vector<DraftCall> calls;
  std::optional<GatePlan> gate;
  Span flow_span;
  bool flow_broken = false;  // part of the flow was not understood: what it connects is unknown
  bool cyclic = false;

  DraftStage* find_stage(std::string_view name);
  DraftModel* find_model(std::string_view name);
  std::vector<std::string> stage_names() const;
  /// "a -> b", with ports where they are not the default ones.
  std::string name_of_edge(const DraftEdge& edge) const;
  std::string name_of_call(const DraftCall& call) const;
  /// After the last edge was added; before it, the two below find nothing.
  void index_edges();
  const std::vector<std::uint32_t>& queues_into(std::uint32_t stage) const;
  const std::vector<std::uint32_t>& queues_out_of(std::uint32_t stage) const;
  /// Stages that no queue enters first, every other one behind all that lead to it. Without those
  /// on a cycle.
  std::vector<std::uint32_t> in_order() const;
  /// Stages from which queues lead to `stage`, without itself.
  std::vector<bool> upstream_of(std::uint32_t stage) const;
  std::vector<bool> downstream_of(std::uint32_t stage) const;
  const DraftOption* option(std::uint32_t stage, std::string_view name) const;
  std::uint64_t integer_option(std::uint32_t stage, std::string_view name,
                               std::uint64_t otherwise) const;
  /// Where a person looks for the stage: in the flow, else its header.
  Span place_of(std::uint32_t stage) const;
  Origin origin_of(const Span& span) const;
  /// Whether `a` was written in a file that lies below that of `b`.
  bool lies_below(const Span& a, const Span& b) const;
  /// Whether a `remove` took away what `found` misses ("stage.NAME"); then it says so.
  bool removed(Diagnostic& found, std::string_view path) const;

 private:
  std::vector<std::vector<std::uint32_t>> queues_in_, queues_out_;
  std::map<std::string, std::uint32_t, std::less<>> stage_index_;
};

// options.cpp: one table against the options of a contract. `owner` is how people call it:
// "stage `learn`". `header` is where a missing option is missed.
DraftOptions read_options(Draft& draft, const RawNode& table, const std::vector<OptionSpec>& specs,
                          const std::vector<std::string>& other_keys, const std::string& owner,
                          Span header);
/// The text of a value from --set that TOML took for a number.
const std::string* text_of_node(const Draft& draft, const RawNode& node, std::string& storage);

// sections.cpp: format, [run], [model.*], [stage.*] and everything that is no section.
void read_sections(Draft& draft, const RawNode& root);
// references.cpp: options that name models and stages; files that must exist.
void check_references(Draft& draft);
// flow_edges.cpp: the lines of [graph] flow as edges between ports.
void read_flow(Draft& draft, const RawNode& root);
// shape.cpp: cycles, inputs that nothing feeds, outputs that go nowhere, unused stages.
void check_shape(Draft& draft);
// joins.cpp: entrances of joins, and whether every sample brings every branch to its end.
void resolve_joins(Draft& draft);
// accounts.cpp: which way out of a port is accounted, and samples that come twice.
void account_ways(Draft& draft);
// routes.cpp: tasks and branches, against what the datasets send.
void check_routes(Draft& draft);
// calls.cpp: cycles of calls, ports that call nobody or two.
void check_calls(Draft& draft);
// groups.cpp: whether whole groups reach every stage that waits for them.
void check_whole_groups(Draft& draft);
// edge_sections.cpp: [edge."..."].
void read_policies(Draft& draft, const RawNode& root);
// policies.cpp: the gate, capacities, staleness.
void place_gate(Draft& draft);
void check_policies(Draft& draft);
// mixing.cpp: weights of datasets, and data that is both trained and measured.
void check_data(Draft& draft);
// verdicts.cpp: weights of verdicts.
void check_weights(Draft& draft);

// read_tests.cpp: [[test]] tables as written.
void read_tests(Draft& draft, const RawNode& root);
// check_tests.cpp: what they mean for a graph that has a plan.
std::vector<TestPlan> check_tests(Draft& draft, const Plan& plan);

/// Contracts of the sections that are no stages.
const std::vector<OptionSpec>& run_options();
const std::vector<OptionSpec>& model_options();
/// Options that every stage has besides those of its kind.
const std::vector<OptionSpec>& stage_options();

// resources.cpp: memory against [run] memory and the machine.
void check_memory(Draft& draft, const Plan& plan);

// make_plan.cpp: only for a draft without errors.
Plan make_plan(const Draft& draft);

}  // namespace troupe::graphs
