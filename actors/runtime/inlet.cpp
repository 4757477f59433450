#include "actors/runtime/inlet.hpp"

#include <algorithm>

#include "graphs/mixing.hpp"
#include "schemas/messages.hpp"

namespace troupe::runtime {

namespace {
// Two samples are the least that can be compared; a group of one is whole by itself.
std::uint32_t scored_min(std::uint32_t group_size) {
  return std::min<std::uint32_t>(2, group_size);
}

// What a stage before a route looks at beyond what may not go yet. Enough to find work for another
// branch; what stands before it keeps its place in its edge, or was in a join's tickets anyway.
constexpr std::size_t kAheadMax = 16;

}  // namespace

Inlet::Inlet(const graphs::Plan& plan, std::uint32_t stage, std::uint32_t port, Effects effects)
    : plan_(plan), port_(port), effects_(std::move(effects)) {
  const std::string& name = plan.stages[stage].contract->inputs[port].name;
  for (const graphs::EdgePlan& edge : plan.edges) {
    if (edge.to.stage != stage || edge.to.port != name) continue;
    if (edge.delivery != graphs::Delivery::Queue) continue;
    const std::uint32_t size = plan.gate ? plan.gate->group_size : 1;
    if (edge.converts == graphs::Conversion::AssembleGroups && !assembler_)
      assembler_.emplace(size, scored_min(size));
    if (edge.group && !gatherer_) gatherer_.emplace(size);
    branches_.push_back({edge.index, edge.name, EdgeQueue(edge.capacity_items), edge.converts,
                         edge.join, edge.group});
  }
  for (const graphs::JoinPlan& join : plan.joins) {
    if (join.to == graphs::PortRef{stage, name}) joins_.emplace(join.index, join.branches.size());
  }
  if (const auto mix = graphs::mix_into(plan, stage, name)) {
    std::vector<double> weights;
    for (const graphs::MixShare& share : mix->shares) weights.push_back(share.weight);
    mix_.emplace(weights);
  }
}

bool Inlet::has_edge(EdgeIndex edge) const {
  return std::any_of(branches_.begin(), branches_.end(),
                     [&](const Branch& branch) { return branch.edge == edge; });
}

void Inlet::deliver(EdgeIndex edge, Envelope envelope) {
  for (Branch& branch : branches_) {
    if (branch.edge != edge) continue;
    branch.queue.push(std::move(envelope));
    return;
  }
}

void Inlet::no_more(EdgeIndex edge) {
  for (Branch& branch : branches_) {
    if (branch.edge == edge) branch.ended = true;
  }
}

void Inlet::close_slot(const SampleId& sample) {
  if (assembler_) give_group(assembler_->close(sample));
}

const Envelope* Inlet::front() {
  while (ready_.empty()) {
    if (!advance(false)) return nullptr;
  }
  return &ready_.front().envelope;
}

const Envelope* Inlet::front_where(const std::function<bool(const Envelope&)>& may) {
  std::size_t seen = 0;
  for (;;) {
    for (; seen < ready_.size(); ++seen) {
      const Envelope& envelope = ready_[seen].envelope;
      // What is kept together is not parted by what may go sooner.
      if (gatherer_ && began_ && envelope.sample.prompt != *began_) continue;
      if (!may(envelope)) continue;
      Ready found = std::move(ready_[seen]);
      ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(seen));
      ready_.push_front(std::move(found));
      return &ready_.front().envelope;
    }
    if (ready_.size() >= kAheadMax || !advance(true)) return nullptr;
  }
}

Envelope Inlet::take() {
  TROUPE_ASSERT(!ready_.empty(), "took from an inlet with nothing ready");
  Ready ready = std::move(ready_.front());
  ready_.pop_front();
  if (ready.owed) effects_.grant(*ready.owed, 1, ready.envelope.bytes());
  if (gatherer_) {
    began_ = ready.envelope.sample.prompt;
    const bool more = std::any_of(ready_.begin(), ready_.end(), [&](const Ready& other) {
      return other.envelope.sample.prompt == *began_;
    });
    if (!more) began_.reset();
  }
  return std::move(ready.envelope);
}

