#pragma once
// Plans and contracts for people: drawings, `troupe plan`, `troupe kinds`. Pure functions from
// values to text that ends with a newline.
#include <map>
#include <string>
#include <string_view>

#include "graphs/contract.hpp"
#include "graphs/plan.hpp"
#include "graphs/resources.hpp"

namespace troupe::graphs {

/// The flow as lines and boxes, at most `width` columns where names allow.
std::string draw_text(const Plan& plan, int width = 100);
/// For Graphviz: `troupe draw --format dot FILE | dot -Tsvg`.
std::string draw_dot(const Plan& plan);
/// For a ```mermaid block of a Markdown page.
std::string draw_mermaid(const Plan& plan);
/// A picture of its own, for light and dark pages.
std::string draw_svg(const Plan& plan);

/// Everything resolved, each value with where it came from; with `resources` also what it needs of
/// the machine.
std::string print_plan(const Plan& plan, const Resources* resources = nullptr);
std::string plan_json(const Plan& plan, const Resources* resources = nullptr);

/// One line per kind.
std::string print_kinds(const Kinds& kinds);
/// Ports and options of one kind.
std::string print_kind(const Contract& contract);
std::string kinds_json(const Kinds& kinds);

/// One page of Markdown: all sections, kinds and codes. `examples` maps codes to a message as
/// `troupe check` prints it.
std::string print_reference(const Kinds& kinds, const std::map<std::string, std::string>& examples);

}  // namespace troupe::graphs
