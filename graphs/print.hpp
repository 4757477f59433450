#pragma once
// Plans and contracts for people: drawings, `troupe plan`, `troupe kinds`. Pure functions from
// values to text that ends with a newline.
#include <string>
#include <string_view>

#include "graphs/contract.hpp"
#include "graphs/plan.hpp"

namespace troupe::graphs {

/// The flow as lines and boxes, at most `width` columns where names allow.
std::string draw_text(const Plan& plan, int width = 100);
/// For Graphviz: `troupe draw --dot FILE | dot -Tsvg`.
std::string draw_dot(const Plan& plan);

/// Everything resolved, each value with where it came from.
std::string print_plan(const Plan& plan);
std::string plan_json(const Plan& plan);

/// One line per kind.
std::string print_kinds(const Kinds& kinds);
/// Ports and options of one kind.
std::string print_kind(const Contract& contract);
std::string kinds_json(const Kinds& kinds);

}  // namespace troupe::graphs
