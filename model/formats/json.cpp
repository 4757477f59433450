#include "model/formats/json.hpp"

#include <limits>

namespace troupe::model {
namespace {

/// nlohmann's parser does not recurse, but every level costs memory.
bool too_deep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      else if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kJsonDepthMax) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

Error missing(const char* key) {
  return Error{ErrorCode::Corrupt, std::string("key '") + key + "' is missing",
               "Use the files as their model's author published them"};
}

Error wrong(const char* key, const char* wanted) {
  return Error{ErrorCode::Corrupt, std::string("key '") + key + "' is not " + wanted,
               "Use the files as their model's author published them"};
}

}  // namespace

Result<Json> parse_json(std::string_view text) {
  if (too_deep(text))
    return Error{ErrorCode::Corrupt,
                 "JSON nested deeper than " + std::to_string(kJsonDepthMax) + " levels",
                 "Is it the right file?"};
  Json value = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded())
    return Error{ErrorCode::Corrupt, "not valid JSON",
                 "The file is damaged or not complete: fetch it again"};
  return value;
}

const Json* optional_field(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(key);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

Result<std::int64_t> int_field(const Json& object, const char* key,
                               std::optional<std::int64_t> otherwise) {
  const Json* field = optional_field(object, key);
  if (field == nullptr) return otherwise ? Result<std::int64_t>(*otherwise) : missing(key);
  if (field->is_number_unsigned() &&
      field->get<std::uint64_t>() >
          static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return wrong(key, "an integer of 64 bits");
  if (!field->is_number_integer()) return wrong(key, "an integer");
  return field->get<std::int64_t>();
}

Result<double> number_field(const Json& object, const char* key, std::optional<double> otherwise) {
  const Json* field = optional_field(object, key);
  if (field == nullptr) return otherwise ? Result<double>(*otherwise) : missing(key);
  if (!field->is_number()) return wrong(key, "a number");
  return field->get<double>();
}

Result<bool> bool_field(const Json& object, const char* key, std::optional<bool> otherwise) {
  const Json* field = optional_field(object, key);
  if (field == nullptr) return otherwise ? Result<bool>(*otherwise) : missing(key);
  if (!field->is_boolean()) return wrong(key, "true or false");
  return field->get<bool>();
}

Result<std::string> string_field(const Json& object, const char* key,
                                 std::optional<std::string> otherwise) {
  const Json* field = optional_field(object, key);
  if (field == nullptr) return otherwise ? Result<std::string>(*otherwise) : missing(key);
  if (!field->is_string()) return wrong(key, "a string");
  return field->get<std::string>();
}

}  // namespace troupe::model
