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
}  // namespace

Inlet::Inlet(const graphs::Plan& plan, std::uint32_t stage, std::uint32_t port, Effects effects)
    : port_(port), effects_(std::move(effects)) {
  const std::string& name = plan.stages[stage].contract->inputs[port].name;
  for (const graphs::EdgePlan& edge : plan.edges) {
    if (edge.to.stage != stage || edge.to.port != name) continue;
    if (edge.delivery != graphs::Delivery::Queue) continue;
    Branch branch{edge.index, edge.name, EdgeQueue(edge.capacity_items), edge.converts, {}, false};
    if (edge.join) {
      if (!join_) join_.emplace(plan.joins[edge.join->join].branches.size());
      branch.join_branch = edge.join->branch;
    }
    if (edge.converts == graphs::Conversion::AssembleGroups && !assembler_) {
      const std::uint32_t size = plan.gate ? plan.gate->group_size : 1;
      assembler_.emplace(size, scored_min(size));
    }
    branches_.push_back(std::move(branch));
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
  if (assembler_) give(assembler_->close(sample));
}

const Envelope* Inlet::front() {
  refill_ready();
  return ready_.empty() ? nullptr : &ready_.front();
}

Envelope Inlet::take() {
  TROUPE_ASSERT(!ready_.empty(), "took from an inlet with nothing ready");
  Envelope envelope = std::move(ready_.front());
  ready_.pop_front();
  return envelope;
}

bool Inlet::empty() const {
  if (!ready_.empty()) return false;
  if (join_ && join_->waiting() > 0) return false;
  if (assembler_ && assembler_->waiting() > 0) return false;
  return std::all_of(branches_.begin(), branches_.end(),
                     [](const Branch& branch) { return branch.queue.empty(); });
}

bool Inlet::ended() const {
  return empty() && std::all_of(branches_.begin(), branches_.end(),
                                [](const Branch& branch) { return branch.ended; });
}

void Inlet::refill_ready() {
  while (ready_.empty()) {
    const auto index = next_branch();
    if (!index) return;
    Branch& branch = branches_[*index];
    Envelope envelope = *branch.queue.pop();
    if (mix_) mix_->took(*index);
    next_ = (*index + 1) % branches_.size();
    effects_.grant(branch.edge, 1, envelope.bytes());
    accept(branch, std::move(envelope));
  }
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

void Inlet::accept(Branch& branch, Envelope envelope) {
  if (!branch.join_branch) return convert(branch.converts, std::move(envelope));
  auto joined = join_->arrive(*branch.join_branch, std::move(envelope));
  if (!joined.ok()) return effects_.failed(joined.error().in(branch.name));
  if (*joined) convert(branch.converts, std::move(**joined));
}

void Inlet::convert(graphs::Conversion converts, Envelope envelope) {
  switch (converts) {
    case graphs::Conversion::None:
      ready_.push_back(std::move(envelope));
      return;
    case graphs::Conversion::AssembleGroups:
      return assemble(std::move(envelope));
    case graphs::Conversion::SplitGroups: {
      if (envelope.type == MessageType::Tombstone) return ready_.push_back(std::move(envelope));
      auto group = decode_group(envelope.payload);
      if (!group.ok()) return effects_.failed(group.error());
      for (Payload& payload : group->samples) {
        auto sample = decode_sample(payload);
        if (!sample.ok()) return effects_.failed(sample.error());
        Envelope one = envelope;
        one.type = MessageType::Sample;
        one.sample = sample->id;
        one.payload = std::move(payload);
        ready_.push_back(std::move(one));
      }
      return;
    }
  }
}

void Inlet::assemble(Envelope envelope) {
  // An observer sees the first attempt of every sibling, or that it died: refills are decided by
  // the accounted way, which may still be undecided when the observer's group is whole.
  if (envelope.type != MessageType::Tombstone) {
    if (envelope.observer && envelope.sample.attempt > 0) return;
    return give(assembler_->arrive(std::move(envelope)));
  }
  if (envelope.observer) {
    if (envelope.sample.attempt == 0) give(assembler_->close(envelope.sample));
    return;
  }
  const auto tombstone = decode_tombstone(envelope.payload);
  if (!tombstone.ok()) return effects_.failed(tombstone.error());
  effects_.slot_missing(envelope.sample, tombstone->end);
}

void Inlet::give(std::optional<GroupAssembler::Assembled> whole) {
  if (!whole) return;
  effects_.assembled(whole->group);
  if (whole->abandoned) return effects_.abandoned(std::move(*whole));
  Group group;
  group.id = whole->group;
  group.version = whole->version;
  group.missing = whole->missing;
  for (Envelope& sample : whole->samples) group.samples.push_back(std::move(sample.payload));
  Envelope envelope = envelope_of(group);
  envelope.observer = !whole->samples.empty() && whole->samples.front().observer;
  ready_.push_back(std::move(envelope));
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
  if (join_) {
    if (const auto example = join_->example()) {
      std::string missing;
      for (const std::size_t index : example->second) {
        for (const Branch& branch : branches_) {
          if (branch.join_branch == index) missing += " '" + branch.name + "'";
        }
      }
      add("a join of " + std::to_string(join_->waiting()) + " samples waits, e.g. " +
          to_string(example->first) + " for edge" + missing);
    }
  }
  if (assembler_) {
    if (const auto example = assembler_->example()) {
      add(std::to_string(assembler_->waiting()) + " groups are incomplete, e.g. " +
          to_string(example->first) + " misses " + std::to_string(example->second) + " samples");
    }
  }
  if (!ready_.empty()) add(std::to_string(ready_.size()) + " ready for the stage");
  return text;
}

}  // namespace troupe::runtime
