#include <set>

#include "actors/stages/dataset/dataset_stage.hpp"
#include "tests/stages/fixture.hpp"

using namespace troupe;
using namespace troupe::stages;

namespace {

std::string write_file(const std::string& name, const std::string& content) {
  const auto path = std::filesystem::temp_directory_path() / ("troupe-" + name + ".jsonl");
  std::ofstream(path) << content;
  return path.string();
}

/// The prompts that a dataset stage sends until it ends, at most `limit`.
std::vector<PromptId> drawn(OneStage& stage, std::size_t limit) {
  auto made = stage.make();
  REQUIRE(made.ok());
  KeepingOutbox out;
  while (!out.finished && out.sent.size() < limit) (*made)->on_room(out);
  std::vector<PromptId> ids;
  for (const Envelope& envelope : out.sent) ids.push_back(envelope.sample.prompt);
  return ids;
}

}  // namespace

TEST_CASE("held_out_pairs_never_occur_in_training_under_any_operator") {
  const auto pairs = [](const std::string& split) {
    OneStage stage("dataset.arithmetic", "held_out_pairs = 20\nsplit = \"" + split + "\"");
    const auto dataset = open_dataset(stage.context());
    REQUIRE(dataset.ok());
    std::set<std::pair<int, int>> seen;
    for (std::uint64_t row = 0; row < (*dataset)->size(); ++row) {
      const Prompt prompt = *(*dataset)->prompt(row, 0);
      int a = 0, b = 0;
      char op = 0;
      REQUIRE(std::sscanf(prompt.question.c_str(), "What is %d %c %d?", &a, &op, &b) == 3);
      const int result = op == '+' ? a + b : op == '-' ? a - b : a * b;
      CHECK(prompt.answer == std::to_string(result));
      CHECK(result >= 0);
      seen.insert(std::minmax(a, b));
    }
    return seen;
  };
  const auto train = pairs("train");
  const auto held_out = pairs("held_out");
  CHECK(held_out.size() == 20);
  CHECK(train.size() == 58);
  for (const auto& pair : held_out) CHECK_FALSE(train.contains(pair));
}

TEST_CASE("every_row_comes_once_in_every_epoch_in_an_order_of_its_own") {
  OneStage stage("dataset.arithmetic", "high = 3\nheld_out_pairs = 0\nepochs = 2");
  const auto ids = drawn(stage, 1000);
  const std::size_t rows = ids.size() / 2;
  CHECK(std::set(ids.begin(), ids.end()).size() == 2 * rows);
  std::vector<std::uint64_t> first, second;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    CHECK(ids[i].epoch == i / rows);
    (i < rows ? first : second).push_back(ids[i].row);
  }
  CHECK(first != second);
  CHECK(std::is_permutation(first.begin(), first.end(), second.begin()));
  CHECK(drawn(stage, 1000) == ids);
}

TEST_CASE("a_resumed_dataset_goes_on_where_it_was_and_skips_what_is_done") {
  OneStage stage("dataset.arithmetic", "epochs = 2");
  const auto all = drawn(stage, 100);
  auto cursors = std::make_shared<std::map<std::uint32_t, runtime::ResumeCursor>>();
  runtime::ResumeCursor& cursor = (*cursors)[stage.context().stage->index];
  cursor.next = all[10];
  cursor.resolved = {all[12], all[13]};
  stage.context().cursors = cursors;
  const auto rest = drawn(stage, 20);
  std::vector<PromptId> expected = {all[10], all[11]};
  for (std::size_t i = 14; expected.size() < 20; ++i) expected.push_back(all[i]);
  CHECK(rest == expected);

  cursor = {};
  cursor.last = all[30];  // all that was admitted is done
  CHECK(drawn(stage, 1).front() == all[31]);
}

TEST_CASE("a_data_file_gives_its_fields_whatever_their_type") {
  const std::string path =
      write_file("fields", "{\"q\": \"one?\", \"a\": 1}\n\n{\"q\": \"two?\", \"a\": \"#### 2\"}\n");
  OneStage stage("dataset.jsonl", "path = \"" + path +
                                      "\"\nquestion_field = \"q\"\nanswer_field = \"a\"\n"
                                      "template = \"r1-zero\"");
  const auto dataset = open_dataset(stage.context());
  REQUIRE(dataset.ok());
  REQUIRE((*dataset)->size() == 2);
  CHECK((*dataset)->prompt(0, 0)->answer == "1");
  CHECK((*dataset)->prompt(1, 3)->answer == "#### 2");
  CHECK((*dataset)->prompt(1, 3)->id.epoch == 3);
  CHECK((*dataset)->prompt(1, 3)->prompt_template == "r1-zero");
}

TEST_CASE("a_broken_line_of_a_data_file_is_named_by_its_number") {
  const auto message = [](const std::string& content) {
    OneStage stage("dataset.jsonl", "path = \"" + write_file("broken", content) + "\"");
    const auto dataset = open_dataset(stage.context());
    REQUIRE_FALSE(dataset.ok());
    CHECK_FALSE(dataset.error().help.empty());
    return dataset.error().message;
  };
  const std::string good = "{\"question\": \"x\", \"answer\": \"1\"}\n";
  CHECK(message(good + good + "{\"question\": \"x\", \"ans").find(":3: ") != std::string::npos);
  CHECK(message(good + "[1, 2]\n").find(":2: is not a JSON object") != std::string::npos);
  CHECK(message("{\"answer\": \"1\"}\n").find("'question'") != std::string::npos);
  CHECK(message(good + "{\"question\": \"x\"}\n").find("'answer'") != std::string::npos);
  CHECK(message("\n\n").find("no rows") != std::string::npos);
}
