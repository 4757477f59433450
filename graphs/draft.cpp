#include "graphs/draft.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace troupe::graphs {
namespace {

template <class Items>
auto* find_named(Items& items, std::string_view name) {
  const auto found =
      std::find_if(items.begin(), items.end(), [&](const auto& item) { return item.name == name; });
  return found == items.end() ? nullptr : &*found;
}

std::vector<bool> reached(const Draft& draft, std::uint32_t start, bool upstream) {
  std::vector<bool> seen(draft.stages.size());
  std::vector<std::uint32_t> open{start};
  while (!open.empty()) {
    const std::uint32_t stage = open.back();
    open.pop_back();
    for (const std::uint32_t i : upstream ? draft.queues_into(stage) : draft.queues_out_of(stage)) {
      const std::uint32_t there = upstream ? draft.edges[i].from : draft.edges[i].to;
      if (seen[there]) continue;
      seen[there] = true;
      open.push_back(there);
    }
  }
  return seen;
}

}  // namespace

DraftStage* Draft::find_stage(std::string_view name) {
  for (auto i = static_cast<std::uint32_t>(stage_index_.size()); i < stages.size(); ++i) {
    stage_index_.emplace(stages[i].name, i);
  }
  const auto found = stage_index_.find(name);
  return found == stage_index_.end() ? nullptr : &stages[found->second];
}
DraftModel* Draft::find_model(std::string_view name) { return find_named(models, name); }

std::vector<std::string> Draft::stage_names() const {
  std::vector<std::string> out;
  for (const DraftStage& stage : stages) out.push_back(stage.name);
  return out;
}

std::string Draft::name_of_edge(const DraftEdge& edge) const {
  std::string out = stages[edge.from].name;
  const Contract* from = stages[edge.from].contract;
  const Contract* to = stages[edge.to].contract;
  if (from && edge.out && from->default_output(edge.delivery) != edge.out) {
    out += '.' + edge.out->name;
  }
  out += edge.delivery == Delivery::Queue ? " -> " : " ~> ";
  out += stages[edge.to].name;
  if (to && edge.in && to->default_input(edge.delivery) != edge.in) out += '.' + edge.in->name;
  return out;
}

std::string Draft::name_of_call(const DraftCall& call) const {
  std::string out = stages[call.from].name;
  const Contract* from = stages[call.from].contract;
  const Contract* to = stages[call.to].contract;
  if (from && call.out && call.out != &from->calls.front()) out += '.' + call.out->name;
  out += " <-> " + stages[call.to].name;
  if (to && call.in && call.in != &to->answers.front()) out += '.' + call.in->name;
  return out;
}

void Draft::index_edges() {
  queues_in_.assign(stages.size(), {});
  queues_out_.assign(stages.size(), {});
  for (std::uint32_t i = 0; i < edges.size(); ++i) {
    if (edges[i].delivery != Delivery::Queue) continue;
    queues_in_[edges[i].to].push_back(i);
    queues_out_[edges[i].from].push_back(i);
  }
}

const std::vector<std::uint32_t>& Draft::queues_into(std::uint32_t stage) const {
  static const std::vector<std::uint32_t> kNone;
  return stage < queues_in_.size() ? queues_in_[stage] : kNone;
}

const std::vector<std::uint32_t>& Draft::queues_out_of(std::uint32_t stage) const {
  static const std::vector<std::uint32_t> kNone;
  return stage < queues_out_.size() ? queues_out_[stage] : kNone;
}

std::vector<std::uint32_t> Draft::in_order() const {
  std::vector<std::size_t> missing(stages.size());
  std::vector<std::uint32_t> order;
  for (std::uint32_t i = 0; i < stages.size(); ++i) {
    missing[i] = queues_into(i).size();
    if (missing[i] == 0) order.push_back(i);
  }
  for (std::size_t next = 0; next < order.size(); ++next) {
    for (const std::uint32_t edge : queues_out_of(order[next])) {
      if (--missing[edges[edge].to] == 0) order.push_back(edges[edge].to);
    }
  }
  return order;
}

std::vector<bool> Draft::upstream_of(std::uint32_t stage) const {
  return reached(*this, stage, true);
}
std::vector<bool> Draft::downstream_of(std::uint32_t stage) const {
  return reached(*this, stage, false);
}

const DraftOption* Draft::option(std::uint32_t stage, std::string_view name) const {
  const auto found = stages[stage].options.find(name);
  return found == stages[stage].options.end() ? nullptr : &found->second;
}

std::uint64_t Draft::integer_option(std::uint32_t stage, std::string_view name,
                                    std::uint64_t otherwise) const {
  const DraftOption* found = option(stage, name);
  if (!found) return otherwise;
  if (const auto* integer = found->value.get_if<std::int64_t>()) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(*integer, 0));
  }
  if (const auto* count = found->value.get_if<Count>()) {
    return static_cast<std::uint64_t>(count->n);
  }
  return otherwise;
}

Span Draft::place_of(std::uint32_t stage) const {
  return stages[stage].flow_span.value_or(stages[stage].name_span);
}

Origin Draft::origin_of(const Span& span) const {
  const Source& source = sources[span.source];
  if (!source.is_file) return {Origin::From::Set, "--set " + source.text};
  std::string name = std::filesystem::path(source.name).filename().string();
  for (const Source& other : sources) {
    const bool same =
        &other != &source && other.is_file && std::filesystem::path(other.name).filename() == name;
    if (!same) continue;
    name = source.name;  // two files of one name: only the whole path tells them apart
    break;
  }
  return {Origin::From::File, fmt::format("{}:{}", name, position_of(source, span.begin).line)};
}

bool Draft::lies_below(const Span& a, const Span& b) const {
  const auto rank = [&](const Span& span) {
    return std::find(layers.begin(), layers.end(), span.source);
  };
  return rank(a) < rank(b);
}

bool Draft::removed(Diagnostic& found, std::string_view path) const {
  for (const Removal& removal : removals) {
    if (removal.path != path) continue;
    found.secondary.push_back({removal.span, "removed here"});
    found.help.push_back("remove what names it too, or keep it");
    return true;
  }
  return false;
}

}  // namespace troupe::graphs
