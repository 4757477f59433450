// Where the samples of a join come from, and whether every one of them brings every branch to its
// end exactly once. Needs a flow without cycles whose edges all have ports.
#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "graphs/task_flow.hpp"

namespace troupe::graphs {
namespace {

/// The stages that every way from a source to a stage passes (dominators), as a tree. Fits the
/// draft as it is: joins change no way.
class Passed {
 public:
  explicit Passed(const Draft& draft) : up_(draft.stages.size(), kNone), depth_(up_.size(), 1) {
    for (const std::uint32_t stage : draft.in_order()) {
      std::optional<std::uint32_t> common;
      bool first = true;
      for (const std::uint32_t edge : draft.queues_into(stage)) {
        const std::uint32_t from = draft.edges[edge].from;
        common = first ? std::optional(from) : common ? shared(*common, from) : std::nullopt;
        first = false;
      }
      if (!common) continue;
      up_[stage] = *common;
      depth_[stage] = depth_[*common] + 1;
    }
  }

  /// The last stage that all ways to `a` and all ways to `b` pass; it may be `a` or `b`.
  std::optional<std::uint32_t> shared(std::uint32_t a, std::uint32_t b) const {
    while (a != b) {
      std::uint32_t& deeper = depth_[a] >= depth_[b] ? a : b;
      if (up_[deeper] == kNone) return std::nullopt;
      deeper = up_[deeper];
    }
    return a;
  }

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;
  std::vector<std::uint32_t> up_, depth_;
};

class Resolver {
 public:
  Resolver(Draft& draft, const TaskFlow& tasks) : draft_(draft), tasks_(tasks), passed_(draft) {}

  void resolve(std::uint32_t index) {
    join_ = index;
    DraftJoin& join = draft_.joins[index];
    ends_ = ends_of(index);
    if (join.branches.size() < 2 || ends_.empty()) return;
    std::optional<std::uint32_t> entrance = draft_.edges[ends_.front()].from;
    for (const std::uint32_t end : ends_) {
      if (entrance) entrance = passed_.shared(*entrance, draft_.edges[end].from);
    }
    if (!entrance) {
      if (join.at_start && apart()) return merge();
      return different_sources();
    }
    find_inside(*entrance);
    if (!one_port()) return;
    join.entrance = entrance;
    if (check_types() && check_counts()) return;
    join.entrance.reset();
  }

 private:
  /// Edges into the stage behind the join that end it or a join inside of it.
  std::vector<std::uint32_t> ends_of(std::uint32_t index) const {
    std::vector<std::uint32_t> out;
    for (const auto& branch : draft_.joins[index].branches) {
      out.insert(out.end(), branch.begin(), branch.end());
    }
    for (std::uint32_t i = index + 1; i < draft_.joins.size(); ++i) {
      if (!draft_.joins[i].outer || draft_.joins[i].outer->join != index) continue;
      const auto inner = ends_of(i);
      out.insert(out.end(), inner.begin(), inner.end());
    }
    return out;
  }

  bool apart() const {
    std::vector<bool> seen(draft_.stages.size());
    const auto& branches = draft_.joins[join_].branches;
    for (std::uint32_t branch = 0; branch < branches.size(); ++branch) {
      std::set<std::uint32_t> here;
      std::vector<std::uint32_t> open;
      for (const std::uint32_t end : ends_) {
        if (ends_branch(end, branch)) open.push_back(draft_.edges[end].from);
      }
      while (!open.empty()) {
        const std::uint32_t stage = open.back();
        open.pop_back();
        if (!here.insert(stage).second) continue;
        for (const std::uint32_t edge : draft_.queues_into(stage)) {
          open.push_back(draft_.edges[edge].from);
        }
      }
      for (const std::uint32_t stage : here) {
        if (seen[stage]) return false;
        seen[stage] = true;
      }
    }
    return true;
  }

  bool ends_branch(std::uint32_t edge, std::uint32_t branch) const {
    for (auto end = draft_.edges[edge].join; end; end = draft_.joins[end->join].outer) {
      if (end->join == join_) return end->branch == branch;
    }
    return false;
  }

  /// "(math & chat) -> generate": sources of their own, whose samples have nothing to be joined by.
  void merge() {
    draft_.joins[join_].void_ = true;
    for (const auto& branch : draft_.joins[join_].branches) {
      for (const std::uint32_t end : branch) draft_.edges[end].join.reset();
    }
    for (DraftJoin& inner : draft_.joins) {
      if (inner.outer && inner.outer->join == join_) inner.outer.reset();
    }
  }

