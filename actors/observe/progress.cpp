#include "actors/observe/progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace troupe::observe {
namespace {

constexpr std::size_t kBarCells = 20;
constexpr std::size_t kEtaSteps = 20;
constexpr std::uint32_t kMinColumns = 20, kMaxColumns = 400;

/// Characters of UTF-8 text; all we print is one column wide, names of stages are ASCII.
std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

/// The first `columns` characters.
std::string first_columns(std::string_view text, std::size_t columns) {
  std::size_t end = 0;
  for (; end < text.size(); ++end) {
    const bool starts = (static_cast<unsigned char>(text[end]) & 0xc0) != 0x80;
    if (starts && columns-- == 0) break;
  }
  return std::string(text.substr(0, end));
}

std::string bar(double share, bool unicode) {
  const auto full = static_cast<std::size_t>(
      std::floor(std::clamp(share, 0.0, 1.0) * static_cast<double>(kBarCells)));
  std::string text;
  for (std::size_t i = 0; i < kBarCells; ++i)
    text += i < full ? (unicode ? "█" : "#") : (unicode ? "░" : ".");
  return text;
}

std::string step_text(const ProgressState& state) {
  if (state.steps == 0) return fmt::format("step {}", state.step);
  return fmt::format("step {}/{}", state.step, state.steps);
}

/// The numbers, most important first.
std::vector<std::string> numbers(const ProgressState& state) {
  std::vector<std::string> parts;
  if (state.reward_mean) parts.push_back(fmt::format("reward {:.3f}", *state.reward_mean));
  if (state.accuracy) parts.push_back(fmt::format("accuracy {:.1f} %", 100 * *state.accuracy));
  if (state.tokens_per_second)
    parts.push_back(fmt::format("{:.0f} tokens/s", *state.tokens_per_second));
  if (state.seconds_left)
    parts.push_back(fmt::format("{} left", duration_text(*state.seconds_left)));
  return parts;
}

bool has_unicode_locale() {
  for (const char* variable : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(variable);
    if (!value || !*value) continue;
    const std::string_view text = value;
    return text.find("UTF-8") != text.npos || text.find("utf8") != text.npos ||
           text.find("UTF8") != text.npos || text.find("utf-8") != text.npos;
  }
  return false;
}

}  // namespace

std::string duration_text(double seconds) {
  if (!(seconds >= 0)) return "unknown";
  if (seconds > 999.0 * 3600) return "over 999 h";
  const auto whole = static_cast<std::uint64_t>(std::llround(seconds));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string progress_line(const ProgressState& state, const ProgressStyle& style) {
  // The escape codes are added last: they take no columns.
  std::string line = step_text(state);
  const std::size_t bold_bytes = line.size();
  const std::size_t columns = style.columns;
  std::size_t used = columns_of(line);
  const auto append = [&](std::string_view part, std::string_view separator) {
    const std::size_t size = columns_of(part) + separator.size();
    if (used + size > columns) return false;
    line += separator;
    line += part;
    used += size;
    return true;
  };
  bool room = true;
  if (!state.doing.empty()) room = append(state.doing, "  ");
  // On a narrow line the numbers matter more than the bar.
  if (room && state.steps > 0 && columns >= 60)
    append(bar(static_cast<double>(state.step) / static_cast<double>(state.steps), style.unicode),
           "  ");
  for (const std::string& part : numbers(state)) room = room && append(part, "  ");
  std::string_view separator = "  ";
  for (const StageProgress& stage : state.stages) {
    room = room && append(fmt::format("{} {}", stage.name, stage.state), separator);
    separator = ", ";
  }
  if (used > columns) return first_columns(line, columns);
  if (style.colour) {
    line.insert(bold_bytes, "\x1b[0m");
    line.insert(0, "\x1b[1m");
  }
  return line;
}

std::string plain_line(const ProgressState& state) {
  std::string line = step_text(state);
  std::string_view separator = ": ";
  const auto append = [&](std::string_view part) {
    line += separator;
    line += part;
    separator = ", ";
  };
  if (!state.doing.empty()) append(state.doing);
  for (const std::string& part : numbers(state)) append(part);
  return line;
}

ProgressStyle detect_style(std::FILE* stream) {
  ProgressStyle style;
  const int fd = ::fileno(stream);
  const bool terminal = fd >= 0 && ::isatty(fd);
  const char* no_colour = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool dumb = !term || !*term || std::strcmp(term, "dumb") == 0;
  style.colour = terminal && !dumb && (!no_colour || !*no_colour);
  style.unicode = has_unicode_locale();
  struct winsize size {};
  if (terminal && ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    style.columns = std::clamp<std::uint32_t>(size.ws_col - 1u, kMinColumns, kMaxColumns);
  return style;
}

void EtaEstimator::step_done(TimePoint now) {
  if (last_) {
    seconds_.push_back(std::chrono::duration<double>(now - *last_).count());
    if (seconds_.size() > kEtaSteps) seconds_.erase(seconds_.begin());
  }
  last_ = now;
}

std::optional<double> EtaEstimator::seconds_left(std::uint64_t steps_to_do) const {
  if (seconds_.empty()) return std::nullopt;
  std::vector<double> sorted = seconds_;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  return *middle * static_cast<double>(steps_to_do);
}

ProgressWriter::ProgressWriter(std::FILE* stream, bool terminal, ProgressStyle style)
    : stream_(stream), terminal_(terminal), style_(style) {}

ProgressWriter::~ProgressWriter() { finish(); }

void ProgressWriter::update(const ProgressState& state) {
  if (terminal_) {
    last_ = progress_line(state, style_);
    // Back to the first column and clear to the end: the new line may be shorter.
    put("\r\x1b[K" + last_);
    shown_ = true;
  } else if (!any_ || state.step != last_step_ || state.doing != last_doing_) {
    put(plain_line(state) + "\n");
  }
  any_ = true;
  last_step_ = state.step;
  last_doing_ = state.doing;
}

void ProgressWriter::line(std::string_view text) {
  if (shown_)
    put(fmt::format("\r\x1b[K{}\n{}", text, last_));
  else
    put(fmt::format("{}\n", text));
}

void ProgressWriter::finish() {
  if (!shown_) return;
  put("\n");
  shown_ = false;
}

void ProgressWriter::put(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stream_);
  std::fflush(stream_);
}

}  // namespace troupe::observe
