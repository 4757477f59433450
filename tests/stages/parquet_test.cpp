// Parquet files as rows. The files beside this one are made by parquet/make_files.py.
#include "actors/stages/dataset/parquet_library.hpp"
#include "tests/contains_text.hpp"
#include "tests/stages/opened.hpp"

using namespace troupe;
using namespace troupe::stages;

namespace {

bool has_parquet() {
  const auto library = load_parquet_library();
  if (library.ok()) return true;
  CHECK(library.error().code == ErrorCode::NotFound);
  CHECK_THAT(library.error().help, contains_text("./dev setup"));
  skip_test("this build has no Parquet: run ./dev setup, then build again");
  return false;
}

std::string file(const std::string& name) {
  return std::string(TROUPE_SOURCE_DIR) + "/tests/stages/parquet/" + name;
}

const char* const kVerl =
    "question_field = \"prompt\"\nanswer_field = \"reward_model.ground_truth\"\n"
    "task_field = \"ability\"\nkeep = [\"data_source\", \"extra_info.index\"]\n";

}  // namespace

TEST_CASE("a_parquet_file_of_verl_gives_prompts_whatever_its_pages_are_packed_with") {
  if (!has_parquet()) return;
  for (const char* name : {"verl_snappy.parquet", "verl_zstd.parquet", "verl_gzip.parquet"}) {
    const Opened data("parquet", file(name), kVerl);
    INFO(name << ": " << data.error.text());
    REQUIRE(data.dataset);
    REQUIRE(data.dataset->size() == 300);
    for (const std::uint64_t row : {0, 69, 70, 150, 299}) {
      const Prompt prompt = data.prompt(row);
      CHECK(prompt.id.row == row);
      CHECK(prompt.question ==
            "What is " + std::to_string(row) + " + " + std::to_string(row) + "?");
      CHECK(prompt.answer == std::to_string(2 * row));
      CHECK(prompt.system == "Reason step by step.");
      CHECK(prompt.task == "math");
      CHECK(prompt.extra ==
            R"({"data_source":"openai/gsm8k","extra_info.index":)" + std::to_string(row) + "}");
    }
  }
}

TEST_CASE("parquet_values_of_any_type_become_texts") {
  if (!has_parquet()) return;
  const auto answers = [](const std::string& column) {
    const Opened data("parquet", file("types.parquet"),
                      "bad_rows = \"skip\"\nanswer_field = \"" + column + "\"\n");
    INFO(column << ": " << data.error.text());
    REQUIRE(data.dataset);
    std::vector<std::string> out;
    for (std::uint64_t i = 0; i < data.dataset->size(); ++i) out.push_back(data.prompt(i).answer);
    return out;
  };
  using Texts = std::vector<std::string>;  // the third row has no question
  CHECK(answers("int") == Texts{"1", "-2"});
  CHECK(answers("unsigned") == Texts{"1", "2", "18446744073709551615"});
  CHECK(answers("double") == Texts{"0.5", "1e+300"});
  CHECK(answers("decimal") == Texts{"1.50", "1.50", "1.50"});
  CHECK(answers("date") == Texts{"2024-02-29", "2024-02-29", "2024-02-29"});
  CHECK(answers("bool") == Texts{"true", "false"});
  CHECK(answers("binary") == Texts{"bytes", "x"});
  CHECK(answers("map.k") == Texts{"7", "7", "7"});
  CHECK(answers("list.0") == Texts{"1", "3"});
  CHECK(answers("fixed.1") == Texts{"2", "4", "8"});
  CHECK(answers("answers.0.text.1") == Texts{"y", "y", "y"});
  CHECK(answers("with.dot") == Texts{"p", "q", "s"});
}

TEST_CASE("parquet_rows_that_cannot_be_used_are_named_by_number_with_the_columns_there_are") {
  if (!has_parquet()) return;
  const Opened missing("parquet", file("verl_snappy.parquet"), "");
  CHECK_THAT(missing.error.message,
             contains_text("row 0 (from 0) has no text in field 'question'"));
  CHECK_THAT(missing.error.message, contains_text("ability, data_source, extra_info, prompt"));
  CHECK_THAT(missing.error.message, contains_text("row 1 (from 0) the same"));
  const Opened one("parquet", file("types.parquet"), "answer_field = \"date\"\n");
  CHECK_THAT(one.error.message, contains_text("types.parquet: row 2 (from 0) has no text"));
  CHECK_THAT(Opened("parquet", file("empty.parquet"), kVerl).error.message,
             contains_text("no rows"));
}

TEST_CASE("damaged_parquet_files_give_errors") {
  if (!has_parquet()) return;
  for (const char* name : {"verl_snappy.parquet", "types.parquet"}) {
    const std::string whole = *real_disk().read(file(name));
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
      Rng rng(seed);
      std::string bytes = whole;
      if (seed % 10 == 0) bytes.resize(4 + rng.below(bytes.size() - 4));
      for (std::uint64_t n = 1 + rng.below(4); n > 0; --n)
        bytes[4 + rng.below(bytes.size() - 4)] = static_cast<char>(rng.below(256));
      const Opened data("parquet", write_file("damaged.parquet", bytes),
                        std::string(kVerl) + "bad_rows = \"skip\"\n");
      CHECK((data.dataset != nullptr || !data.error.message.empty()));
    }
  }
}