  Diagnostic& cannot_fill(std::string message) {
    const DraftJoin& join = draft_.joins[join_];
    return draft_.findings.error(
        codes::kJoinCannotFill, std::move(message), join.span,
        fmt::format("`{}` would wait for ever for the rest", draft_.stages[join.to].name));
  }

  void different_sources() {
    Diagnostic& found = cannot_fill("these branches do not see the same samples");
    std::set<std::uint32_t> tops;
    for (const std::uint32_t end : ends_) {
      std::uint32_t top = draft_.edges[end].from;
      while (draft_.queues_into(top).size() == 1) {
        top = draft_.edges[draft_.queues_into(top).front()].from;
      }
      tops.insert(top);
    }
    for (const std::uint32_t top : tops) {
      const auto& in = draft_.queues_into(top);
      if (in.empty()) found.secondary.push_back({draft_.place_of(top), "some begin here"});
      for (const std::uint32_t edge : in) {
        found.secondary.push_back(
            {draft_.edges[edge].arrow_span, fmt::format("some reach `{}` this way", name(top))});
      }
    }
    found.help.push_back(
        "every branch of ( & ) must get its samples from the one stage before it, and from nowhere "
        "else: lead the others into that stage, or write lines of their own without ( & )");
  }

  /// Everything on the ways from the entrance to the ends.
  void find_inside(std::uint32_t entrance) {
    DraftJoin& join = draft_.joins[join_];
    std::set<std::uint32_t> edges(ends_.begin(), ends_.end());
    std::vector<std::uint32_t> open(ends_);
    inside_stages_.clear();
    while (!open.empty()) {
      const std::uint32_t stage = draft_.edges[open.back()].from;
      open.pop_back();
      if (stage == entrance || !inside_stages_.insert(stage).second) continue;
      for (const std::uint32_t edge : draft_.queues_into(stage)) {
        if (edges.insert(edge).second) open.push_back(edge);
      }
    }
    join.inside.assign(edges.begin(), edges.end());
    join.entries.clear();
    for (const std::uint32_t edge : join.inside) {
      if (draft_.edges[edge].from == entrance) join.entries.push_back(edge);
    }
  }

  bool one_port() {
    const DraftJoin& join = draft_.joins[join_];
    const PortSpec* port = draft_.edges[join.entries.front()].out;
    const bool same =
        std::all_of(join.entries.begin(), join.entries.end(),
                    [&](std::uint32_t entry) { return draft_.edges[entry].out == port; });
    if (same) return true;
    Diagnostic& found = cannot_fill("these branches do not see the same samples");
    for (const std::uint32_t entry : join.entries) {
      const DraftEdge& edge = draft_.edges[entry];
      found.secondary.push_back({edge.from_span, fmt::format("by output `{}`", edge.out->name)});
    }
    found.help.push_back("a sample leaves a stage by one of its outputs only");
    return false;
  }

  bool is_end(std::uint32_t edge) const {
    return std::find(ends_.begin(), ends_.end(), edge) != ends_.end();
  }

  bool check_types() {
    const DraftJoin& join = draft_.joins[join_];
    const MessageType wanted = draft_.edges[join.entries.front()].out->type;
    const bool prompts = wanted == MessageType::Prompt;
    for (const std::uint32_t i : join.inside) {
      const DraftEdge& edge = draft_.edges[i];
      const bool makes = edge.out->type != wanted;
      if (!makes && (is_end(i) || edge.in->type == wanted)) continue;
      const std::string& stage = name(makes ? edge.from : edge.to);
      Diagnostic& found = draft_.findings.error(
          codes::kGroupsInBranch,
          prompts ? fmt::format("`{}` answers prompts inside a branch of ( & )", stage)
                  : fmt::format("`{}` works on whole groups inside a branch of ( & )", stage),
          makes ? edge.from_span : edge.to_span,
          prompts ? "answers of two branches belong to different samples"
                  : "the other branches bring single samples");
      found.secondary.push_back({draft_.edges[ends_.front()].to_span, "they are joined here"});
      found.help.push_back(prompts ? "move it before the branches: generate -> (a & b) -> reward"
                                   : "move it behind the join: (a & b) -> reward -> filter");
      return false;
    }
    if (wanted == MessageType::Sample) return true;
    Diagnostic& found = draft_.findings.error(
        codes::kGroupsInBranch,
        fmt::format("( & ) joins samples, and `{}` gives {}s",
                    name(draft_.edges[join.entries.front()].from), name_of(wanted)),
        join.span, fmt::format("these branches work on {}s", name_of(wanted)));
    found.secondary.push_back({draft_.edges[join.entries.front()].from_span,
                               fmt::format("its output gives {}s", name_of(wanted))});
    found.help.push_back("write them one behind the other: a -> b");
    return false;
  }

