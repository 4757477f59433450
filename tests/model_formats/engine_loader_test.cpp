#include "model/formats/engine_loader.hpp"

#include <fstream>
#include <vector>

#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::model;
namespace fs = std::filesystem;

TEST_CASE("engines_that_are_not_built_give_an_error_that_says_where_they_were_looked_for") {
  const std::vector<fs::path> nowhere{"/nonexistent/a.so", "/nonexistent/lib/b.so"};
  const auto loaded = load_engine_library_from(nowhere);
  REQUIRE(!loaded.ok());
  CHECK(loaded.error().code == ErrorCode::NotFound);
  CHECK(loaded.error().message.find("/nonexistent/a.so") != std::string::npos);
  CHECK(loaded.error().message.find("/nonexistent/lib/b.so") != std::string::npos);
  CHECK(loaded.error().help.find("./dev build") != std::string::npos);
}

TEST_CASE("a_file_that_is_no_engine_library_is_an_error") {
  const fs::path text = fs::temp_directory_path() / "troupe_no_library.so";
  std::ofstream(text) << "not a library";
  const std::vector<fs::path> candidates{text};
  const auto loaded = load_engine_library_from(candidates);
  REQUIRE(!loaded.ok());
  CHECK(loaded.error().code == ErrorCode::Infra);
  CHECK(loaded.error().message.find(text.string()) != std::string::npos);
  fs::remove(text);

  const std::vector<fs::path> other{TROUPE_OTHER_LIBRARY};  // a library without the symbol
  const auto opened = load_engine_library_from(other);
  REQUIRE(!opened.ok());
  CHECK(opened.error().message.find("not an engine library") != std::string::npos);
}

TEST_CASE("the_first_engine_library_that_exists_is_opened_once") {
  const std::vector<fs::path> candidates{"/nonexistent/a.so", TROUPE_FAKE_ENGINES};
  const auto loaded = load_engine_library_from(candidates);
  REQUIRE(loaded.ok());
  CHECK((*loaded)->load({.path = "x"}, 1).error().message == "fake: x");
  CHECK(*load_engine_library_from(candidates) == *loaded);
}
