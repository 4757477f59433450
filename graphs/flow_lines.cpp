#include "graphs/flow_lines.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace troupe::graphs {
namespace {

// One arrow between two brackets multiplies their branches; no file needs more.
constexpr std::size_t kMostConnections = 4096;

using Refs = std::vector<const FlowNode*>;

bool same_ref(const FlowNode& a, const FlowNode& b) {
  return a.ref.stage == b.ref.stage && a.ref.port == b.ref.port;
}

const FlowNode* find_route(const FlowNode& node) {
  if (node.type == FlowNode::Type::Route) return &node;
  for (const FlowBranch& branch : node.branches) {
    for (const FlowNode& inner : branch.chain.nodes) {
      if (const FlowNode* found = find_route(inner)) return found;
    }
  }
  return nullptr;
}

/// A route at the beginning of the node, so that what leads into the node must choose.
const FlowNode* route_at_front(const FlowNode& node) {
  if (node.type == FlowNode::Type::Route) return &node;
  for (const FlowBranch& branch : node.branches) {
    if (const FlowNode* found = route_at_front(branch.chain.nodes.front())) return found;
  }
  return nullptr;
}

/// What leaves a node: the last stages of its branches.
void add_tails(const FlowNode& node, Refs& out) {
  if (node.type == FlowNode::Type::Ref) {
    out.push_back(&node);
    return;
  }
  Refs inside;
  for (const FlowBranch& branch : node.branches) add_tails(branch.chain.nodes.back(), inside);
  for (const FlowNode* ref : inside) {
    // Branches of a route may end in one stage: a sample comes to it by one of them.
    const bool again =
        node.type == FlowNode::Type::Route &&
        std::any_of(out.begin(), out.end(), [&](const FlowNode* o) { return same_ref(*o, *ref); });
    if (!again) out.push_back(ref);
  }
}

Refs tails_of(const FlowNode& node) {
  Refs out;
  add_tails(node, out);
  return out;
}

/// The branches of ( & ), those of a ( & ) that is a whole branch among them.
void add_joined(const FlowNode& node, Refs& out) {
  for (const FlowBranch& branch : node.branches) {
    const FlowNode& last = branch.chain.nodes.back();
    if (last.type == FlowNode::Type::All) {
      add_joined(last, out);
    } else {
      out.push_back(&last);
    }
  }
}

class Line {
 public:
  explicit Line(Draft& draft) : draft_(draft) {}

  std::vector<Connection> run(const FlowChain& line) {
    if (line.nodes.empty()) return {};
    if (const FlowNode* route = route_at_front(line.nodes.front())) {
      broken(codes::kMisplacedRoute, "no stage stands before this route", route->span,
             "nothing comes that could be parted")
          .help.push_back("write the stage whose samples it parts: generate -> [math: a, else: b]");
    }
    chain(line, true);
    return std::move(out_);
  }

 private:
  struct Head {
    const FlowNode* node = nullptr;
    std::optional<std::uint32_t> route;
    std::optional<TaskSet> tasks;
  };

  Diagnostic& broken(std::string_view code, std::string message, Span span, std::string label) {
    draft_.flow_broken = true;
    return draft_.findings.error(code, std::move(message), span, std::move(label));
  }

  void chain(const FlowChain& chain, bool outermost) {
    for (std::size_t i = 0; i < chain.nodes.size(); ++i) {
      for (const FlowBranch& branch : chain.nodes[i].branches) this->chain(branch.chain, false);
      if (i > 0) arrow(chain, i - 1, outermost);
    }
  }

  void arrow(const FlowChain& chain, std::size_t i, bool outermost) {
    const FlowArrow& arrow = chain.arrows[i];
    if (arrow.arrow != Arrow::Call || check_call(chain, i, outermost)) {
      link(chain.nodes[i], arrow, chain.nodes[i + 1], outermost && i == 0);
    }
  }

  /// Behind a call it would be a riddle whose samples go on.
  bool check_call(const FlowChain& chain, std::size_t i, bool outermost) {
    const bool last =
        std::all_of(chain.arrows.begin() + static_cast<std::ptrdiff_t>(i), chain.arrows.end(),
                    [](const FlowArrow& a) { return a.arrow == Arrow::Call; });
    if (last && outermost) return true;
    const Refs callers = tails_of(chain.nodes[i]);
    const auto name = [](const FlowNode& node) {
      return node.type == FlowNode::Type::Ref ? node.ref.stage : std::string("SERVICE");
    };
    const std::string caller = callers.size() == 1 ? callers.front()->ref.stage : "CALLER";
    Diagnostic& found =
        broken(codes::kMisplacedCall,
               outermost ? "a call in the middle of a line" : "a call inside brackets",
               chain.arrows[i].span, "a call stands at the end of a line, outside of brackets");
    found.help.push_back(
        fmt::format("write it on a line of its own, \"{0} <-> {1}\", and lead the samples on from "
                    "the stage that calls: {0} -> ...",
                    caller, name(chain.nodes[i + 1])));
    return false;
  }

