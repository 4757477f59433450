#include "actors/ledger/sample_query.hpp"

#include <nlohmann/json.hpp>

#include "actors/ledger/sample_log.hpp"
#include "tests/contains_text.hpp"
#include "tests/ledger/fixtures.hpp"

using namespace troupe;
using namespace troupe::ledger;
using troupe::test::TemporaryFolder;

namespace {

struct Written {
  SampleId id;
  std::uint32_t life = 0, step = 0;
  double reward = 0;
  double verdict = 0;
  std::string outcome = "scored";
  End end = End::Trained;
  std::string text = "seven", question = "What is 3 + 4?";
};

/// Writes one life's lines into a segment of their own.
void write_life(const TemporaryFolder& folder, const std::vector<Written>& samples) {
  auto log = SampleLog::open(real_disk(), folder.path());
  REQUIRE_OK(log);
  for (const Written& sample : samples) {
    SampleLine line;
    line.id = sample.id;
    line.incarnation = sample.life;
    line.end = sample.end;
    line.step = sample.end == End::Trained ? sample.step : 0;
    line.reward = sample.reward;
    line.question = sample.question;
    line.text = sample.text;
    line.verdicts = {{"check", sample.outcome, sample.verdict, "", {}, 1}};
    line.versions = {{0, Version{sample.life, sample.step > 0 ? sample.step - 1 : 0}}};
    line.finish = "stop";
    REQUIRE_OK(log->write(line));
  }
  REQUIRE_OK(log->flush());
}

std::vector<std::string> found(const TemporaryFolder& folder, const SampleQuery& query,
                               std::uint32_t lives = 1) {
  std::vector<std::string> ids;
  const auto stats = query_samples(real_disk(), folder.path(), query, lives,
                                   [&](std::string_view, const JsonLine& line) {
                                     ids.emplace_back(*line.plain("id"));
                                     return true;
                                   });
  REQUIRE_OK(stats);
  return ids;
}

SampleId id(std::uint64_t row, std::uint16_t sibling = 0, std::uint16_t attempt = 0) {
  return {{0, 0, row}, sibling, attempt};
}

using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("ids_are_read_back_as_they_are_printed") {
  for (const SampleId& one :
       {id(0), id(17, 3), id(UINT64_MAX, 65535, 65535), SampleId{{4294967295u, 7, 12}, 1, 2}})
    CHECK(parse_sample_id(to_string(one)) == one);
  CHECK(parse_prompt_id("2.1.17") == PromptId{2, 1, 17});
  for (const char* wrong : {"", "1", "1.2", "1.2.x", "1.2.3/", "1.2.3/x", "1.2.3/1+", "1.2.3/70000",
                            "-1.2.3/0", "1.2.3/4 ", "1.2.3.4/0"})
    CHECK_FALSE(parse_sample_id(wrong).has_value());
}

TEST_CASE("a_query_wants_all_of_its_parts_at_once") {
  TemporaryFolder folder;
  write_life(folder, {{id(1), 0, 1, 1.1, 1, "scored", End::Trained, "seven!"},
                      {id(1, 1), 0, 1, 0.1, 0, "scored", End::Trained, "eight"},
                      {id(2), 0, 0, 0.0, 0, "timeout", End::Failed},
                      {id(3), 0, 0, 0.5, 0.5, "scored", End::Filtered},
                      {id(4), 0, 20, 1.0, 1, "scored", End::Trained, "line\nwith \"quotes\"",
                       "How many (apples)?"}});
  SampleQuery query;
  CHECK(found(folder, query).size() == 5);
  query.step = *parse_range("1..10", "--step");
  CHECK(found(folder, query) == Ids{"0.0.1/0", "0.0.1/1"});
  query.rewards = {*parse_comparison(">=0.5", "--reward")};
  CHECK(found(folder, query) == Ids{"0.0.1/0"});
  query = {};
  query.verdicts = {*parse_verdict_test("check=0")};
  CHECK(found(folder, query) == Ids{"0.0.1/1"});  // a timeout is no zero
  query.verdicts = {*parse_verdict_test("check=timeout")};
  CHECK(found(folder, query) == Ids{"0.0.2/0"});
  query.verdicts = {*parse_verdict_test("check>=0.5"), *parse_verdict_test("check<1")};
  CHECK(found(folder, query) == Ids{"0.0.3/0"});
  query = {};
  query.ends = {End::Failed, End::Filtered};
  CHECK(found(folder, query) == Ids{"0.0.2/0", "0.0.3/0"});
  query = {};
  query.prompt = PromptId{0, 0, 1};
  CHECK(found(folder, query) == Ids{"0.0.1/0", "0.0.1/1"});
  query = {};
  query.text = std::move(*SamplePattern::make("with \"q.*s\"$", "--text"));
  CHECK(found(folder, query) == Ids{"0.0.4/0"});
  query = {};
  query.question = std::move(*SamplePattern::make("\\(apples\\)", "--question"));
  CHECK(found(folder, query) == Ids{"0.0.4/0"});
  query = {};
  query.version = *parse_range("19..", "--version");
  CHECK(found(folder, query) == Ids{"0.0.4/0"});
}

TEST_CASE("what_a_later_life_made_again_counts_once_and_what_stood_still_counts") {
  TemporaryFolder folder;
  write_life(folder, {{id(1), 0, 1}, {id(2), 0, 2}, {id(2, 1), 0, 2}, {id(3), 0, 3}});
  // The checkpoint was that of step 1; sibling 0 of row 2 was delivered and stood.
  write_life(folder, {{id(2, 1, 1), 1, 2}, {id(3), 1, 2}});
  write_life(folder, {{id(3), 2, 2}, {id(4), 2, 3}});
  SampleQuery query;
  CHECK(found(folder, query, 3) == Ids{"0.0.1/0", "0.0.2/0", "0.0.2/1+1", "0.0.3/0", "0.0.4/0"});
  query.all_lives = true;
  CHECK(found(folder, query, 3).size() == 8);
  query.all_lives = false;
  query.step = *parse_range("3", "--step");
  CHECK(found(folder, query, 3) == Ids{"0.0.4/0"});  // step 3 of the first life was undone
}

TEST_CASE("what_a_person_mistypes_is_told_with_what_may_stand_there") {
  const auto wrong = [](const auto& parsed, const char* says) {
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().code == ErrorCode::InvalidArgument);
    CHECK_THAT(parsed.error().message, contains_text(says));
    CHECK_FALSE(parsed.error().help.empty());
  };
  for (const char* text : {"", "..", "x", "1..x", "3..2", "1-2", "-1"})
    wrong(parse_range(text, "--step"), "--step cannot be");
  for (const char* text : {"", ">", "=>1", "high", ">=0.5 "})
    wrong(parse_comparison(text, "--reward"), "--reward cannot be");
  for (const char* text : {"", "check", "=0", "check=", "check=wrong", "check>timeout", "check!"})
    wrong(parse_verdict_test(text), "--verdict cannot be");
  wrong(parse_end("lost"), "--end cannot be");
  CHECK(*parse_end("left_over") == End::LeftOver);
  CHECK(*parse_end("left over") == End::LeftOver);
  wrong(SamplePattern::make("(", "--text"), "is no regular expression");
}