  /// How often one sample that enters `stage` ends each branch: least and most.
  struct Counts {
    std::vector<std::uint32_t> least, most;
  };

  /// What of `edge` counts as the end of which branch of this join. Of an inner join, which gives a
  /// sample on once, the first branch stands for all.
  struct Leads {
    bool counts = false;
    std::optional<std::uint32_t> branch;  // else: into edge.to
  };
  Leads leads(std::uint32_t index) const {
    for (auto end = draft_.edges[index].join; end; end = draft_.joins[end->join].outer) {
      if (end->join == join_) return {true, end->branch};
      if (end->branch != 0) return {};
    }
    return {true, std::nullopt};
  }

  Counts count(std::uint32_t stage, std::uint32_t task,
               const std::map<std::uint32_t, Counts>& known) const {
    const std::size_t n = draft_.joins[join_].branches.size();
    const auto& inside = draft_.joins[join_].inside;
    std::map<const PortSpec*, Counts> ports;
    for (const std::uint32_t i : draft_.queues_out_of(stage)) {
      const DraftEdge& edge = draft_.edges[i];
      Counts& port =
          ports.try_emplace(edge.out, Counts{std::vector<std::uint32_t>(n), {}}).first->second;
      port.most.resize(n);
      if (!tasks_.takes(i, task) || !std::binary_search(inside.begin(), inside.end(), i)) continue;
      const Leads to = leads(i);
      if (!to.counts) continue;
      if (to.branch) {
        port.least[*to.branch] += 1;
        port.most[*to.branch] += 1;
        continue;
      }
      const auto behind = known.find(edge.to);
      if (behind == known.end()) continue;
      for (std::size_t b = 0; b < n; ++b) {
        port.least[b] = std::min(port.least[b] + behind->second.least[b], 2u);
        port.most[b] = std::min(port.most[b] + behind->second.most[b], 2u);
      }
    }
    Counts out{std::vector<std::uint32_t>(n), std::vector<std::uint32_t>(n)};
    bool first = true;
    const PortSpec* entry = draft_.edges[draft_.joins[join_].entries.front()].out;
    for (const auto& [port, counts] : ports) {
      if (stage == *draft_.joins[join_].entrance && port != entry) continue;
      for (std::size_t b = 0; b < n; ++b) {
        out.least[b] = first ? counts.least[b] : std::min(out.least[b], counts.least[b]);
        out.most[b] = std::max(out.most[b], counts.most[b]);
      }
      first = false;
    }
    return out;
  }

  bool check_counts() {
    const DraftJoin& join = draft_.joins[join_];
    std::vector<std::uint32_t> stages(inside_stages_.begin(), inside_stages_.end());
    std::sort(stages.begin(), stages.end(),
              [&](std::uint32_t a, std::uint32_t b) { return tasks_.place(a) > tasks_.place(b); });
    stages.push_back(*join.entrance);
    for (const std::uint32_t task : tasks_.different(*join.entrance, join.inside)) {
      std::map<std::uint32_t, Counts> known;
      for (const std::uint32_t stage : stages) known[stage] = count(stage, task, known);
      const Counts& all = known[*join.entrance];
      // It goes down another branch of a route around this join.
      if (std::all_of(all.most.begin(), all.most.end(), [](auto n) { return n == 0; })) continue;
      for (std::uint32_t branch = 0; branch < join.branches.size(); ++branch) {
        if (all.least[branch] == 1 && all.most[branch] == 1) continue;
        tell(branch, task, all.most[branch], known);
        return false;
      }
    }
    return true;
  }

