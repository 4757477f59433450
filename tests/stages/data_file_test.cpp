// Data files: columns, splits, rows that cannot be used, and what a stage sends of them.
#include <zlib.h>
#include <zstd.h>

#include <set>

#include "tests/contains_text.hpp"
#include "tests/stages/opened.hpp"

using namespace troupe;
using namespace troupe::stages;

namespace {

using Texts = std::vector<std::string>;

std::string numbered_rows(std::uint64_t from, std::uint64_t to) {
  std::string out;
  for (std::uint64_t i = from; i < to; ++i)
    out += "{\"question\": \"question " + std::to_string(i) +
           "\", \"answer\": " + std::to_string(i) + "}\n";
  return out;
}

}  // namespace

TEST_CASE("columns_are_named_by_paths_into_objects_and_lists") {
  const std::string path = write_file(
      "paths.jsonl",
      R"({"data": {"q": "one?"}, "reward_model": {"ground_truth": 7}, "kind": "math", "n": 3}
{"data": {"q": "two?"}, "reward_model": "{\"ground_truth\": \"eight\"}", "kind": null}
{"data.q": "exact name", "reward_model": {"ground_truth": true}, "kind": "code", "n": [1]}
)");
  const Opened data("jsonl", path,
                    "question_field = \"data.q\"\nanswer_field = \"reward_model.ground_truth\"\n"
                    "task_field = \"kind\"\ntask = \"other\"\nid_field = \"data.q\"\n"
                    "keep = [\"n\"]\n");
  REQUIRE(data.dataset);
  CHECK(data.questions() == Texts{"one?", "two?", "exact name"});
  CHECK(data.prompt(0).answer == "7");
  CHECK(data.prompt(1).answer == "eight");
  CHECK(data.prompt(2).answer == "true");
  CHECK(data.prompt(0).task == "math");
  CHECK(data.prompt(1).task == "other");
  CHECK(data.prompt(2).task == "code");
  CHECK(data.prompt(0).extra == R"({"id":"one?","n":3})");
  CHECK(data.prompt(1).extra == R"({"id":"two?"})");
}

TEST_CASE("messages_give_question_system_text_and_answer") {
  const std::string path =
      write_file("messages.jsonl",
                 R"({"prompt": [{"role": "user", "content": "2+2?"}], "answer": "4"}
{"prompt": [{"role": "system", "content": "Be brief."}, )"
                 R"({"role": "user", "content": [{"type": "text", "text": "3+3?"}]}, )"
                 R"({"role": "assistant", "content": "6"}], "answer": "6"}
)");
  const Opened data("jsonl", path, "question_field = \"prompt\"\nsystem = \"stage's\"\n");
  REQUIRE(data.dataset);
  CHECK(data.questions() == Texts{"2+2?", "3+3?"});
  CHECK(data.prompt(0).system == "stage's");
  CHECK(data.prompt(1).system == "Be brief.");
  const Opened plain("jsonl", path, "question_field = \"prompt\"\ntemplate = \"r1-zero\"\n");
  CHECK(plain.prompt(1).system.empty());  // a template without a place for it

  const std::string turns = write_file(
      "turns.jsonl",
      R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, )"
      R"({"role": "user", "content": "c"}]}
)");
  const Opened skipping("jsonl", turns,
                        "question_field = \"messages\"\nanswer_field = \"messages\"\n"
                        "bad_rows = \"skip\"\n");
  REQUIRE(skipping.dataset);
  CHECK(skipping.questions() == Texts{"a"});
  CHECK(skipping.prompt(0).answer == "b");
  REQUIRE(skipping.kept.last.reasons.size() == 1);
  CHECK_THAT(skipping.kept.last.reasons[0], contains_text(":2: has 3 messages"));
}

