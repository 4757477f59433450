#pragma once
// Inlet: everything between the edges that end at one input port and the stage behind it: the
// bounded queues, the mix of several datasets by weight, the join when the edges are branches of `(
// & )`, and the assembly of groups when the port wants groups and samples come. Takes from the
// queues only while it has nothing ready, so a slow stage slows its producers. Owned by the stage's
// runner; not thread-safe.
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "actors/runtime/edge_queue.hpp"
#include "actors/runtime/event.hpp"
#include "actors/runtime/group_assembler.hpp"
#include "actors/runtime/group_gatherer.hpp"
#include "actors/runtime/join.hpp"
#include "actors/runtime/source_mix.hpp"
#include "graphs/plan.hpp"

namespace troupe::runtime {

class Inlet {
 public:
  /// What the inlet needs its runner to do.
  struct Effects {
    std::function<void(EdgeIndex, std::uint64_t items, std::uint64_t bytes)> grant;
    std::function<void(const SampleId&, End)> slot_missing;  // asks whether a refill comes
    std::function<void(const GroupId&)> assembled;
    /// A group that cannot be compared: its samples end here.
    std::function<void(GroupAssembler::Assembled)> abandoned;
    std::function<void(Error)> failed;
  };

  /// `plan` outlives the inlet.
  Inlet(const graphs::Plan& plan, std::uint32_t stage, std::uint32_t port, Effects effects);

  bool has_edge(EdgeIndex edge) const;
  void deliver(EdgeIndex edge, Envelope envelope);
  void no_more(EdgeIndex edge);
  void close_slot(const SampleId& sample);

  /// The next thing for the stage (or a tombstone to pass on); nullptr: nothing is ready.
  const Envelope* front();
  /// For a stage before a route: the first thing that `may` go now. What is passed over stays
  /// first of its branch, and holds its place in its edge.
  const Envelope* front_where(const std::function<bool(const Envelope&)>& may);
  Envelope take();
  /// Nothing is here and nothing will come.
  bool ended() const;
  bool empty() const;
  /// Something that the stage could take stands here, or will when the queues are looked at.
  bool has_ready() const;
  std::uint32_t port() const { return port_; }
  /// "3 samples wait in 'check -> reward'; a join misses ..." or "".
  std::string describe() const;

 private:
  struct Branch {
    EdgeIndex edge;
    std::string name;
    EdgeQueue queue;
    graphs::Conversion converts;
    std::optional<graphs::BranchRef> join;
    bool group;
    bool ended = false;
  };
  struct Ready {
    Envelope envelope;
    std::optional<EdgeIndex> owed;  // the edge that is granted when this is taken
  };
  /// Takes one message from the queues; false: there is none.
  bool advance(bool ahead);
  /// Of the branch whose turn it is; nothing: nothing is here, or another one's turn has come.
  std::optional<std::size_t> next_branch();
  void accept(const Branch& branch, Envelope envelope);
  void give(Envelope envelope) { ready_.push_back({std::move(envelope), {}}); }
  void convert(graphs::Conversion converts, Envelope envelope);
  void assemble(Envelope envelope);
  void split(Envelope envelope);
  void give_group(std::optional<GroupAssembler::Assembled> group);

  const graphs::Plan& plan_;
  std::uint32_t port_;
  Effects effects_;
  std::vector<Branch> branches_;
  std::optional<SourceMix> mix_;         // several sources of prompts end here
  std::map<std::uint32_t, Join> joins_;  // that end here, by index in the plan
  std::optional<GroupAssembler> assembler_;
  std::optional<GroupGatherer> gatherer_;
  std::deque<Ready> ready_;
  std::optional<GroupId> began_;  // of a group that is kept together, and has gone in part
  std::size_t next_ = 0;          // whose turn it is among the queues
};

}  // namespace troupe::runtime