  void link(const FlowNode& left, const FlowArrow& arrow, const FlowNode& right, bool at_start) {
    if (arrow.arrow != Arrow::Queue) return cross(left, arrow, right);
    const Refs from = tails_of(left);
    std::vector<Head> to;
    const bool chooses = route_at_front(right) != nullptr;
    if (from.size() == 1 || !chooses) heads(right, {}, to);
    if (from.size() > 1 && (chooses || to.size() > 1)) return in_a_row(left, arrow, right, chooses);
    if (from.size() == 1) {
      for (const Head& head : to) {
        out_.push_back({from.front(), head.node, arrow, std::nullopt, head.route, head.tasks});
      }
      return;
    }
    end_branches(left, arrow, *to.front().node, at_start, std::nullopt);
  }

  void in_a_row(const FlowNode& left, const FlowArrow& arrow, const FlowNode& right, bool chooses) {
    const bool joins = left.type == FlowNode::Type::All;
    Diagnostic& found = broken(codes::kBranchesInARow, "branches that lead straight into branches",
                               arrow.span, "a stage must stand here");
    found.secondary.push_back({left.span, joins ? "these are joined" : "a sample comes by one"});
    found.secondary.push_back({right.span, "these begin anew"});
    found.help.push_back(fmt::format("put a stage between: {} -> stage -> {}",
                                     joins ? "(a & b)" : "[math: a, else: b]",
                                     chooses ? "[code: c, else: d]" : "(c & d)"));
  }

  /// `~>` and `<->`: every stage on the left with every one on the right.
  void cross(const FlowNode& left, const FlowArrow& arrow, const FlowNode& right) {
    const bool call = arrow.arrow == Arrow::Call;
    for (const FlowNode* node : {&left, &right}) {
      const FlowNode* route = find_route(*node);
      if (!route) continue;
      Diagnostic& found =
          broken(codes::kMisplacedRoute,
                 call ? "a route cannot call or be called" : "weights have no task to go by",
                 route->span, "only what `->` carries takes one branch of several");
      found.secondary.push_back({arrow.span, call ? "a call" : "the latest value"});
      found.help.push_back(call ? "call a service from the stages that need it, a line for each"
                                : "give the value to all of them: learn.weights ~> (a & b)");
      return;
    }
    const Refs from = tails_of(left);
    std::vector<Head> to;
    heads(right, {}, to);
    if (from.size() * to.size() > kMostConnections) {
      broken(codes::kTooMany,
             fmt::format("this arrow connects {} x {} stages", from.size(), to.size()), arrow.span,
             fmt::format("at most {} connections", kMostConnections))
          .help.push_back("give the value by fewer stages");
      return;
    }
    for (const FlowNode* tail : from) {
      for (const Head& head : to) out_.push_back({tail, head.node, arrow, {}, {}, {}});
    }
  }

  void heads(const FlowNode& node, const Head& way, std::vector<Head>& out) {
    if (node.type == FlowNode::Type::Ref) {
      out.push_back({&node, way.route, way.tasks});
      return;
    }
    Head inner = way;
    if (node.type == FlowNode::Type::Route) inner.route = add_route(node, way);
    for (const FlowBranch& branch : node.branches) {
      if (node.type == FlowNode::Type::Route) {
        const TaskSet own = tasks_of(node, branch);
        inner.tasks = way.tasks ? narrowed(*way.tasks, own) : own;
      }
      heads(branch.chain.nodes.front(), inner, out);
    }
  }

  static TaskSet tasks_of(const FlowNode& route, const FlowBranch& branch) {
    TaskSet out;
    out.all_but = branch.otherwise;
    for (const FlowBranch& other : route.branches) {
      if (!branch.otherwise && &other != &branch) continue;
      for (const FlowTask& task : other.tasks) out.names.push_back(task.name);
    }
    std::sort(out.names.begin(), out.names.end());
    out.names.erase(std::unique(out.names.begin(), out.names.end()), out.names.end());
    return out;
  }

