#include "actors/runtime/exact_admission.hpp"

#include <charconv>

#include "schemas/base/assert.hpp"

namespace troupe::runtime {
namespace {

// The state as text: "examined granted first:version first:version ...".
struct State {
  std::uint64_t examined = 0, granted = 0;
  std::map<std::uint64_t, std::uint32_t> versions;
};

Error unreadable() {
  return Error{ErrorCode::Corrupt, "the gate's state in the journal is unreadable",
               "Go on without exactness: troupe resume RUN --set run.exact=false"};
}

Result<State> parse(const std::string& text) {
  State state;
  const char* at = text.data();
  const char* end = at + text.size();
  const auto number = [&](auto& to, char after) {
    const auto read = std::from_chars(at, end, to);
    if (read.ec != std::errc()) return false;
    at = read.ptr;
    if (at == end) return after == ' ';
    return *at++ == after;
  };
  if (!number(state.examined, ' ') || !number(state.granted, ' ')) return unreadable();
  while (at != end) {
    std::uint64_t first = 0;
    std::uint32_t version = 0;
    if (!number(first, ':') || !number(version, ' ')) return unreadable();
    state.versions[first] = version;
  }
  const bool sound = state.examined <= state.granted && !state.versions.empty() &&
                     state.versions.begin()->first <= state.examined;
  if (!sound) return unreadable();
  return state;
}

}  // namespace

Result<std::uint32_t> oldest_version_needed(const std::string& text, std::uint32_t step) {
  TROUPE_ASSIGN(const State state, parse(text));
  if (state.examined == state.granted) return step;
  return std::prev(state.versions.upper_bound(state.examined))->second;
}

Result<std::uint64_t> first_unexamined(const std::string& text) {
  TROUPE_ASSIGN(const State state, parse(text));
  return state.examined;
}

Result<std::unique_ptr<ExactAdmission>> ExactAdmission::make(const AdmissionRules& rules,
                                                             const ExactResume& resume) {
  TROUPE_ASSERT(rules.prompts_per_step > 0, "exact admission is for runs that learn");
  std::unique_ptr<ExactAdmission> made(new ExactAdmission(rules));
  made->published_ = rules.first_step;
  if (!resume.state.empty()) {
    TROUPE_ASSIGN(State state, parse(resume.state));
    made->examined_ = made->next_ = state.examined;
    made->granted_ = state.granted;
    made->versions_ = std::move(state.versions);
    for (const std::uint64_t number : resume.dead) {
      if (number >= made->examined_) made->known_[number].fate = Fate::Dead;
    }
    made->skip_dead_numbers();
  } else if (rules.first_step > 0) {
    return Error{ErrorCode::Corrupt, "the journal does not say what was admitted",
                 "Go on without exactness: troupe resume RUN --set run.exact=false"};
  }
  made->grant_for(rules.first_step);
  return made;
}

void ExactAdmission::grant(std::uint64_t groups) {
  if (groups == 0) return;
  if (versions_.empty() || versions_.rbegin()->second != published_)
    versions_.emplace(granted_, published_);
  granted_ += groups;
}

void ExactAdmission::grant_for(std::uint32_t published) {
  std::uint64_t batches = rules_.max_staleness + 1;
  if (rules_.steps_max > 0) {
    const std::uint64_t left = rules_.steps_max > published ? rules_.steps_max - published : 0;
    batches = std::min(batches, left);
  }
  const std::uint64_t wanted = batches * rules_.prompts_per_step;
  const std::uint64_t ahead = granted_ - examined_ + batch_.size();
  if (wanted > ahead) grant(wanted - ahead);
}

void ExactAdmission::skip_dead_numbers() {
  for (auto it = known_.find(next_); it != known_.end() && it->second.fate == Fate::Dead;
       it = known_.find(next_))
    ++next_;
}

Admission::Ticket ExactAdmission::admit(const GroupId& group) {
  TROUPE_ASSERT(open(), "a group was admitted through a closed gate");
  const std::uint64_t number = next_++;
  known_[number] = {group, Fate::Open};
  const bool fresh = numbers_.emplace(group, number).second;
  TROUPE_ASSERT(fresh, "a group was admitted twice: " + to_string(group));
  const std::uint32_t version = std::prev(versions_.upper_bound(number))->second;
  skip_dead_numbers();
  return {number, version};
}

void ExactAdmission::ready(const GroupId& group) {
  known_.at(numbers_.at(group)).fate = Fate::Ready;
}

void ExactAdmission::left(const GroupId& group) {
  const auto it = numbers_.find(group);
  if (it == numbers_.end()) return;  // consumed by a step
  const auto known = known_.find(it->second);
  // Examined already and in the batch to come: only an end of the run takes it from there.
  if (known == known_.end())
    std::erase(batch_, group);
  else
    known->second.fate = Fate::Dead;
  numbers_.erase(it);
}

std::optional<std::vector<GroupId>> ExactAdmission::take_batch() {
  if (training_) return std::nullopt;
  while (batch_.size() < rules_.prompts_per_step) {
    const auto it = known_.find(examined_);
    if (it == known_.end() || it->second.fate == Fate::Open) return std::nullopt;
    const bool dead = it->second.fate == Fate::Dead;
    if (!dead) batch_.push_back(it->second.group);
    known_.erase(it);
    ++examined_;
    if (dead) grant_for(published_);
  }
  training_ = true;
  for (const GroupId& group : batch_) numbers_.erase(group);
  return std::exchange(batch_, {});
}

void ExactAdmission::step_done(std::uint32_t step) {
  TROUPE_ASSERT(training_, "a step ended that was not begun");
  training_ = false;
  published_ = step;
  versions_.erase(versions_.begin(), std::prev(versions_.upper_bound(examined_)));
  grant_for(step);
}

std::size_t ExactAdmission::waiting_for_a_step() const {
  std::size_t ready = batch_.size();
  for (const auto& [number, known] : known_) ready += known.fate == Fate::Ready;
  return ready;
}

std::string ExactAdmission::state() const {
  std::string text = std::to_string(examined_) + " " + std::to_string(granted_);
  const auto first = std::prev(versions_.upper_bound(examined_));
  for (auto it = first; it != versions_.end(); ++it)
    text += " " + std::to_string(it->first) + ":" + std::to_string(it->second);
  return text;
}

}  // namespace troupe::runtime