TEST_CASE("a_pattern_that_would_take_for_ever_ends_with_an_error") {
  TemporaryFolder folder;
  Written sample{id(1), 0, 1};
  sample.text = std::string(200, 'a') + "!";
  write_life(folder, {sample});
  SampleQuery query;
  query.text = std::move(*SamplePattern::make("^(a+)+$", "--text"));
  const auto stats = query_samples(real_disk(), folder.path(), query, 1,
                                   [](std::string_view, const JsonLine&) { return true; });
  REQUIRE_FALSE(stats.ok());
  CHECK(stats.error().code == ErrorCode::InvalidArgument);
  CHECK_THAT(stats.error().text(), contains_text("takes too long"));
}

TEST_CASE("a_line_is_cut_into_its_members_without_reading_what_they_hold") {
  const auto line = JsonLine::scan(
      R"( {"a":"x\"}\\","b":{"c":[1,{"d":"]}"}],"a":9},"n":-1.5e3,"i":18446744073709551615,"t":true} )");
  REQUIRE(line.has_value());
  CHECK(line->text("a") == "x\"}\\");
  CHECK_FALSE(line->plain("a").has_value());
  CHECK(line->raw("b") == R"({"c":[1,{"d":"]}"}],"a":9})");
  CHECK(line->object("b")->number("a") == 9);
  CHECK(line->number("n") == -1500);
  CHECK(line->integer("i") == UINT64_MAX);
  CHECK_FALSE(line->integer("n").has_value());
  CHECK_FALSE(line->number("t").has_value());
  CHECK_FALSE(line->text("none").has_value());
  CHECK(JsonLine::scan("{}")->members().empty());
  for (const char* wrong : {"", "[]", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,",
                            "{\"a\":1,}", "{\"a\":\"x}", "{\"a\":{}", "{\"a\":[}", "{a:1}",
                            "{\"a\":1}x", "nonsense", "{\"a\":1 \"b\":2}", "{\"a\":\"\\"})
    CHECK_FALSE(JsonLine::scan(wrong).has_value());
  CHECK_FALSE(JsonLine::scan("{\"a\":" + std::string(100, '[')).has_value());
}

TEST_CASE("every_cut_and_every_flipped_byte_of_a_line_is_survived") {
  TemporaryFolder folder;
  write_life(folder, {{id(1), 0, 1, 1.1}});
  const std::string whole = test::content_of(segment_file(folder.path(), 1));
  std::uint64_t seen = 0;
  const auto read = [&](const std::string& content) {
    test::write_file(segment_file(folder.path(), 1), content);
    const auto stats = query_samples(real_disk(), folder.path(), {}, 2,
                                     [&](std::string_view, const JsonLine&) { return ++seen > 0; });
    REQUIRE_OK(stats);
    return *stats;
  };
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK(read(whole.substr(0, size)).lines == 0);
  for (std::size_t at = 0; at + 1 < whole.size(); ++at) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x11);
    read(flipped);
  }
  // A flipped byte in the name of the checksum leaves a line without one: it is then not checked.
  CHECK(seen <= 12);
  seen = 0;
  CHECK(read(whole).lines == 1);
  CHECK(seen == 1);
}
