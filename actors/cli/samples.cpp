// troupe samples: what a person asks of the sample log, as text, JSON lines, a file or a table.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <iostream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "actors/cli/commands.hpp"
#include "actors/cli/context.hpp"
#include "actors/cli/sample_text.hpp"
#include "actors/ledger/run_directory.hpp"
#include "actors/ledger/sample_life.hpp"
#include "actors/ledger/sample_query.hpp"

namespace troupe::cli {
namespace {

using ledger::JsonLine;
using nlohmann::json;

constexpr std::uint64_t kShown = 10;         // in a list, without --limit
constexpr std::size_t kGroupsMax = 100'000;  // of --by; further ones are counted together
constexpr std::size_t kWriteBytes = 1u << 20;

Result<ledger::SampleQuery> query_of(const SampleArguments& asked) {
  ledger::SampleQuery query;
  query.all_lives = asked.all_lives;
  if (!asked.step.empty()) {
    TROUPE_ASSIGN(query.step, ledger::parse_range(asked.step, "--step"));
  }
  if (!asked.version.empty()) {
    TROUPE_ASSIGN(query.version, ledger::parse_range(asked.version, "--version"));
  }
  for (const std::string& text : asked.rewards) {
    TROUPE_ASSIGN(const auto comparison, ledger::parse_comparison(text, "--reward"));
    query.rewards.push_back(comparison);
  }
  for (const std::string& text : asked.verdicts) {
    TROUPE_ASSIGN(auto test, ledger::parse_verdict_test(text));
    query.verdicts.push_back(std::move(test));
  }
  for (const std::string& text : asked.ends) {
    TROUPE_ASSIGN(const End end, ledger::parse_end(text));
    query.ends.push_back(end);
  }
  std::string question = asked.question;
  if (!asked.prompt.empty()) {
    query.prompt = ledger::parse_prompt_id(asked.prompt);
    if (!query.prompt && !question.empty())
      return Error{ErrorCode::InvalidArgument, "--prompt and --question ask for the same thing",
                   "Keep --question, and put the text of --prompt into it"};
    // Text, not a pattern: every sign is meant as it is.
    if (!query.prompt) {
      question = "(?i)";
      for (const char c : asked.prompt) {
        if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos) question += '\\';
        question += c;
      }
    }
  }
  if (!question.empty()) {
    TROUPE_ASSIGN(query.question, ledger::SamplePattern::make(question, "--question"));
  }
  if (!asked.text.empty()) {
    TROUPE_ASSIGN(query.text, ledger::SamplePattern::make(asked.text, "--text"));
  }
  return query;
}

/// The first or last few lines by a key; holds no more than those.
class Selection {
 public:
  Selection(const SampleArguments& asked, std::uint64_t limit)
      : sort_(asked.sort), first_(asked.first), limit_(limit) {}

  /// False: nothing that comes later can be among them.
  bool take(std::string_view text, const JsonLine& line) {
    if (sort_.empty()) {
      chosen_.push_back({0, std::string(text)});
      if (chosen_.size() > limit_) chosen_.pop_front();
      return !(first_ && chosen_.size() == limit_);
    }
    const double key = line.number(sort_).value_or(-std::numeric_limits<double>::infinity());
    const auto before = [](double left, const Chosen& right) { return left < right.key; };
    chosen_.insert(std::upper_bound(chosen_.begin(), chosen_.end(), key, before),
                   {key, std::string(text)});
    if (chosen_.size() > limit_) first_ ? chosen_.pop_back() : chosen_.pop_front();
    return true;
  }
  template <class Visit>
  Result<void> each(Visit&& visit) const {
    for (const Chosen& one : chosen_) TROUPE_TRY(visit(one.text));
    return {};
  }

 private:
  struct Chosen {
    double key;
    std::string text;
  };
  std::string sort_;
  bool first_;
  std::uint64_t limit_;
  std::deque<Chosen> chosen_;
};

/// --by: how many samples, their mean reward and length, by one of their properties.
class Table {
 public:
  explicit Table(std::string by) : by_(std::move(by)) {}

