#pragma once
// Progress for people, on standard error: one line that is rewritten on a terminal, a plain line
// per step elsewhere. The text is a pure function of a state; ProgressWriter decides when to print
// and is owned by one thread. Writing never fails the run: errors of the stream are ignored.
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/base/clock.hpp"

namespace troupe::observe {

struct StageProgress {
  std::string name;
  std::string state;  // "busy", "idle", "blocked", "ended"
};

struct ProgressState {
  std::uint64_t step = 0;   // finished steps
  std::uint64_t steps = 0;  // to do; 0: unknown
  std::string doing;        // "evaluating before training": shown in front when not empty
  std::optional<double> reward_mean;
  std::optional<double> accuracy;            // 0..1, of the last evaluation or batch
  std::optional<double> tokens_per_second;
  std::optional<double> seconds_left;
  std::vector<StageProgress> stages;
};

struct ProgressStyle {
  bool colour = false;
  bool unicode = true;         // bar of block characters, else of '#'
  std::uint32_t columns = 80;  // the line is never longer
};

/// "step 12/30  ███████░░░░░  reward 0.61  accuracy 48.0 %  812 tokens/s  3 min 20 s left  generate
/// busy, learn idle"; what does not fit is dropped from the right.
std::string progress_line(const ProgressState& state, const ProgressStyle& style);
/// The same without bar and stages, for logs: "step 12/30: reward 0.61, ...".
std::string plain_line(const ProgressState& state);
/// "3 min 20 s", "45 s", "2 h 5 min".
std::string duration_text(double seconds);
/// What the terminal behind `stream` can show; NO_COLOR and TERM=dumb are respected.
ProgressStyle detect_style(std::FILE* stream);

/// How long the rest takes, from the times of the last steps (median of up to 20).
class EtaEstimator {
 public:
  void step_done(TimePoint now);
  std::optional<double> seconds_left(std::uint64_t steps_to_do) const;

 private:
  std::optional<TimePoint> last_;
  std::vector<double> seconds_;
};

class ProgressWriter {
 public:
  /// `terminal`: rewrite one line; else one line per finished step (and per new `doing`).
  ProgressWriter(std::FILE* stream, bool terminal, ProgressStyle style);
  ~ProgressWriter();
  ProgressWriter(const ProgressWriter&) = delete;
  ProgressWriter& operator=(const ProgressWriter&) = delete;
  void update(const ProgressState& state);
  /// Prints a whole line above the progress line.
  void line(std::string_view text);
  /// Leaves the last state on a line of its own.
  void finish();

 private:
  void put(const std::string& text);

  std::FILE* stream_;
  bool terminal_;
  ProgressStyle style_;
  bool shown_ = false;
  std::string last_;
  std::uint64_t last_step_ = 0;
  std::string last_doing_;
  bool any_ = false;
};

}  // namespace troupe::observe
