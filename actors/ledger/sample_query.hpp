#pragma once
// Queries of a sample log: which of its samples a person wants to see. Streams through the segments
// with bounded memory; segments whose summary rules them out are not read. Works beside a running
// run. Pure but for the disk; any thread. Errors: InvalidArgument for what a person wrote, with
// what may stand there; otherwise those of the disk.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/ledger/json_line.hpp"
#include "actors/ledger/sample_segments.hpp"
#include "schemas/base/end.hpp"
#include "schemas/base/ids.hpp"

namespace troupe::ledger {

/// "0.0.17" and "0.0.17/3", "0.0.17/3+1", as to_string writes them.
std::optional<PromptId> parse_prompt_id(std::string_view text);
std::optional<SampleId> parse_sample_id(std::string_view text);

enum class Relation { Equal, NotEqual, Less, AtMost, Greater, AtLeast };
struct Comparison {
  Relation relation = Relation::Equal;
  double value = 0;
  bool holds(double number) const;
};
/// ">=0.5", "<1", "!=0", "=1", "1".
Result<Comparison> parse_comparison(std::string_view text, std::string_view option);

struct Range {
  std::uint64_t first = 0, last = UINT64_MAX;
  bool has(std::uint64_t number) const { return first <= number && number <= last; }
};
/// "10..20", "10..", "..20", "7".
Result<Range> parse_range(std::string_view text, std::string_view option);

/// Of one verifier: its outcome, or a comparison of its score (then only scored ones match).
struct VerdictTest {
  std::string stage;
  std::optional<std::string> outcome;
  bool not_outcome = false;
  Comparison score;
};
/// "check_math=0", "check_math>=0.5", "check_math=timeout", "check_math!=scored".
Result<VerdictTest> parse_verdict_test(std::string_view text);

Result<End> parse_end(std::string_view text);

/// A regular expression (ICU's syntax), with a bound on the time for one text.
class SamplePattern {
 public:
  static Result<SamplePattern> make(std::string_view pattern, std::string_view option);
  SamplePattern(SamplePattern&&) noexcept;
  SamplePattern& operator=(SamplePattern&&) noexcept;
  ~SamplePattern();
  /// Whether it is found anywhere in the text. InvalidArgument: it takes too long.
  Result<bool> found_in(std::string_view text) const;

 private:
  struct State;
  explicit SamplePattern(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct SampleQuery {
  std::optional<Range> step;     // that trained it
  std::optional<Range> version;  // of any weights that wrote it: their step
  std::vector<Comparison> rewards;
  std::vector<VerdictTest> verdicts;
  std::vector<End> ends;
  std::optional<PromptId> prompt;
  std::optional<SampleId> sample;         // whatever its attempt
  std::optional<SamplePattern> question;  // found in it
  std::optional<SamplePattern> text;      // found in the completion
  /// Also what a later life of the run made again; otherwise only the last line of a sample.
  bool all_lives = false;
};

/// Every sample that all parts of the query want, in the order of the log; `visit` gets the line
/// and its members and returns false to end early. `lives`: RunInfo::incarnation + 1.
Result<SampleLogStats> query_samples(
    Disk& disk, const std::filesystem::path& folder, const SampleQuery& query, std::uint32_t lives,
    const std::function<bool(std::string_view, const JsonLine&)>& visit);

}  // namespace troupe::ledger
