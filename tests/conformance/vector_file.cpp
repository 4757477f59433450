#include "tests/conformance/vector_file.hpp"

#include <cmath>
#include <fstream>
#include <iterator>

namespace troupe::vectors {
namespace {

Error broken(const std::filesystem::path& path, std::string why) {
  return {ErrorCode::Corrupt, "cannot read " + path.string() + ": " + std::move(why),
          "a vector file is {\"name\", \"cases\": [{\"id\", \"inputs\", \"expected\", \"rtol\"}]}"};
}

std::string number_difference(double got, double expected, const VectorCase& tolerance) {
  // Exact means exact: the default atol is for values near zero that went through arithmetic.
  const double atol = tolerance.atol.value_or(tolerance.rtol == 0 ? 0.0 : 1e-12);
  const double allowed = atol + tolerance.rtol * std::abs(expected);
  if (got == expected || std::abs(got - expected) <= allowed) return {};
  return "got " + Json(got).dump() + ", expected " + Json(expected).dump() + " (off by " +
         Json(std::abs(got - expected)).dump() + ", allowed " + Json(allowed).dump() + ")";
}

}  // namespace

Result<VectorFile> read_vector_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return broken(path, "it cannot be opened");
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return broken(path, "it is not JSON");
  if (!json.is_object()) return broken(path, "it is not an object");
  if (!json.contains("name") || !json["name"].is_string()) return broken(path, "it has no name");
  if (!json.contains("cases") || !json["cases"].is_array()) return broken(path, "it has no cases");

  VectorFile file;
  file.name = json["name"].get<std::string>();
  for (const Json& item : json["cases"]) {
    const std::string where = "case " + std::to_string(file.cases.size());
    if (!item.is_object()) return broken(path, where + " is not an object");
    for (const char* key : {"id", "inputs", "expected", "rtol"}) {
      if (!item.contains(key)) return broken(path, where + " has no '" + key + "'");
    }
    if (!item["id"].is_string()) return broken(path, where + ": the id is not text");
    if (!item["expected"].is_object()) return broken(path, where + ": expected is not an object");
    if (!item["rtol"].is_number()) return broken(path, where + ": rtol is not a number");
    VectorCase c;
    c.id = item["id"].get<std::string>();
    c.inputs = item["inputs"];
    c.expected = item["expected"];
    c.rtol = item["rtol"].get<double>();
    if (item.contains("atol") && item["atol"].is_number()) c.atol = item["atol"].get<double>();
    file.cases.push_back(std::move(c));
  }
  if (file.cases.empty()) return broken(path, "it has no cases");
  return file;
}

std::string difference(const Json& got, const Json& expected, const VectorCase& tolerance) {
  if (expected.is_array()) {
    if (!got.is_array()) return "got " + got.dump() + ", expected a list";
    if (got.size() != expected.size()) {
      return "got " + std::to_string(got.size()) + " values, expected " +
             std::to_string(expected.size());
    }
    for (std::size_t i = 0; i < got.size(); ++i) {
      std::string d = difference(got[i], expected[i], tolerance);
      if (!d.empty()) return "[" + std::to_string(i) + "] " + d;
    }
    return {};
  }
  if (expected.is_object()) {
    for (const auto& [key, value] : expected.items()) {
      if (!got.is_object() || !got.contains(key)) return "." + key + " was not computed";
      std::string d = difference(got[key], value, tolerance);
      if (!d.empty()) return "." + key + " " + d;
    }
    return {};
  }
  if (expected.is_number() && got.is_number()) {
    return number_difference(got.get<double>(), expected.get<double>(), tolerance);
  }
  return got == expected ? std::string() : "got " + got.dump() + ", expected " + expected.dump();
}

}  // namespace troupe::vectors