TEST_CASE("a_question_can_be_made_of_several_columns") {
  const std::string path =
      write_file("format.jsonl", R"({"passage": "P", "q": {"text": "Q"}, "answer": "A"})");
  const Opened data("jsonl", path, "question_format = \"{passage}: {{{q.text}}}\"\n");
  REQUIRE(data.dataset);
  CHECK(data.prompt(0).question == "P: {Q}");
  for (const char* wrong : {"{", "}", "{}", "a {b"}) {
    const Opened bad("jsonl", path, std::string("question_format = \"") + wrong + "\"\n");
    CHECK_THAT(bad.error.message, contains_text("question_format"));
  }
}

TEST_CASE("rows_that_cannot_be_used_are_all_told_or_counted_and_left_out") {
  const std::string path = write_file("bad.jsonl",
                                      "{\"question\": \"a\", \"answer\": 1}\n"
                                      "{\"question\": \"b\"}\n"
                                      "{\"question\": {\"text\": \"c\"}, \"answer\": 1}\n"
                                      "not json\n"
                                      "{\"question\": \"\xff\", \"answer\": 1}\n"
                                      "\n"
                                      "{\"question\": \"  \", \"answer\": 1}\n"
                                      "{\"question\": \"f\", \"answer\": [1]}\n"
                                      "{\"question\": \"g\", \"answer\": 2}");
  const Opened strict("jsonl", path, "");
  CHECK_FALSE(strict.dataset);
  CHECK_THAT(strict.error.message,
             contains_text("bad.jsonl:2: has no text in field 'answer' (its fields: question)"));
  CHECK_THAT(strict.error.message, contains_text(":3: has an object in field 'question'"));
  CHECK_THAT(strict.error.message, contains_text("'question.NAME'"));
  CHECK_THAT(strict.error.message, contains_text(":4: is not a JSON object"));
  CHECK_THAT(strict.error.message, contains_text("and 1 more of 8 rows"));
  CHECK_THAT(strict.error.help, contains_text("bad_rows = \"skip\""));

  const Opened lenient("jsonl", path, "bad_rows = \"skip\"\n");
  REQUIRE(lenient.dataset);
  CHECK(lenient.questions() == Texts{"a", "g"});
  CHECK(lenient.kept.last.rows == 8);
  CHECK(lenient.kept.last.used == 2);
  CHECK(lenient.kept.last.unusable == 6);
  CHECK(lenient.kept.last.reasons.size() == 6);
  // Rows keep the numbers they have in the file.
  CHECK(lenient.prompt(1).id.row == 7);
  CHECK(lenient.dataset->index_of(7) == 1u);
  CHECK_FALSE(lenient.dataset->index_of(3).has_value());
}

TEST_CASE("csv_files_with_headers_marks_and_line_ends_of_any_kind_give_rows") {
  const std::string path = write_file("a.csv",
                                      "\xEF\xBB\xBFquestion,answer,\"the level\"\r\n"
                                      "\"What is\r\n1 + 1?\",2,easy\r\n"
                                      "\r\n"
                                      "\"He said \"\"hi\"\"\",3,\r\n"
                                      "caf\xc3\xa9,4,hard");
  const Opened data("csv", path, "keep = [\"the level\"]\n");
  INFO(data.error.message);
  REQUIRE(data.dataset);
  CHECK(data.questions() == Texts{"What is\r\n1 + 1?", "He said \"hi\"", "caf\xc3\xa9"});
  CHECK(data.prompt(2).answer == "4");
  CHECK(data.prompt(0).extra == R"({"the level":"easy"})");

  const std::string plain = write_file("b.csv", "1+1|2\n2+2|4\n");
  const Opened named("csv", plain,
                     "delimiter = \"|\"\nheader = false\ncolumns = [\"question\", \"answer\"]\n");
  REQUIRE(named.dataset);
  CHECK(named.questions() == Texts{"1+1", "2+2"});
  CHECK_THAT(Opened("csv", plain, "header = false\n").error.help, contains_text("columns = ["));
}