bool Inlet::empty() const {
  if (!ready_.empty()) return false;
  for (const auto& [index, join] : joins_) {
    if (join.waiting() > 0) return false;
  }
  if (assembler_ && assembler_->waiting() > 0) return false;
  if (gatherer_ && gatherer_->waiting() > 0) return false;
  return std::all_of(branches_.begin(), branches_.end(),
                     [](const Branch& branch) { return branch.queue.empty(); });
}

bool Inlet::has_ready() const {
  return !ready_.empty() ||
         std::any_of(branches_.begin(), branches_.end(),
                     [](const Branch& branch) { return !branch.queue.empty(); });
}

bool Inlet::ended() const {
  return empty() && std::all_of(branches_.begin(), branches_.end(),
                                [](const Branch& branch) { return branch.ended; });
}

bool Inlet::advance(bool ahead) {
  const auto index = next_branch();
  if (!index) return false;
  Branch& branch = branches_[*index];
  Envelope envelope = *branch.queue.pop();
  if (mix_) mix_->took(*index);
  next_ = (*index + 1) % branches_.size();
  const bool plain = !branch.join && !branch.group && branch.converts == graphs::Conversion::None;
  if (ahead && plain) {
    ready_.push_back({std::move(envelope), branch.edge});
  } else {
    effects_.grant(branch.edge, 1, envelope.bytes());
    accept(branch, std::move(envelope));
  }
  return true;
}

std::optional<std::size_t> Inlet::next_branch() {
  if (mix_) {
    for (std::size_t i = 0; i < branches_.size(); ++i) {
      const Envelope* front = branches_[i].queue.front();
      if (front != nullptr && front->place > 0) mix_->at_least(i, front->place - 1);
      if (front == nullptr && branches_[i].ended) mix_->ended(i);
    }
    const auto turn = mix_->turn();
    return turn && !branches_[*turn].queue.empty() ? turn : std::nullopt;
  }
  for (std::size_t i = 0; i < branches_.size(); ++i) {
    const std::size_t index = (next_ + i) % branches_.size();
    if (!branches_[index].queue.empty()) return index;
  }
  return std::nullopt;
}

void Inlet::accept(const Branch& branch, Envelope envelope) {
  // What an inner join gives on may end a branch of another one, at this same port.
  for (std::optional<graphs::BranchRef> at = branch.join; at; at = plan_.joins[at->join].outer) {
    auto joined = joins_.at(at->join).arrive(at->branch, std::move(envelope));
    if (!joined.ok()) return effects_.failed(joined.error().in(branch.name));
    if (!*joined) return;
    envelope = std::move(**joined);
  }
  if (!branch.group) return convert(branch.converts, std::move(envelope));
  for (Envelope& together : gatherer_->arrive(std::move(envelope))) give(std::move(together));
}

void Inlet::convert(graphs::Conversion converts, Envelope envelope) {
  switch (converts) {
    case graphs::Conversion::None:
      return give(std::move(envelope));
    case graphs::Conversion::AssembleGroups:
      return assemble(std::move(envelope));
    case graphs::Conversion::SplitGroups:
      return split(std::move(envelope));
  }
}