  void take(const JsonLine& line) {
    if (by_ != "verdict") return add(key_of(line), line);
    const auto verdicts = line.object("verdicts");
    if (!verdicts) return;
    for (const auto& [stage, raw] : verdicts->members()) {
      const auto verdict = JsonLine::scan(raw);
      if (!verdict) continue;
      const std::string outcome(verdict->plain("outcome").value_or("?"));
      const auto score = verdict->number("score");
      add({0, std::string(stage) + " " +
                  (outcome == "scored" && score ? fmt::format("{:.6g}", *score) : outcome)},
          line);
    }
  }
  std::string text() const {
    std::size_t width = by_.size();
    for (const auto& [key, row] : rows_) width = std::max(width, shown(key.second).size());
    std::string out =
        fmt::format("{:<{}}  {:>10}  {:>10}  {:>10}\n", by_, width, "samples", "reward", "tokens");
    for (const auto& [key, row] : rows_)
      out += fmt::format("{:<{}}  {:>10}  {:>10}  {:>10.1f}\n", shown(key.second), width,
                         row.samples, row.rewarded > 0 ? fmt::format("{:.4f}", row.mean()) : "none",
                         row.tokens / static_cast<double>(row.samples));
    return out;
  }
  json as_json() const {
    json out = json::array();
    for (const auto& [key, row] : rows_)
      out.push_back({{by_, key.second},
                     {"samples", row.samples},
                     {"reward_mean", row.rewarded > 0 ? json(row.mean()) : json()},
                     {"tokens_mean", row.tokens / static_cast<double>(row.samples)}});
    return out;
  }

 private:
  struct Row {
    std::uint64_t samples = 0, rewarded = 0;
    double reward = 0, tokens = 0;
    double mean() const { return reward / static_cast<double>(rewarded); }
  };
  using Key = std::pair<std::uint64_t, std::string>;  // numbers in their own order

  Key key_of(const JsonLine& line) const {
    if (by_ == "step") {
      const auto step = line.integer("step").value_or(0);
      return {step, step > 0 ? std::to_string(step) : "not trained"};
    }
    if (by_ == "version") {
      const auto list = json::parse(line.raw("versions").value_or("[]"), nullptr, false);
      if (!list.is_array() || list.empty() || !list[0].is_array() || list[0].size() != 3 ||
          !list[0][2].is_number_unsigned())
        return {0, "none"};
      const auto step = list[0][2].get<std::uint64_t>();
      return {step, std::to_string(step)};
    }
    const std::string text = line.text(by_).value_or("");
    return {0, text.empty() ? "(none)" : text};
  }
  void add(Key key, const JsonLine& line) {
    if (rows_.size() >= kGroupsMax && !rows_.contains(key)) key = {UINT64_MAX, "(others)"};
    Row& row = rows_[std::move(key)];
    ++row.samples;
    row.tokens += line.number("tokens").value_or(0);
    const auto reward = line.number("reward");
    if (!reward) return;
    ++row.rewarded;
    row.reward += *reward;
  }
  std::string by_;
  std::map<Key, Row> rows_;
};

/// A new file that is there whole or not at all.
class ExportFile {
 public:
  static Result<ExportFile> create(std::filesystem::path path) {
    if (real_disk().exists(path))
      return Error{ErrorCode::InvalidArgument, "'" + path.string() + "' exists already",
                   "Name another file, or remove that one"};
    ExportFile made;
    made.path_ = std::move(path);
    made.aside_ = made.path_;
    made.aside_ += ".new";
    TROUPE_ASSIGN(made.file_, real_disk().create(made.aside_));
    return made;
  }
  Result<void> write(std::string_view line) {
    buffer_ += line;
    buffer_ += '\n';
    return buffer_.size() < kWriteBytes ? Result<void>() : flush();
  }
  Result<void> finish() {
    TROUPE_TRY(flush());
    TROUPE_TRY(file_->sync());
    return real_disk().rename(aside_, path_);
  }
  void abandon() { (void)real_disk().remove_all(aside_); }

