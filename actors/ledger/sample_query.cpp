#include "actors/ledger/sample_query.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "actors/ledger/accounts.hpp"

namespace troupe::ledger {
namespace fs = std::filesystem;

namespace {

// A filter of prompts that lives before the present one had: one bit each by hash. Full, it makes
// the map of redone samples larger than it need be, never wrong.
constexpr std::size_t kFilterBits = 1u << 27;

Error bad(std::string_view option, std::string_view text, std::string_view allowed) {
  return {ErrorCode::InvalidArgument, fmt::format("{} cannot be '{}'", option, text),
          fmt::format("Write {}", allowed)};
}

template <class Number>
std::optional<Number> number_from(std::string_view text) {
  Number number{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<std::pair<Relation, std::string_view>> relation_from(std::string_view text) {
  static constexpr std::pair<std::string_view, Relation> kSigns[] = {
      {">=", Relation::AtLeast}, {"<=", Relation::AtMost}, {"!=", Relation::NotEqual},
      {"==", Relation::Equal},   {">", Relation::Greater}, {"<", Relation::Less},
      {"=", Relation::Equal}};
  for (const auto& [sign, relation] : kSigns)
    if (text.starts_with(sign)) return std::pair(relation, text.substr(sign.size()));
  return std::nullopt;
}

SampleId without_attempt(SampleId id) {
  id.attempt = 0;
  return id;
}

/// Samples that a later life made again, and the last life that did.
class Redone {
 public:
  void add(const SampleId& id, std::uint32_t life) {
    const std::size_t bit = std::hash<PromptId>()(id.prompt) % kFilterBits;
    if (life > newest_) {  // lines come life by life
      for (const std::size_t one : pending_) bits_[one] = true;
      pending_.clear();
      newest_ = life;
    }
    if (life > 0 && bits_[bit]) {
      std::uint32_t& last = lives_[without_attempt(id)];
      last = std::max(last, life);
    }
    if (pending_.empty() || pending_.back() != bit) pending_.push_back(bit);
    if (pending_.size() > kPendingMax) compact();
  }
  bool superseded(const SampleId& id, std::uint32_t life) const {
    const auto found = lives_.find(without_attempt(id));
    return found != lives_.end() && found->second > life;
  }

 private:
  static constexpr std::size_t kPendingMax = 1u << 22;
  void compact() {
    std::sort(pending_.begin(), pending_.end());
    pending_.erase(std::unique(pending_.begin(), pending_.end()), pending_.end());
    // Too many prompts in one life: marking them early only makes the map larger.
    if (pending_.size() <= kPendingMax / 2) return;
    for (const std::size_t one : pending_) bits_[one] = true;
    pending_.clear();
  }
  std::vector<bool> bits_ = std::vector<bool>(kFilterBits);
  std::vector<std::size_t> pending_;  // of the present life
  std::uint32_t newest_ = 0;
  std::unordered_map<SampleId, std::uint32_t> lives_;
};

std::uint32_t life_of(const JsonLine& line) {
  return static_cast<std::uint32_t>(line.integer("incarnation").value_or(0));
}

bool verdict_fits(const VerdictTest& test, const JsonLine& line) {
  const auto verdicts = line.object("verdicts");
  const auto verdict = verdicts ? verdicts->object(test.stage) : std::nullopt;
  if (!verdict) return false;
  const auto outcome = verdict->plain("outcome").value_or("");
  if (test.outcome) return (outcome == *test.outcome) != test.not_outcome;
  const auto score = verdict->number("score");
  return outcome == "scored" && score && test.score.holds(*score);
}

bool version_fits(const Range& range, const JsonLine& line) {
  const auto raw = line.raw("versions");
  if (!raw) return false;
  const auto list = nlohmann::json::parse(*raw, nullptr, false);
  if (!list.is_array()) return false;
  return std::any_of(list.begin(), list.end(), [&](const nlohmann::json& span) {
    return span.is_array() && span.size() == 3 && span[2].is_number_unsigned() &&
           range.has(span[2].get<std::uint64_t>());
  });
}

Result<bool> text_fits(const std::optional<SamplePattern>& pattern, const JsonLine& line,
                       std::string_view member) {
  if (!pattern) return true;
  const auto text = line.text(member);
  if (!text) return false;
  return pattern->found_in(*text);
}

/// Cheap tests first.
Result<bool> fits(const SampleQuery& query, const JsonLine& line) {
  if (query.step && !query.step->has(line.integer("step").value_or(0))) return false;
  if (!query.ends.empty()) {
    const auto end = line.plain("end").value_or("");
    if (std::none_of(query.ends.begin(), query.ends.end(),
                     [&](End one) { return key_of(one) == end; }))
      return false;
  }
  if (query.prompt && line.plain("group").value_or("") != to_string(*query.prompt)) return false;
  if (query.sample) {
    const auto id = parse_sample_id(line.plain("id").value_or(""));
    if (!id || without_attempt(*id) != without_attempt(*query.sample)) return false;
  }
  if (!query.rewards.empty()) {
    const auto reward = line.number("reward");
    if (!reward || !std::all_of(query.rewards.begin(), query.rewards.end(),
                                [&](const Comparison& one) { return one.holds(*reward); }))
      return false;
  }
  for (const VerdictTest& test : query.verdicts)
    if (!verdict_fits(test, line)) return false;
  if (query.version && !version_fits(*query.version, line)) return false;
  TROUPE_ASSIGN(const bool asked, text_fits(query.question, line, "question"));
  if (!asked) return false;
  return text_fits(query.text, line, "text");
}

bool ruled_out(const SampleQuery& query, const Segment& segment) {
  if (!segment.summary || !query.step || query.step->has(0)) return false;
  const SegmentSummary& summary = *segment.summary;
  return summary.last_step < query.step->first || summary.first_step > query.step->last;
}

}  // namespace

std::optional<PromptId> parse_prompt_id(std::string_view text) {
  const std::size_t first = text.find('.');
  const std::size_t second = first == std::string_view::npos ? first : text.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto dataset = number_from<std::uint32_t>(text.substr(0, first));
  const auto epoch = number_from<std::uint32_t>(text.substr(first + 1, second - first - 1));
  const auto row = number_from<std::uint64_t>(text.substr(second + 1));
  if (!dataset || !epoch || !row) return std::nullopt;
  return PromptId{*dataset, *epoch, *row};
}

std::optional<SampleId> parse_sample_id(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto prompt = parse_prompt_id(text.substr(0, slash));
  std::string_view rest = text.substr(slash + 1);
  std::uint16_t attempt = 0;
  if (const std::size_t plus = rest.find('+'); plus != std::string_view::npos) {
    const auto number = number_from<std::uint16_t>(rest.substr(plus + 1));
    if (!number) return std::nullopt;
    attempt = *number;
    rest = rest.substr(0, plus);
  }
  const auto sibling = number_from<std::uint16_t>(rest);
  if (!prompt || !sibling) return std::nullopt;
  return SampleId{*prompt, *sibling, attempt};
}

bool Comparison::holds(double number) const {
  switch (relation) {
    case Relation::Equal:
      return number == value;
    case Relation::NotEqual:
      return number != value;
    case Relation::Less:
      return number < value;
    case Relation::AtMost:
      return number <= value;
    case Relation::Greater:
      return number > value;
    case Relation::AtLeast:
      return number >= value;
  }
  return false;
}

Result<Comparison> parse_comparison(std::string_view text, std::string_view option) {
  const auto sign = relation_from(text);
  const auto number = number_from<double>(sign ? sign->second : text);
  if (!number)
    return bad(option, text, "a comparison in quotes, such as '>=0.5', '<1', '!=0' or 1");
  return Comparison{sign ? sign->first : Relation::Equal, *number};
}

Result<Range> parse_range(std::string_view text, std::string_view option) {
  const std::size_t dots = text.find("..");
  const std::string_view from = text.substr(0, dots);
  const std::string_view to = dots == std::string_view::npos ? from : text.substr(dots + 2);
  const auto first = number_from<std::uint64_t>(from);
  const auto last = number_from<std::uint64_t>(to);
  const bool open = dots != std::string_view::npos;
  if ((!first && !(open && from.empty())) || (!last && !(open && to.empty())) ||
      (open && from.empty() && to.empty()))
    return bad(option, text, "a number or a range: 7, 10..20, 10.. or ..20");
  const Range range{first.value_or(0), last.value_or(UINT64_MAX)};
  if (range.first > range.last) return bad(option, text, "the smaller number first: 10..20");
  return range;
}

Result<VerdictTest> parse_verdict_test(std::string_view text) {
  const char* allowed =
      "STAGE=NUMBER, STAGE>=NUMBER or STAGE=OUTCOME (scored, unscorable, timeout, infra_error)";
  const std::size_t at = text.find_first_of("=<>!");
  if (at == 0 || at == std::string_view::npos) return bad("--verdict", text, allowed);
  VerdictTest test;
  test.stage = text.substr(0, at);
  const auto sign = relation_from(text.substr(at));
  if (!sign) return bad("--verdict", text, allowed);
  if (const auto number = number_from<double>(sign->second)) {
    test.score = {sign->first, *number};
    return test;
  }
  for (const char* outcome : {"scored", "unscorable", "timeout", "infra_error"}) {
    if (sign->second != outcome) continue;
    if (sign->first != Relation::Equal && sign->first != Relation::NotEqual) break;
    test.outcome = outcome;
    test.not_outcome = sign->first == Relation::NotEqual;
    return test;
  }
  return bad("--verdict", text, allowed);
}

Result<End> parse_end(std::string_view text) {
  for (int i = 0; i < kEnds; ++i) {
    const End end = static_cast<End>(i);
    if (text == key_of(end) || text == name_of(end)) return end;
  }
  return bad("--end", text, "trained, delivered, filtered, unscorable, failed or left_over");
}

Result<SampleLogStats> query_samples(
    Disk& disk, const fs::path& folder, const SampleQuery& query, std::uint32_t lives,
    const std::function<bool(std::string_view, const JsonLine&)>& visit) {
  TROUPE_ASSIGN(const auto segments, list_segments(disk, folder));
  std::optional<Redone> redone;
  if (lives > 1 && !query.all_lives) {
    redone.emplace();
    SampleLogStats ignored;
    for (const auto& [number, segment] : segments)
      TROUPE_TRY(each_line(disk, folder, number, segment, ignored, [&](std::string_view text) {
        const auto line = JsonLine::scan(text);
        const auto id = line ? parse_sample_id(line->plain("id").value_or("")) : std::nullopt;
        if (id) redone->add(*id, life_of(*line));
        return true;
      }));
  }
  SampleLogStats stats;
  Result<void> failed;
  bool more = true;
  for (const auto& [number, segment] : segments) {
    if (!more) break;
    if (ruled_out(query, segment)) continue;
    TROUPE_TRY(each_line(disk, folder, number, segment, stats, [&](std::string_view text) {
      const auto line = JsonLine::scan(text);
      const auto id = line ? parse_sample_id(line->plain("id").value_or("")) : std::nullopt;
      if (!id) {
        --stats.lines, ++stats.bad;
        return true;
      }
      if (redone && redone->superseded(*id, life_of(*line))) return true;
      const auto wanted = fits(query, *line);
      if (!wanted.ok()) {
        failed = wanted.error().in(to_string(*id));
        return more = false;
      }
      if (*wanted) more = visit(text, *line);
      return more;
    }));
    TROUPE_TRY(failed);
  }
  return stats;
}

}  // namespace troupe::ledger
