#include "actors/observe/progress.hpp"

#include <stdlib.h>

#include <algorithm>

#include "tests/ledger/fixtures.hpp"

using namespace troupe;
using namespace troupe::observe;
using namespace troupe::test;

namespace {

ProgressState half_way() {
  ProgressState state;
  state.step = 12;
  state.steps = 30;
  state.reward_mean = 0.6123;
  state.accuracy = 0.48;
  state.tokens_per_second = 812.4;
  state.seconds_left = 200;
  state.stages = {{"generate", "busy"}, {"learn", "idle"}};
  return state;
}

std::size_t characters(const std::string& text) {
  std::size_t count = 0;
  for (char c : text) count += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return count;
}

std::string printed(bool terminal, const std::vector<ProgressState>& states, bool with_line) {
  std::FILE* stream = std::tmpfile();
  REQUIRE(stream != nullptr);
  {
    ProgressWriter writer(stream, terminal, {false, false, 60});
    for (const ProgressState& state : states) writer.update(state);
    if (with_line) writer.line("checkpoint written");
  }
  std::string text(static_cast<std::size_t>(std::ftell(stream)), '\0');
  std::rewind(stream);
  REQUIRE(std::fread(text.data(), 1, text.size(), stream) == text.size());
  std::fclose(stream);
  return text;
}

}  // namespace

TEST_CASE("the_progress_line_says_everything_when_there_is_room") {
  CHECK(progress_line(half_way(), {false, true, 200}) ==
        "step 12/30  ████████░░░░░░░░░░░░  reward 0.612  accuracy 48.0 %  812 tokens/s  "
        "3 min 20 s left  generate busy, learn idle");
  CHECK(progress_line(half_way(), {false, false, 60}) ==
        "step 12/30  ########............  reward 0.612");
}

TEST_CASE("the_progress_line_is_never_longer_than_the_terminal") {
  ProgressState state = half_way();
  for (const char* doing : {"", "evaluating before training"}) {
    state.doing = doing;
    for (std::uint32_t columns = 1; columns < 200; ++columns) {
      CHECK(characters(progress_line(state, {false, true, columns})) <= columns);
      const std::string coloured = progress_line(state, {true, true, columns});
      if (coloured.find('\x1b') != std::string::npos)
        CHECK(characters(coloured) <= columns + 8);  // two escape codes of four characters
    }
  }
}

TEST_CASE("unknown_numbers_are_left_out") {
  ProgressState state;
  CHECK(progress_line(state, {false, true, 80}) == "step 0");
  state.doing = "loading the model";
  CHECK(progress_line(state, {false, true, 80}) == "step 0  loading the model");
  CHECK(plain_line(state) == "step 0: loading the model");
}

TEST_CASE("plain_lines_have_no_bar_and_no_escape_codes") {
  CHECK(plain_line(half_way()) ==
        "step 12/30: reward 0.612, accuracy 48.0 %, 812 tokens/s, 3 min 20 s left");
  ProgressState state = half_way();
  ProgressState next = state;
  next.step = 13;
  const std::string text = printed(false, {state, state, next}, true);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find('\r') == std::string::npos);
  // One line for each step, not for each update.
  CHECK(std::count(text.begin(), text.end(), '\n') == 3);
  CHECK(text.find("step 13/30") != std::string::npos);
}

TEST_CASE("a_terminal_gets_one_line_that_is_rewritten") {
  const std::string text = printed(true, {half_way(), half_way()}, true);
  CHECK(std::count(text.begin(), text.end(), '\n') == 2);  // the message, and the end
  CHECK(text.find("\r\x1b[Kcheckpoint written\n") != std::string::npos);
  CHECK(text.back() == '\n');
}

TEST_CASE("colour_is_only_for_terminals") {
  ::setenv("TERM", "xterm", 1);
  std::FILE* file = std::tmpfile();
  CHECK_FALSE(detect_style(file).colour);
  std::fclose(file);
}

TEST_CASE("durations_read_well") {
  CHECK(duration_text(0.4) == "0 s");
  CHECK(duration_text(45) == "45 s");
  CHECK(duration_text(200) == "3 min 20 s");
  CHECK(duration_text(7500) == "2 h 5 min");
  CHECK(duration_text(1e300) == "over 999 h");
  CHECK(duration_text(-1) == "unknown");
}

TEST_CASE("the_time_left_follows_the_median_step") {
  EtaEstimator eta;
  CHECK(!eta.seconds_left(5).has_value());
  double at = 0;
  for (double step : {0.0, 2.0, 2.0, 100.0, 2.0, 2.0}) {
    at += step;
    eta.step_done(std::chrono::duration_cast<TimePoint>(std::chrono::duration<double>(at)));
  }
  CHECK(*eta.seconds_left(10) == Approx(20));
}