void Inlet::split(Envelope envelope) {
  if (envelope.type == MessageType::Tombstone) return give(std::move(envelope));
  auto group = decode_group(envelope.payload);
  if (!group.ok()) return effects_.failed(group.error());
  const std::uint32_t size = plan_.gate ? plan_.gate->group_size : 1;
  std::vector<bool> here(size);
  for (Payload& payload : group->samples) {
    auto sample = decode_sample(payload);
    if (!sample.ok()) return effects_.failed(sample.error());
    Envelope one = envelope;
    one.type = MessageType::Sample;
    one.sample = sample->id;
    one.payload = std::move(payload);
    here.at(sample->id.sibling) = true;
    give(std::move(one));
  }
  // Whoever puts the group together once more must not wait for those that died on the way here.
  for (std::uint16_t i = 0; i < size; ++i) {
    if (here[i]) continue;
    const Tombstone gone{End::Filtered, "it had ended before its group was whole", ""};
    Envelope dead = envelope_of(gone, {group->id, i, 0}, envelope.version, false);
    dead.observer = envelope.observer;
    dead.task = envelope.task;
    give(std::move(dead));
  }
}

void Inlet::assemble(Envelope envelope) {
  // An observer sees the first attempt of every sibling, or that it died: refills are decided by
  // the accounted way, which may still be undecided when the observer's group is whole.
  if (envelope.type != MessageType::Tombstone) {
    if (envelope.observer && envelope.sample.attempt > 0) return;
    return give_group(assembler_->arrive(std::move(envelope)));
  }
  if (envelope.observer) {
    if (envelope.sample.attempt == 0) give_group(assembler_->close(envelope.sample));
    return;
  }
  const auto tombstone = decode_tombstone(envelope.payload);
  if (!tombstone.ok()) return effects_.failed(tombstone.error());
  effects_.slot_missing(envelope.sample, tombstone->end);
}

void Inlet::give_group(std::optional<GroupAssembler::Assembled> whole) {
  if (!whole) return;
  effects_.assembled(whole->group);
  if (whole->abandoned) return effects_.abandoned(std::move(*whole));
  Group group;
  group.id = whole->group;
  group.version = whole->version;
  group.missing = whole->missing;
  for (Envelope& sample : whole->samples) group.samples.push_back(std::move(sample.payload));
  Envelope envelope = envelope_of(group);
  if (!whole->samples.empty()) {
    envelope.observer = whole->samples.front().observer;
    envelope.task = whole->samples.front().task;
  }
  give(std::move(envelope));
}

std::string Inlet::describe() const {
  std::string text;
  const auto add = [&](std::string part) { text += (text.empty() ? "" : "; ") + std::move(part); };
  for (const Branch& branch : branches_) {
    if (!branch.queue.empty())
      add(std::to_string(branch.queue.size()) + " waiting on edge '" + branch.name + "'");
  }
  if (const auto turn = mix_ ? mix_->turn() : std::nullopt) {
    if (branches_[*turn].queue.empty() && !text.empty())
      add("by the weights it is the turn of edge '" + branches_[*turn].name + "', which is empty");
  }
  for (const auto& [index, join] : joins_) {
    const auto example = join.example();
    if (!example) continue;
    std::string missing;
    for (const Branch& branch : branches_) {
      if (!branch.join || branch.join->join != index) continue;
      const auto& lacks = example->second;
      if (std::find(lacks.begin(), lacks.end(), branch.join->branch) != lacks.end())
        missing += (missing.empty() ? " '" : " or '") + branch.name + "'";
    }
    add("a join of " + std::to_string(join.waiting()) + " samples waits, e.g. " +
        to_string(example->first) + " for edge" + missing);
  }
  if (assembler_) {
    if (const auto example = assembler_->example()) {
      add(std::to_string(assembler_->waiting()) + " groups are incomplete, e.g. " +
          to_string(example->first) + " misses " + std::to_string(example->second) + " samples");
    }
  }
  if (gatherer_) {
    if (const auto example = gatherer_->example()) {
      add(std::to_string(gatherer_->waiting()) + " groups are kept together and incomplete, e.g. " +
          to_string(example->first) + " misses " + std::to_string(example->second) + " samples");
    }
  }
  if (!ready_.empty()) add(std::to_string(ready_.size()) + " ready for the stage");
  return text;
}

}  // namespace troupe::runtime
