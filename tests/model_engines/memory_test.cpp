// What `troupe plan` says of a model (model/memory.hpp) against what the engines make of it.
#include "model/memory.hpp"

#include "model/engines/forward.hpp"
#include "model/engines/kv_cache.hpp"
#include "tests/catch.hpp"
#include "tests/model_engines/tiny_model.hpp"

namespace troupe::model {

TEST_CASE("planned_weights_have_the_size_of_the_engines_buffer") {
  for (const bool tied : {true, false}) {
    ModelConfig config = tiny_config();
    config.tie_word_embeddings = tied;
    const auto architecture = Architecture::make(config);
    REQUIRE(architecture.ok());
    const ModelFacts facts = facts_of(config);
    CHECK(facts.elements == static_cast<std::uint64_t>((*architecture)->elements));
    CHECK(facts.parameters == static_cast<std::uint64_t>((*architecture)->parameter_count));
    CHECK(weights_bytes(facts, 2) == facts.elements * 2);
  }
}

TEST_CASE("planned_pages_have_the_size_of_the_caches_pages") {
  const auto architecture = Architecture::make(tiny_config());
  REQUIRE(architecture.ok());
  const PagePool<float> pool(**architecture);
  CHECK(page_bytes(facts_of(tiny_config()), sizeof(float)) ==
        static_cast<std::uint64_t>(pool.page_elements()) * sizeof(float));
  CHECK(kCachePageTokens == static_cast<std::uint64_t>(kPageTokens));
  CHECK(pages_of(0) == 0);
  CHECK(pages_of(16) == 1);
  CHECK(pages_of(17) == 2);
}

TEST_CASE("a_planned_tape_ends_where_the_engines_tape_ends") {
  const auto architecture = Architecture::make(tiny_config());
  REQUIRE(architecture.ok());
  const ModelFacts facts = facts_of(tiny_config());
  constexpr std::int64_t kRows = 64;  // a multiple of 16: no array is padded
  for (const bool keep : {true, false}) {
    Tape<float> tape;
    tape.reserve(**architecture, kRows, keep);
    const auto last = tape.layer(facts.config.num_hidden_layers - 1);
    const char* begin = reinterpret_cast<const char*>(tape.final_input);
    const char* end =
        reinterpret_cast<const char*>(last.gate_up + kRows * 2 * facts.config.intermediate_size);
    CHECK(tape_bytes(facts, sizeof(float), kRows, keep) == static_cast<std::uint64_t>(end - begin));
  }
}

}  // namespace troupe::model
