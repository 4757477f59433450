#pragma once
// The text of a flow: "questions -> generate -> (check_math & check_format) -> reward", as a tree
// with spans. The parser goes on after a mistake, so that all mistakes of a line are found. What
// the tree means, and what of it makes no sense, is said in flow_lines.cpp. Values; pure functions;
// any bytes are accepted.
//
//   chain := node { arrow node }          arrow := "->" | "~>" | "<->"
//   node  := name [ "." name ] | "(" chain { "&" chain } ")" | "[" label ":" chain { "," ... } "]"
//   label := task { "|" task } | "else"   task  := name | "'" any text "'"
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "graphs/diagnostic.hpp"
#include "graphs/findings.hpp"

namespace troupe::graphs {

enum class Arrow { Queue, Latest, Call };
/// "->", "~>", "<->".
std::string_view text_of(Arrow arrow);

struct FlowRef {
  std::string stage;
  std::string port;  // empty: the default one
  Span span, stage_span, port_span;
};

struct FlowBranch;

struct FlowNode {
  enum class Type { Ref, All, Route };
  Type type = Type::Ref;
  Span span;
  FlowRef ref;                       // of Ref
  std::vector<FlowBranch> branches;  // of All: at least one; of Route
};

struct FlowArrow {
  Arrow arrow = Arrow::Queue;
  Span span;
};

/// nodes.size() == arrows.size() + 1, or both are empty after a mistake.
struct FlowChain {
  std::vector<FlowNode> nodes;
  std::vector<FlowArrow> arrows;
};

struct FlowTask {
  std::string name;
  Span span;
};

struct FlowBranch {
  std::vector<FlowTask> tasks;  // of a route; none: `else`
  bool otherwise = false;       // of a route: `else`
  Span label_span;
  FlowChain chain;
};

/// Turns bytes of a flow's text into spans of the source it was written in.
class FlowPlaces {
 public:
  /// `map` from literal_map; empty: every span is `whole`.
  FlowPlaces(Span whole, std::vector<std::uint32_t> map) : whole_(whole), map_(std::move(map)) {}
  Span span(std::size_t begin, std::size_t end) const;

 private:
  Span whole_;
  std::vector<std::uint32_t> map_;
};

/// What could be understood; mistakes are findings. No finding: the whole text was understood.
FlowChain parse_flow(std::string_view text, const FlowPlaces& places, Findings& findings);

/// The same text with one space around every arrow and `&`.
std::string text_of(const FlowChain& chain);

/// A name that a stage or model may have: letters, digits, '_' and '-', not first a digit or '-'.
bool is_stage_name(std::string_view name);

}  // namespace troupe::graphs