TEST_CASE("csv_rows_that_cannot_be_used_are_named_by_the_line_where_they_begin") {
  const std::string path =
      write_file("c.csv", "question,answer\n\"a\nb\",1\nc,2,3\nd\n\"e\"f,4\n\xff,5\ng,6\n");
  const Opened data("csv", path, "bad_rows = \"skip\"\n");
  REQUIRE(data.dataset);
  CHECK(data.questions() == Texts{"a\nb", "g"});
  const auto& reasons = data.kept.last.reasons;
  REQUIRE(reasons.size() == 4);
  CHECK_THAT(reasons[0], contains_text("c.csv:4: has 3 fields, and there are 2 columns"));
  CHECK_THAT(reasons[1], contains_text(":5: has 1 fields"));
  CHECK_THAT(reasons[2], contains_text(":6: has text after a closing quote"));
  CHECK_THAT(reasons[3], contains_text(":7: is not in UTF-8"));
  CHECK_THAT(Opened("csv", write_file("d.csv", "a,a\n1,2\n"), "").error.message,
             contains_text("are called 'a'"));
}

TEST_CASE("the_files_of_a_folder_are_one_after_the_other_by_name") {
  const auto folder = std::filesystem::temp_directory_path() / "troupe-data-folder";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const auto write = [&](const std::string& name, const std::string& content) {
    std::ofstream(folder / name, std::ios::binary) << content;
  };
  write("train-1.jsonl", numbered_rows(10, 20));
  write("train-0.jsonl", numbered_rows(0, 10));
  write("train-2.jsonl", "");
  write("train-3.jsonl", numbered_rows(20, 25));
  write("test-0.jsonl", numbered_rows(100, 110));
  const std::string path = folder.string();
  const Opened data("jsonl", path, "files = \"train-*.jsonl\"\n");
  INFO(data.error.message);
  REQUIRE(data.dataset);
  REQUIRE(data.dataset->size() == 25);
  for (std::uint64_t i = 0; i < 25; ++i) {
    CHECK(data.prompt(i).question == "question " + std::to_string(i));
    CHECK(data.prompt(i).id.row == i);
    CHECK(data.dataset->index_of(i) == i);
  }
  const Opened some("jsonl", path, "files = \"train-?.jsonl\"\nskip = 8\nlimit = 13\n");
  REQUIRE(some.dataset->size() == 13);
  CHECK(some.prompt(0).question == "question 8");
  CHECK(some.prompt(12).id.row == 20);
  CHECK(some.dataset->index_of(20) == 12u);
  write("train-1.jsonl", "{}\n" + numbered_rows(10, 20));
  const Opened bad("jsonl", path, "files = \"train-*\"\nbad_rows = \"skip\"\n");
  CHECK(bad.dataset->size() == 25);
  CHECK(bad.prompt(10).id.row == 11);
  CHECK_THAT(bad.kept.last.reasons.at(0), contains_text("train-1.jsonl:1: has no text"));
  CHECK_THAT(Opened("jsonl", path, "").error.help, contains_text("files = "));
  CHECK_THAT(Opened("jsonl", path, "files = \"no*\"\n").error.message,
             contains_text("is named no*"));
  CHECK_THAT(Opened("jsonl", (folder / "test-0.jsonl").string(), "files = \"x\"\n").error.message,
             contains_text("is none"));
}

TEST_CASE("a_file_of_another_kind_is_told_as_what_it_is") {
  const auto message = [](const std::string& kind, const std::string& content) {
    const Opened data(kind, write_file("kind", content), "");
    CHECK_FALSE(data.dataset);
    CHECK_FALSE(data.error.help.empty());
    return data.error.message + " " + data.error.help;
  };
  CHECK_THAT(message("jsonl", "PAR1...."), contains_text("dataset.parquet"));
  CHECK_THAT(message("parquet", "{}"), contains_text("is not a Parquet file"));
  CHECK_THAT(message("jsonl", std::string("\xff\xfe{\0", 4)), contains_text("UTF-16"));
  CHECK_THAT(message("csv", "PK\x03\x04"), contains_text("spreadsheet"));
  CHECK_THAT(message("jsonl", "[{\"question\": \"a\"},\n{\"question\": \"b\"}]"),
             contains_text("jq -c"));
  CHECK_THAT(message("jsonl", ""), contains_text("no rows"));
  CHECK_THAT(message("csv", ""), contains_text("no rows"));
  CHECK_THAT(message("csv", "question,answer\n"), contains_text("no rows"));
}

