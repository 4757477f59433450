#include "actors/stages/prompting.hpp"

#include "model/tokenizer/byte_level.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::stages;

namespace {

/// One token per byte.
std::shared_ptr<const model::Tokenizer> bytes_only() {
  model::TokenizerData data;
  for (int byte = 0; byte < 256; ++byte)
    data.tokens.push_back(model::byte_level_char(static_cast<unsigned char>(byte)));
  data.eos = 0;
  auto made = model::Tokenizer::make(std::move(data));
  REQUIRE(made.ok());
  return *made;
}

Prompt plain(const std::string& question) {
  Prompt prompt;
  prompt.question = question;
  prompt.prompt_template = "none";
  return prompt;
}

std::vector<model::Token> tokens_of(const std::string& text) { return bytes_only()->encode(text); }

}  // namespace

TEST_CASE("a_request_stops_at_the_token_that_completes_a_stop_text") {
  Prompting prompting{bytes_only(), {"</answer>", "END"}};
  const auto request = prompting.request(plain("hello"));
  REQUIRE(request.ok());
  CHECK(request->prompt == tokens_of("hello"));
  REQUIRE(request->stop_when);
  CHECK_FALSE(request->stop_when(tokens_of("a long text before </answer")));
  CHECK(request->stop_when(tokens_of("a long text before </answer>")));
  CHECK(request->stop_when(tokens_of("END")));
  CHECK_FALSE(request->stop_when(std::vector<model::Token>{}));
}

TEST_CASE("without_stop_texts_the_engine_is_not_asked_to_look") {
  Prompting prompting{bytes_only(), {}};
  CHECK_FALSE(prompting.request(plain("hello"))->stop_when);
}

TEST_CASE("a_sample_reads_up_to_its_stop_text") {
  Prompting prompting{bytes_only(), {"END"}};
  model::GeneratedSample made;
  made.tokens = tokens_of("it is 7 END of");
  CHECK(prompting.finish(plain("q"), made) == "it is 7 END");
  made.tokens = tokens_of("no stop");
  CHECK(prompting.finish(plain("q"), made) == "no stop");
}
