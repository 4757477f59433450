#pragma once
// Picture: what every drawing of a plan says, whatever it is drawn with: the lines of a box, the
// notes of an edge, the gate, and the part that a stage plays (drawings colour by it). Pure
// functions; any thread; nothing can fail.
#include <string>
#include <string_view>
#include <vector>

#include "graphs/plan.hpp"

namespace troupe::graphs {

enum class Role { Data, Generator, Verifier, Reward, Learner, Evaluator, Other };
inline constexpr Role kRoles[] = {Role::Data,    Role::Generator, Role::Verifier, Role::Reward,
                                  Role::Learner, Role::Evaluator, Role::Other};
/// "data", "generator", ...: the class of a box in SVG and Mermaid.
std::string_view name_of(Role role);
Role role_of(const Contract& contract);

/// An option of a stage beside the flow that names other stages: what it takes its work from.
struct StageUse {
  std::string option, stage;
};
std::vector<StageUse> uses_of(const StagePlan& stage);

/// Name, kind (with the model it runs), and what it takes its work from.
std::vector<std::string> box_lines(const StagePlan& stage);

/// What is worth saying of an edge, the shortest first words of each: the port where it is not the
/// default one, what travels, conversion, staleness, capacity where the graph sets one.
std::vector<std::string> edge_notes(const Plan& plan, const EdgePlan& edge);

/// The same of what a join gives on to its stage.
std::vector<std::string> join_notes(const Plan& plan, const JoinPlan& join);
/// "calls", and how many at once and for how long where the graph says so.
std::vector<std::string> call_notes(const CallPlan& call);

/// "at most 16 groups of 8 in flight". The plan has a gate.
std::string gate_note(const Plan& plan);
/// Whether the edge passes the gate.
bool enters_gate(const Plan& plan, const EdgePlan& edge);

/// What HTML, XML and the labels of Graphviz give a meaning is escaped.
std::string xml_escaped(std::string_view text);

}  // namespace troupe::graphs
