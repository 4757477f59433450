#pragma once
// Conformance vector files: {"name", "cases": [{"id", "inputs", "expected", "rtol", "atol"?}]}, and
// the comparison of a value with an expected one. Reading reports what is wrong with a file and
// where; nothing is thrown.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "schemas/base/result.hpp"

namespace troupe::vectors {

using Json = nlohmann::json;

struct VectorCase {
  std::string id;
  Json inputs;
  Json expected;
  double rtol = 0;             // 0: exact
  std::optional<double> atol;  // 1e-12 when absent
};

struct VectorFile {
  std::string name;
  std::vector<VectorCase> cases;
};

Result<VectorFile> read_vector_file(const std::filesystem::path& path);

/// Empty when `got` is `expected` within |got - expected| <= atol + rtol |expected| for every
/// number; otherwise the first place where it is not.
std::string difference(const Json& got, const Json& expected, const VectorCase& tolerance);

}  // namespace troupe::vectors
