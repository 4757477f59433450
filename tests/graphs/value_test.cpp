#include "graphs/value.hpp"

#include "graphs/contract.hpp"
#include "graphs/findings.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::graphs;
using namespace std::chrono_literals;

TEST_CASE("units_are_read_as_people_write_them") {
  CHECK(parse_duration("2s") == Duration(2s));
  CHECK(parse_duration("500 ms") == Duration(500ms));
  CHECK(parse_duration("1.5s") == Duration(1500ms));
  CHECK(parse_duration("2h") == Duration(2h));
  CHECK(parse_byte_size("64MiB")->bytes == 64ull << 20);
  CHECK(parse_byte_size("5 MB")->bytes == 5'000'000);
  CHECK(parse_byte_size("1_024B")->bytes == 1024);
  CHECK(parse_count("256 samples") == Count{256, CountUnit::Samples});
  CHECK(parse_count("1 group") == Count{1, CountUnit::Groups});
  for (const char* wrong : {"", "2", "s", "2 parsecs", "-2s", "2s3", "1..2s", "1e400s", "2S"}) {
    INFO(wrong);
    CHECK_FALSE(parse_duration(wrong));
  }
  for (const char* wrong : {"64", "64 mib", "9999999999TiB", "MiB", "-1B"}) {
    INFO(wrong);
    CHECK_FALSE(parse_byte_size(wrong));
  }
  for (const char* wrong : {"256", "1.5 samples", "samples", "-1 groups", "3 apples"}) {
    INFO(wrong);
    CHECK_FALSE(parse_count(wrong));
  }
}

TEST_CASE("values_are_written_as_a_graph_writes_them") {
  CHECK(Value(true).text() == "true");
  CHECK(Value(1.0).text() == "1.0");
  CHECK(Value(1e-6).text() == "1e-06");
  CHECK(Value("a\"b\n").text() == "\"a\\\"b\\n\"");
  CHECK(Value(1500ms).text() == "\"1500ms\"");
  CHECK(Value(ByteSize{64u << 20}).text() == "\"64MiB\"");
  CHECK(Value(Count{1, CountUnit::Groups}).text() == "\"1 group\"");
  CHECK(Value(List{1, "x"}).text() == "[1, \"x\"]");
  CHECK(Value(Table{{"a", 1}, {"b c", 2.5}}).text() == "{ a = 1, \"b c\" = 2.5 }");
}

TEST_CASE("every_unit_text_reads_back_as_itself") {
  for (const std::int64_t ns : {0ll, 1ll, 999ll, 1000ll, 1'500'000ll, 2'000'000'000ll,
                                90'000'000'000ll, 3'600'000'000'000ll}) {
    CHECK(parse_duration(duration_text(Duration(ns))) == Duration(ns));
  }
  for (const std::uint64_t bytes : {1ull, 1023ull, 1024ull, 1536ull, 1ull << 30}) {
    CHECK(parse_byte_size(byte_size_text({bytes}))->bytes == bytes);
  }
}

TEST_CASE("the_nearest_name_is_the_one_that_was_meant") {
  CHECK(edit_distance("abc", "acb") == 1);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("kitten", "sitting") == 3);
  const std::vector<std::string> names = {"temperature", "top_p", "check_math", "policy"};
  CHECK(nearest("temprature", names) == "temperature");
  CHECK(nearest("math", names) == "check_math");
  CHECK(nearest("plicy", names) == "policy");
  CHECK(nearest("zzz", names).empty());
  CHECK(nearest("x", names).empty());
}

TEST_CASE("contracts_take_defaults_with_units_and_know_their_default_ports") {
  const Contract made = contract("verifier.x")
                            .doc("d")
                            .in("samples", MessageType::Sample)
                            .out("samples", MessageType::Sample)
                            .in_latest("state", MessageType::Weights)
                            .option("timeout", OptionType::Duration, "2s", "t")
                            .option("rate", OptionType::Real, 1, "r");
  CHECK(made.family() == "verifier");
  CHECK(made.option("timeout")->default_value->as_duration() == Duration(2s));
  CHECK(made.option("rate")->default_value->get_if<double>() != nullptr);
  CHECK(made.default_input(Delivery::Queue)->name == "samples");
  CHECK(made.default_input(Delivery::Latest)->name == "state");
  CHECK(made.default_output(Delivery::Latest) == nullptr);
  CHECK_FALSE(made.is_source());
  CHECK_FALSE(made.is_sink());
}
