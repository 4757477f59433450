#pragma once
// Reading JSON from files that may be hostile: a parse never throws, refuses nesting deeper than
// `kJsonDepthMax`, and every field is read with its type and range checked. Pure functions. Errors
// name the key. Only .cpp files include this header.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "schemas/base/result.hpp"

namespace troupe::model {

using Json = nlohmann::json;
inline constexpr int kJsonDepthMax = 64;

/// Corrupt unless `text` is one JSON value.
Result<Json> parse_json(std::string_view text);

// Fields of `object`. A missing or null field gives `otherwise`, or an error without one.
Result<std::int64_t> int_field(const Json& object, const char* key,
                               std::optional<std::int64_t> otherwise = {});
Result<double> number_field(const Json& object, const char* key,
                            std::optional<double> otherwise = {});
Result<bool> bool_field(const Json& object, const char* key, std::optional<bool> otherwise = {});
Result<std::string> string_field(const Json& object, const char* key,
                                 std::optional<std::string> otherwise = {});
/// The field, or nullptr when it is missing or null.
const Json* optional_field(const Json& object, const char* key);

}  // namespace troupe::model