 private:
  Result<void> flush() {
    TROUPE_TRY(file_->write(std::string_view(buffer_)));
    buffer_.clear();
    return {};
  }
  std::filesystem::path path_, aside_;
  std::unique_ptr<DiskFile> file_;
  std::string buffer_;
};

int show_life(const std::filesystem::path& run, const SampleArguments& asked) {
  const auto id = ledger::parse_sample_id(asked.id);
  if (!id)
    return complain(Error{ErrorCode::InvalidArgument, "'" + asked.id + "' is no id of a sample",
                          "It looks like 0.0.17/3: dataset.epoch.row/sibling; `troupe samples " +
                              run.string() + "` shows some"},
                    kUsage);
  auto life = ledger::read_sample_life(real_disk(), run, *id);
  if (!life.ok())
    return complain(life.error(), life.error().code == ErrorCode::NotFound ? kUsage : kRunFailed);
  if (asked.json)
    std::cout << life_json(*life).dump(2, ' ', false, json::error_handler_t::replace) << "\n";
  else
    std::cout << life_text(*life);
  return kDone;
}

void warn(const ledger::SampleLogStats& stats, const std::filesystem::path& folder) {
  if (stats.bad > 0)
    std::cerr << "warning: " << stats.bad
              << " damaged lines were left out (their checksums are wrong)\n";
  const auto segments = ledger::list_segments(real_disk(), folder);
  if (segments.ok() && !segments->empty() && segments->begin()->first > 1)
    std::cerr << "note: the oldest samples were removed, as [run] keep_samples says\n";
}

}  // namespace

int samples(const SampleArguments& asked) {
  auto run = find_run(asked.run);
  if (!run.ok()) return complain(run.error(), kUsage);
  auto info = ledger::read_run_info(real_disk(), *run);
  if (!info.ok()) return complain(info.error(), kRunFailed);
  if (!asked.id.empty()) return show_life(*run, asked);
  auto query = query_of(asked);
  if (!query.ok()) return complain(query.error(), kUsage);
  const bool streams = asked.json || !asked.export_file.empty();
  const bool tells = asked.count || !asked.by.empty();
  if (!asked.sort.empty() && streams && !asked.limit)
    return complain(Error{ErrorCode::InvalidArgument, "--sort needs --limit here",
                          "Say how many: --limit 1000"},
                    kUsage);
  const std::filesystem::path folder = *run / "samples";
  if (!real_disk().exists(folder))
    return complain(Error{ErrorCode::NotFound, run->string() + " has no samples yet",
                          "See how far it is: troupe status " + run->string()},
                    kRunFailed);
  std::optional<ExportFile> file;
  if (!asked.export_file.empty()) {
    auto made = ExportFile::create(asked.export_file);
    if (!made.ok())
      return complain(made.error(),
                      made.error().code == ErrorCode::InvalidArgument ? kUsage : kRunFailed);
    file = std::move(*made);
  }
  const auto put = [&](const std::string& text) -> Result<void> {
    const std::string line = ledger::without_checksum(text);
    if (file) return file->write(line);
    if (asked.json) {
      std::cout << line << "\n";
    } else {
      const json data = json::parse(line, nullptr, false);
      if (data.is_object()) std::cout << sample_text(data, asked.full) << "\n";
    }
    return {};
  };

  Selection selection(asked, asked.limit.value_or(kShown));
  const bool selects = asked.limit || !streams;
  Table table(asked.by);
  std::uint64_t matching = 0;
  Result<void> written;
  const auto read = ledger::query_samples(real_disk(), folder, *query, info->incarnation + 1,
                                          [&](std::string_view text, const JsonLine& line) {
                                            ++matching;
                                            if (!asked.by.empty()) table.take(line);
                                            if (tells) return true;
                                            if (selects) return selection.take(text, line);
                                            written = put(std::string(text));
                                            return written.ok() && (file || std::cout.good());
                                          });
  if (read.ok() && written.ok() && !tells && selects) written = selection.each(put);
  if (file && read.ok() && written.ok()) written = file->finish();
  if (!read.ok() || !written.ok()) {
    if (file) file->abandon();
    const Error& error = read.ok() ? written.error() : read.error();
    return complain(error, error.code == ErrorCode::InvalidArgument ? kUsage : kRunFailed);
  }
  warn(*read, folder);
  if (asked.count) {
    std::cout << matching << "\n";
  } else if (!asked.by.empty()) {
    std::cout << (asked.json ? table.as_json().dump(2) + "\n" : table.text());
  } else if (file) {
    std::cout << "Wrote " << (selects ? std::min(matching, *asked.limit) : matching)
              << " samples to " << asked.export_file << "\n";
  } else if (!asked.json) {
    const std::uint64_t limit = asked.limit.value_or(kShown);
    if (matching == 0)
      std::cout << "No sample matches, of " << read->lines << " in the log.\n";
    else if (!asked.first || !asked.sort.empty())
      std::cout << std::min(matching, limit) << " of " << matching
                << " samples that match. More: --limit N; one sample's whole life: --id ID\n";
  }
  return kDone;
}

}  // namespace troupe::cli
