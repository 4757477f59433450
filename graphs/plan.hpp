#pragma once
// Plan: the checked, fully defaulted form of a graph, which hosts build and run. Only load_graph
// (graphs/load.hpp) makes one, and only from a graph without errors, so whoever holds a Plan needs
// to check nothing: names resolve, types fit, joins fill, capacities hold the groups that assemble
// behind them. A value; read-only; any thread. It points into the Kinds it was made with, which
// must outlive it.
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graphs/contract.hpp"
#include "graphs/value.hpp"

namespace troupe::graphs {

struct Origin {
  enum class From { Default, File, Set };
  From from = From::Default;
  std::string place;  // "quickstart.toml:12", "--set stage.learn.seed=1" or "default"
};

struct OptionPlan {
  Value value;
  Origin origin;
  std::string written;  // of a path: as the person wrote it; the value is resolved
};
using Options = std::map<std::string, OptionPlan, std::less<>>;

struct RunPlan {
  std::string name;
  std::uint64_t seed = 0;
  std::uint64_t steps = 0;             // optimizer steps; 0: until the data ends
  std::uint64_t checkpoint_every = 0;  // steps; 0: only at the end
  std::uint64_t keep_checkpoints = 2;
  std::filesystem::path directory;                    // relative to the process, as written
  unsigned threads = 0;                               // 0: all cores
  Duration stall_timeout = std::chrono::minutes(20);  // without a finished step: it has failed
  std::optional<std::uint64_t> keep_samples_bytes;    // of the sample log; left out: all
  std::optional<std::uint64_t> keep_samples_steps;    // the newest so many; left out: all
  bool exact = false;  // the same bytes of weights in every run (DESIGN 4.9)
  Options options;     // the same as written, with origins
};

struct ModelPlan {
  std::string name;
  std::filesystem::path load;       // resolved against the graph file; empty when `from` is set
  std::string from;                 // another model that this one copies (reference model)
  std::uint64_t refresh_steps = 0;  // with `from`: copy again every so many steps; 0: never
  std::string dtype;                // "bf16" or "f32"
  Options options;
};

struct StagePlan {
  std::uint32_t index = 0;  // in Plan::stages; datasets use it as the id of their rows
  std::string name;
  std::string kind;
  const Contract* contract = nullptr;
  Options options;      // every option with a default or a value; paths resolved
  bool in_flow = true;  // false: only named as an option of another stage
  bool swap = false;    // is to be swapped while the graph runs; its kind allows that
  Origin origin;        // of its kind

  bool has(std::string_view option) const { return options.contains(option); }
  /// Aborts when the option is absent: ask `has` for options without a default.
  const Value& option(std::string_view name) const;
};

enum class WhenFull { Block, DropOldest };
enum class Conversion { None, AssembleGroups, SplitGroups };

/// An input or output of a stage of the plan.
struct PortRef {
  std::uint32_t stage = 0;
  std::string port;
  bool operator==(const PortRef&) const = default;
};

/// The tasks that a branch of a route takes.
struct TaskSet {
  std::vector<std::string> names;  // sorted, each once
  bool all_but = false;            // `else`: every task that is not in `names`

  bool contains(std::string_view task) const;
  std::string text() const;  // "math", "gsm | math", "else"
  bool operator==(const TaskSet&) const = default;
};

/// One branch of one ( & ).
struct BranchRef {
  std::uint32_t join = 0;    // in Plan::joins
  std::uint32_t branch = 0;  // in JoinPlan::branches
  bool operator==(const BranchRef&) const = default;
};

/// A queue (`->`) or a latest value (`~>`).
struct EdgePlan {
  std::uint32_t index = 0;
  std::string name;  // "reward -> learn", as [edge."..."] would call it
  PortRef from, to;
  MessageType type = MessageType::Sample;  // what travels: the type of `from`
  Delivery delivery = Delivery::Queue;
  std::uint64_t capacity_items = 0;  // of `type`; 1 for Latest
  std::uint64_t capacity_bytes = 0;
  std::optional<std::uint64_t> max_staleness;  // edges into a learner only
  WhenFull when_full = WhenFull::Block;
  /// The receiving end holds samples back until every sibling of their group has come or is known
  /// not to come, then gives those that came one after another, by sibling. Only on edges of
  /// samples into stages that take samples, and never on the end of a branch of a join.
  bool group = false;
  /// Exactly one of the ways out of a port is accounted, the others observe. The branches of one
  /// ( & ) are one way: their copies are one sample again at the join. So are the branches of one
  /// [ : ]: a sample goes down one of them.
  bool accounted = true;
  std::optional<BranchRef> join;           // this edge brings that branch to its end
  std::optional<std::uint32_t> fork;       // this edge begins a branch of that join
  std::optional<std::uint32_t> route;      // this edge begins a branch of that route
  std::optional<TaskSet> tasks;            // only prompts, samples and groups of these pass; with
                                           // `route`, and narrowed by the routes around it
  Conversion converts = Conversion::None;  // done by the receiving end
  Origin capacity_items_origin, capacity_bytes_origin, max_staleness_origin, when_full_origin,
      group_origin;