  std::uint32_t add_route(const FlowNode& node, const Head& way) {
    check_labels(node);
    DraftRoute route;
    route.span = node.span;
    route.outer = way.route;
    route.within = way.tasks;
    TaskSet rest{{}, true};
    for (const FlowBranch& branch : node.branches) {
      const TaskSet own = tasks_of(node, branch);
      route.branches.push_back(
          {branch.label_span, way.tasks ? narrowed(*way.tasks, own) : own, branch.tasks});
      if (branch.otherwise) rest = TaskSet{};
      for (const FlowTask& task : branch.tasks) {
        if (rest.all_but) rest.names.push_back(task.name);
      }
    }
    std::sort(rest.names.begin(), rest.names.end());
    if (way.tasks) rest = narrowed(*way.tasks, rest);
    if (rest.all_but || !rest.names.empty()) route.without_branch = std::move(rest);
    draft_.routes.push_back(std::move(route));
    return static_cast<std::uint32_t>(draft_.routes.size() - 1);
  }

  void check_labels(const FlowNode& node) {
    std::map<std::string, Span> seen;
    const FlowBranch* otherwise = nullptr;
    for (const FlowBranch& branch : node.branches) {
      if (branch.otherwise && otherwise) {
        Diagnostic& found = broken(codes::kTaskTwice, "this route has two branches `else`",
                                   branch.label_span, "again here");
        found.secondary.push_back({otherwise->label_span, "the first"});
        found.help.push_back("name the tasks of one of them, or join both: else: (a & b)");
      }
      if (branch.otherwise) otherwise = &branch;
      for (const FlowTask& task : branch.tasks) {
        const auto [first, fresh] = seen.emplace(task.name, task.span);
        if (fresh) continue;
        Diagnostic& found =
            broken(codes::kTaskTwice, fmt::format("two branches take the task `{}`", task.name),
                   task.span, "again here");
        found.secondary.push_back({first->second, "it goes here already"});
        found.help.push_back(fmt::format(
            "a sample goes down one branch; to send it into both stages write {}: (a & b)",
            task.name));
      }
    }
  }

  /// Connects what ends `node` with `to`; what it gives is a branch of `outer`, if that is set.
  void end_branches(const FlowNode& node, const FlowArrow& arrow, const FlowNode& to, bool at_start,
                    std::optional<BranchRef> outer) {
    if (node.type == FlowNode::Type::Ref) {
      out_.push_back({&node, &to, arrow, outer, std::nullopt, std::nullopt});
      return;
    }
    if (node.type == FlowNode::Type::Route) {
      Refs seen;
      for (const FlowBranch& branch : node.branches) {
        const FlowNode& last = branch.chain.nodes.back();
        const bool again = last.type == FlowNode::Type::Ref &&
                           std::any_of(seen.begin(), seen.end(),
                                       [&](const FlowNode* o) { return same_ref(*o, last); });
        if (again) continue;
        if (last.type == FlowNode::Type::Ref) seen.push_back(&last);
        end_branches(last, arrow, to, at_start, outer);
      }
      return;
    }
    Refs branches;
    add_joined(node, branches);
    if (branches.size() == 1) return end_branches(*branches[0], arrow, to, at_start, outer);
    const auto join = static_cast<std::uint32_t>(draft_.joins.size());
    DraftJoin& added = draft_.joins.emplace_back();
    added.span = node.span;
    added.at_start = at_start;
    added.outer = outer;
    added.branches.resize(branches.size());
    for (const FlowNode* branch : branches) added.branch_spans.push_back(branch->span);
    for (std::uint32_t i = 0; i < branches.size(); ++i) {
      end_branches(*branches[i], arrow, to, at_start, BranchRef{join, i});
    }
  }

  Draft& draft_;
  std::vector<Connection> out_;
};

void add_refs(const FlowChain& chain, Refs& out) {
  for (const FlowNode& node : chain.nodes) {
    if (node.type == FlowNode::Type::Ref) out.push_back(&node);
    for (const FlowBranch& branch : node.branches) add_refs(branch.chain, out);
  }
}

}  // namespace

std::vector<Connection> connections_of(Draft& draft, const FlowChain& line) {
  return Line(draft).run(line);
}

Refs refs_of(const FlowChain& chain) {
  Refs out;
  add_refs(chain, out);
  return out;
}

TaskSet narrowed(const TaskSet& a, const TaskSet& b) {
  TaskSet out;
  out.all_but = a.all_but && b.all_but;
  if (out.all_but) {
    std::set_union(a.names.begin(), a.names.end(), b.names.begin(), b.names.end(),
                   std::back_inserter(out.names));
    return out;
  }
  const TaskSet& named = a.all_but ? b : a;
  const TaskSet& other = a.all_but ? a : b;
  for (const std::string& name : named.names) {
    if (other.contains(name)) out.names.push_back(name);
  }
  return out;
}

}  // namespace troupe::graphs