  void tell(std::uint32_t branch, std::uint32_t task, std::uint32_t most,
            const std::map<std::uint32_t, Counts>& known) {
    const DraftJoin& join = draft_.joins[join_];
    const Span end = join.branch_spans[branch];
    const std::string& behind = name(join.to);
    if (most > 1) {
      Diagnostic& found = draft_.findings.error(
          codes::kJoinCannotFill, "a branch of ( & ) brings samples twice", end,
          fmt::format("`{}` takes every sample once from each branch", behind));
      ways_into(found);
      found.help.push_back("lead the samples into the branch one way only");
      return;
    }
    if (most == 0 && tasks_.any_routes(join.inside)) {
      Diagnostic& found =
          cannot_fill(fmt::format("samples of {} do not come by every branch", tasks_.words(task)));
      found.secondary.push_back({end, "not by this one"});
      for (const DraftRoute& route : draft_.routes) {
        const bool here = std::any_of(route.edges.begin(), route.edges.end(), [&](auto edge) {
          return std::binary_search(join.inside.begin(), join.inside.end(), edge);
        });
        if (!here || !tasks_.lacks(route, task)) continue;
        found.secondary.push_back({route.span, "this route has no branch for them"});
        found.help.push_back("add a branch for them: [..., else: STAGE]");
        return;
      }
      found.help.push_back("let every branch of ( & ) take the same tasks");
      return;
    }
    Diagnostic& found = cannot_fill("not every sample comes by this branch of ( & )");
    found.secondary.push_back({end, "some never end here"});
    for (const auto& [stage, counts] : known) {
      if (counts.least[branch] == counts.most[branch]) continue;
      const auto* port = other_port(stage, branch, known, task);
      if (!port) continue;
      found.secondary.push_back(
          {draft_.place_of(stage), fmt::format("its output `{}` leads elsewhere", port->name)});
      found.help.push_back(fmt::format("lead `{}.{}` to `{}` too, or move `{}` behind the join",
                                       name(stage), port->name, behind, name(stage)));
      return;
    }
    found.help.push_back("lead all its samples to the end of the branch");
  }

  /// The output of `stage` by which samples miss the branch.
  const PortSpec* other_port(std::uint32_t stage, std::uint32_t branch,
                             const std::map<std::uint32_t, Counts>& known,
                             std::uint32_t task) const {
    std::map<const PortSpec*, bool> brings;
    const auto& inside = draft_.joins[join_].inside;
    for (const std::uint32_t i : draft_.queues_out_of(stage)) {
      const DraftEdge& edge = draft_.edges[i];
      bool& port = brings[edge.out];
      if (!tasks_.takes(i, task) || !std::binary_search(inside.begin(), inside.end(), i)) continue;
      const Leads to = leads(i);
      const auto behind = known.find(edge.to);
      port = port || (to.branch ? *to.branch == branch
                                : behind != known.end() && behind->second.most[branch] > 0);
    }
    for (const auto& [port, does] : brings) {
      if (!does) return port;
    }
    return nullptr;
  }

  void ways_into(Diagnostic& found) const {
    for (const std::uint32_t stage : inside_stages_) {
      const auto& in = draft_.queues_into(stage);
      if (in.size() < 2) continue;
      for (const std::uint32_t edge : in) {
        found.secondary.push_back(
            {draft_.edges[edge].arrow_span, fmt::format("they reach `{}` this way", name(stage))});
      }
      return;
    }
  }

  const std::string& name(std::uint32_t stage) const { return draft_.stages[stage].name; }

  Draft& draft_;
  const TaskFlow& tasks_;
  Passed passed_;
  std::uint32_t join_ = 0;
  std::vector<std::uint32_t> ends_;
  std::set<std::uint32_t> inside_stages_;
};

}  // namespace

void resolve_joins(Draft& draft) {
  if (draft.joins.empty()) return;
  const TaskFlow tasks(draft);
  Resolver resolver(draft, tasks);
  std::vector<std::vector<std::uint32_t>> ending(draft.stages.size());
  for (std::uint32_t i = 0; i < draft.joins.size(); ++i) ending[draft.joins[i].to].push_back(i);
  for (const std::uint32_t stage : draft.in_order()) {
    // Those inside others were added behind them.
    for (auto i = ending[stage].rbegin(); i != ending[stage].rend(); ++i) resolver.resolve(*i);
  }
  // Inner joins were resolved first, so the innermost fork stays.
  for (std::uint32_t i = 0; i < draft.joins.size(); ++i) {
    for (const std::uint32_t entry : draft.joins[i].entries) {
      auto& fork = draft.edges[entry].fork;
      if (!fork || draft.joins[*fork].entries.size() > draft.joins[i].entries.size()) fork = i;
    }
  }
}

}  // namespace troupe::graphs