TEST_CASE("compressed_files_are_read_and_damaged_ones_are_told") {
  const std::string text = numbered_rows(0, 20'000);
  std::string zstd(ZSTD_compressBound(text.size()), '\0');
  zstd.resize(ZSTD_compress(zstd.data(), zstd.size(), text.data(), text.size(), 3));
  const auto gzip = [](const std::string& content) {
    const std::string path = write_file("z.gz", "");
    const gzFile file = gzopen(path.c_str(), "wb");
    gzwrite(file, content.data(), static_cast<unsigned>(content.size()));
    gzclose(file);
    return *real_disk().read(path);
  };
  const std::size_t half = text.find('\n', text.size() / 2) + 1;
  const std::string gz = gzip(text.substr(0, half)) + gzip(text.substr(half));  // two members
  for (const auto& [name, packed] : {std::pair("x.jsonl.zst", zstd), {"x.jsonl.gz", gz}}) {
    const Opened data("jsonl", write_file(name, packed), "");
    INFO(data.error.message);
    REQUIRE(data.dataset);
    REQUIRE(data.dataset->size() == 20'000);
    CHECK(data.prompt(19'999).question == "question 19999");
    const Opened cut("jsonl", write_file(name, packed.substr(0, packed.size() - 9)), "");
    CHECK_THAT(cut.error.message, contains_text("cannot be unpacked"));
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
      Rng rng(seed);
      std::string damaged = packed;
      damaged[8 + rng.below(damaged.size() - 8)] ^= static_cast<char>(1 + rng.below(255));
      const Opened maybe("jsonl", write_file(name, damaged), "bad_rows = \"skip\"\n");
      CHECK((maybe.dataset != nullptr || !maybe.error.message.empty()));
    }
  }
}

TEST_CASE("the_sides_of_a_split_share_no_row_and_keep_their_rows_when_the_file_grows") {
  const auto sides = [](const std::string& path, const std::string& more) {
    std::pair<std::set<std::string>, std::set<std::string>> out;
    const Opened train("jsonl", path, "split = \"train\"\ntest_fraction = 0.2\n" + more);
    const Opened test("jsonl", path, "split = \"test\"\ntest_fraction = 0.2\n" + more);
    REQUIRE((train.dataset && test.dataset));
    for (const auto& text : train.questions()) out.first.insert(text);
    for (const auto& text : test.questions()) out.second.insert(text);
    return out;
  };
  const auto [train, test] = sides(write_file("split.jsonl", numbered_rows(0, 2000)), "");
  CHECK(train.size() + test.size() == 2000);
  for (const std::string& text : test) CHECK_FALSE(train.contains(text));
  CHECK(test.size() > 330);
  CHECK(test.size() < 470);
  const auto [more_train, more_test] =
      sides(write_file("split2.jsonl", numbered_rows(1500, 3000) + numbered_rows(0, 1500)), "");
  for (const std::string& text : test) CHECK(more_test.contains(text));
  for (const std::string& text : train) CHECK(more_train.contains(text));
  const auto other = sides(write_file("split.jsonl", numbered_rows(0, 2000)), "split_seed = 1\n");
  CHECK(other.second != test);
}

TEST_CASE("a_split_by_a_column_keeps_what_belongs_together_on_one_side") {
  std::string text;
  for (int i = 0; i < 600; ++i)
    text += "{\"question\": \"q" + std::to_string(i) +
            "\", \"answer\": \"\", \"book\": " + std::to_string(i / 6) + "}\n";
  const std::string path = write_file("books.jsonl", text);
  std::set<int> train, test;
  const auto books = [&](const std::string& split, std::set<int>& into) {
    const Opened data("jsonl", path,
                      "split_by = \"book\"\ntest_fraction = 0.3\nsplit = \"" + split + "\"\n");
    REQUIRE(data.dataset);
    CHECK(data.dataset->size() % 6 == 0);
    for (const auto& question : data.questions()) into.insert(std::stoi(question.substr(1)) / 6);
  };
  books("train", train);
  books("test", test);
  CHECK(train.size() + test.size() == 100);
}

TEST_CASE("skip_and_limit_count_rows_of_the_split") {
  const std::string path = write_file("limit.jsonl", numbered_rows(0, 10));
  const Opened data("jsonl", path, "skip = 3\nlimit = 4\n");
  CHECK(data.questions() == Texts{"question 3", "question 4", "question 5", "question 6"});
  CHECK(data.prompt(0).id.row == 3);
  CHECK_THAT(Opened("jsonl", path, "skip = 10\n").error.message, contains_text("none of the 10"));
}

TEST_CASE("rows_nested_beyond_all_reason_are_unusable_and_do_no_harm") {
  const std::string deep = std::string(5'000'000, '[') + std::string(5'000'000, ']');
  const std::string path = write_file(
      "deep.jsonl", "{\"question\": \"a\", \"answer\": " + deep + "}\n" +
                        "{\"question\": \"b\", \"answer\": 1, \"more\": " + std::string(150, '[') +
                        std::string(150, ']') + "}\n" +
                        "{\"question\": \"c\", \"answer\": 1, \"more\": " + deep + "}\n");
  const Opened data("jsonl", path, "bad_rows = \"skip\"\nkeep = [\"more\"]\n");
  REQUIRE(data.dataset);
  CHECK(data.questions() == Texts{"b"});
  CHECK(data.prompt(0).extra.size() > 300);
  const Opened text("jsonl",
                    write_file("deep2.jsonl", "{\"question\": \"a\", \"answer\": 1, \"more\": \"" +
                                                  deep + "\"}\n"),
                    "keep = [\"more.0\"]\n");
  REQUIRE(text.dataset);
  CHECK(text.prompt(0).extra.empty());
}

TEST_CASE("any_bytes_as_a_data_file_give_rows_or_reasons") {
  const std::string likely[] = {"{\"question\":",
                                "\"x\"",
                                "}",
                                "\n",
                                "[{\"role\":\"user\",\"content\":",
                                "}]",
                                ",\"answer\":",
                                "null",
                                "\"\\ud800\"",
                                "\"{\\\"a\\\":1}\"",
                                ",",
                                "7"};
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    Rng rng(seed, 3);
    std::string bytes;
    for (std::uint64_t n = rng.below(60); n > 0; --n) {
      bytes += likely[rng.below(std::size(likely))];
      if (rng.below(20) == 0) bytes += static_cast<char>(rng.below(256));
    }
    const std::string path = write_file("fuzz.jsonl", bytes);
    for (const char* options : {"", "question_format = \"{question.0.content} {answer.a}\"\n"}) {
      for (const char* kind : {"jsonl", "csv"}) {
        const Opened data(
            kind, path,
            std::string("bad_rows = \"skip\"\nkeep = [\"answer.a\", \"question.role\"]\n") +
                options);
        if (!data.dataset) {
          CHECK_FALSE(data.error.message.empty());
          continue;
        }
        CHECK(data.kept.last.used + data.kept.last.unusable == data.kept.last.rows);
        for (std::uint64_t i = 0; i < data.dataset->size(); ++i)
          CHECK_FALSE(data.prompt(i).question.empty());
      }
    }
  }
}

TEST_CASE("every_epoch_is_a_permutation_of_its_own_by_seed_and_a_resume_finds_any_place_in_it") {
  const std::string path = write_file("shuffle.jsonl", numbered_rows(0, 200));
  const auto rows_drawn = [&](const std::string& options, std::size_t count,
                              const runtime::ResumeCursor* cursor = nullptr) {
    OneStage stage("dataset.jsonl", "path = \"" + path + "\"\n" + options);
    auto cursors = std::make_shared<std::map<std::uint32_t, runtime::ResumeCursor>>();
    if (cursor != nullptr) (*cursors)[stage.context().stage->index] = *cursor;
    stage.context().cursors = cursors;
    auto made = stage.make();
    REQUIRE(made.ok());
    KeepingOutbox out;
    while (!out.finished && out.sent.size() < count) (*made)->on_room(out);
    std::vector<PromptId> ids;
    for (std::size_t i = 0; i < out.sent.size(); ++i) {
      ids.push_back(out.sent[i].sample.prompt);
      if (i > 0) CHECK(out.sent[i].place > out.sent[i - 1].place);
    }
    return ids;
  };
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Rng rng(seed);
    const std::size_t rows = 1 + rng.below(200), skip = rng.below(200 - rows + 1);
    const std::string options = "skip = " + std::to_string(skip) +
                                "\nlimit = " + std::to_string(rows) +
                                "\nepochs = 3\nseed = " + std::to_string(seed) + "\n";
    const auto drawn = rows_drawn(options, 10'000);
    REQUIRE(drawn.size() == 3 * rows);
    std::vector<std::vector<std::uint64_t>> epochs(3);
    for (std::size_t i = 0; i < drawn.size(); ++i) {
      REQUIRE(drawn[i].epoch == i / rows);
      epochs[i / rows].push_back(drawn[i].row);
    }
    if (rows > 10) CHECK(epochs[0] != epochs[1]);
    if (rows > 10) CHECK(epochs[1] != epochs[2]);
    for (auto& epoch : epochs) {
      std::sort(epoch.begin(), epoch.end());
      for (std::size_t i = 0; i < rows; ++i) REQUIRE(epoch[i] == skip + i);
    }
    CHECK(rows_drawn(options, 10'000) == drawn);
    const std::size_t place = rng.below(drawn.size());
    runtime::ResumeCursor cursor;
    cursor.next = drawn[place];
    const auto rest = rows_drawn(options, 10'000, &cursor);
    CHECK(std::equal(rest.begin(), rest.end(), drawn.begin() + static_cast<long>(place),
                     drawn.end()));
  }
  CHECK(rows_drawn("seed = 1\n", 200) != rows_drawn("seed = 2\n", 200));
  CHECK(rows_drawn("", 200) != rows_drawn("seed = 1\n", 200));
  const auto in_order = rows_drawn("shuffle = false\n", 200);
  for (std::size_t i = 0; i < 200; ++i) CHECK(in_order[i].row == i);
}

TEST_CASE("a_file_that_changes_while_it_is_used_is_told_and_never_read_as_something_else") {
  const std::string path = write_file("changing.jsonl", numbered_rows(0, 10));
  const Opened data("jsonl", path, "");
  std::ofstream(path, std::ios::binary) << std::string(200, 'x');
  const auto prompt = data.dataset->prompt(5, 0);
  REQUIRE_FALSE(prompt.ok());
  CHECK_THAT(prompt.error().message, contains_text("was changed"));
}

TEST_CASE("an_order_that_is_not_the_old_one_begins_with_an_epoch_of_its_own") {
  const std::string path = write_file("order.jsonl", numbered_rows(0, 20));
  OneStage stage("dataset.jsonl", "path = \"" + path + "\"\nlimit = 10\n");
  KeptReport kept;
  kept.first_epoch = 3;
  stage.context().data = &kept;
  auto cursors = std::make_shared<std::map<std::uint32_t, runtime::ResumeCursor>>();
  (*cursors)[stage.context().stage->index].next = PromptId{0, 2, 4};
  stage.context().cursors = cursors;
  const auto first = [&] {
    auto made = stage.make();
    REQUIRE(made.ok());
    KeepingOutbox out;
    (*made)->on_room(out);
    return out.sent.at(0).sample.prompt;
  };
  CHECK(first().epoch == 3);
  kept.first_epoch = 2;
  CHECK(first() == PromptId{stage.context().stage->index, 2, 4});
  (*cursors)[stage.context().stage->index].next = PromptId{0, 2, 15};  // beyond the limit now
  CHECK(first().epoch == 3);
}