  /// Whether a message whose prompt is of this task goes down this edge.
  bool takes(std::string_view task) const { return !tasks || tasks->contains(task); }
};

/// `entrance -> (a & b) -> to`: one ticket per sample at the entrance, and `to` gets the sample
/// once, with what every branch added, when all `branches` have brought it. Several joins may end
/// at one port, beside edges that belong to none: after a route, a sample comes by one of them.
struct JoinPlan {
  std::uint32_t index = 0;
  PortRef entrance;  // the output that the branches copy
  PortRef to;
  std::vector<std::uint32_t> entries;  // edges out of the entrance (EdgePlan::fork)
  /// The edges that bring each branch to its end (EdgePlan::join). Of one branch, exactly one
  /// brings any one sample: several stand here after a route. None, if only other joins end it.
  std::vector<std::vector<std::uint32_t>> branches;
  /// What this join gives on does not enter `to`: it ends a branch of another join at the same
  /// port, as in `(x & [math: (a & b), else: c]) -> to`.
  std::optional<BranchRef> outer;
};

/// `entrance -> [math: a, gsm | aime: b, else: c]`: what leaves the entrance takes the one branch
/// whose tasks have the task of its prompt. A branch may begin with several edges (`( & )`), and a
/// route may stand in a branch of another. Tombstones take the branch that their sample would have
/// taken. load_graph has found that every task which the datasets can send has a branch.
struct RoutePlan {
  std::uint32_t index = 0;
  PortRef entrance;
  /// That begin its branches (EdgePlan::tasks), those of routes inside of it among them.
  std::vector<std::uint32_t> edges;
  /// Tasks that come to this route and have no branch (there is no `else`). Should one come all
  /// the same, what carries it ends as failed, and its tombstone goes down `edges.front()`.
  std::optional<TaskSet> without_branch;
};

/// `a <-> b`: stage `a` sends requests to the service `b`, which answers each (DESIGN 5). Calls are
/// acyclic. A service that stands in the flow too keeps `concurrency` slots for this caller apart,
/// and answers while its own output edges are full.
struct CallPlan {
  std::uint32_t index = 0;
  std::string name;  // "check <-> judge", as [edge."..."] would call it
  PortRef from;      // the caller, and the one of its contract's `calls` that it goes out of
  PortRef to;        // the service, and the one of its contract's `answers` that it goes to
  MessageType request = MessageType::Prompt;
  MessageType answer = MessageType::Sample;
  std::uint64_t concurrency = 1;  // calls open at once; more wait at the caller
  Duration deadline{};            // from a request to its answer; then the call failed: timeout
  Origin concurrency_origin, deadline_origin;
};

/// The admission gate (DESIGN 4.5).
struct GatePlan {
  std::uint32_t stage = 0;  // it stands before this stage
  std::uint32_t group_size = 1;
  std::optional<std::uint32_t> learner;  // absent: nothing learns, and only room limits admission
  std::uint64_t prompts_per_step = 0;    // 0 without a learner
  std::uint64_t max_staleness = 0;
  std::uint64_t publish_every = 1;
  /// Groups that may be unfinished at once: the batches that staleness allows; without a learner,
  /// what the edges hold where groups assemble.
  std::uint64_t groups_in_flight_max = 0;
};

class Plan {
 public:
  std::filesystem::path file;  // the graph file, as given
  RunPlan run;
  std::vector<ModelPlan> models;
  std::vector<StagePlan> stages;
  std::vector<EdgePlan> edges;
  std::vector<JoinPlan> joins;
  std::vector<RoutePlan> routes;
  std::vector<CallPlan> calls;
  std::optional<GatePlan> gate;
  std::vector<std::string> flow;     // the lines of [graph] flow, as written
  std::vector<Origin> flow_origins;  // of each line
  std::string hash;                  // 16 hex digits over everything that a run depends on

  const StagePlan* find_stage(std::string_view name) const;
  /// Abort when there is none.
  const StagePlan& stage(std::string_view name) const;
  const ModelPlan& model(std::string_view name) const;
  const EdgePlan& edge(std::string_view name) const;
  std::vector<const EdgePlan*> edges_into(std::uint32_t stage) const;
  std::vector<const EdgePlan*> edges_out_of(std::uint32_t stage) const;
  std::vector<const CallPlan*> calls_from(std::uint32_t stage) const;
  std::vector<const CallPlan*> calls_to(std::uint32_t stage) const;
  /// The stages that `stage` calls, directly or through others, ascending. Their versions count as
  /// part of the version of its verdicts.
  std::vector<std::uint32_t> callees_of(std::uint32_t stage) const;

 private:
  friend struct PlanMaker;
  Plan() = default;
};

}  // namespace troupe::graphs
