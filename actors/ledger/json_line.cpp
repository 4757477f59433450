#include "actors/ledger/json_line.hpp"

#include <charconv>
#include <nlohmann/json.hpp>

namespace troupe::ledger {
namespace {

constexpr std::size_t kMaxMembers = 256;  // verdicts of a sample are the most there can be
constexpr int kMaxDepth = 32;

void skip_space(std::string_view line, std::size_t& at) {
  while (at < line.size() && (line[at] == ' ' || line[at] == '\t' || line[at] == '\r')) ++at;
}

/// Past the string that begins at `at`; false: it does not end.
bool skip_string(std::string_view line, std::size_t& at) {
  for (++at;;) {
    const std::size_t quote = line.find('"', at);
    if (quote == std::string_view::npos) return false;
    std::size_t slashes = 0;
    while (quote - slashes > at && line[quote - slashes - 1] == '\\') ++slashes;
    at = quote + 1;
    if (slashes % 2 == 0) return true;
  }
}

bool skip_nested(std::string_view line, std::size_t& at) {
  int depth = 0;
  while (at < line.size()) {
    switch (line[at]) {
      case '"':
        if (!skip_string(line, at)) return false;
        continue;
      case '{':
      case '[':
        if (++depth > kMaxDepth) return false;
        break;
      case '}':
      case ']':
        if (--depth == 0) return ++at, true;
        break;
      default:
        break;
    }
    ++at;
  }
  return false;
}

bool skip_value(std::string_view line, std::size_t& at) {
  if (at >= line.size()) return false;
  if (line[at] == '"') return skip_string(line, at);
  if (line[at] == '{' || line[at] == '[') return skip_nested(line, at);
  const std::size_t begin = at;
  while (at < line.size() && line[at] != ',' && line[at] != '}' && line[at] != ' ') ++at;
  return at > begin;
}

bool is_string(std::string_view raw) { return raw.size() >= 2 && raw.front() == '"'; }

}  // namespace

std::optional<JsonLine> JsonLine::scan(std::string_view line) {
  JsonLine found;
  found.members_.reserve(32);
  std::size_t at = 0;
  skip_space(line, at);
  if (at >= line.size() || line[at] != '{') return std::nullopt;
  ++at;
  skip_space(line, at);
  if (at < line.size() && line[at] == '}') return found;
  for (;;) {
    skip_space(line, at);
    if (at >= line.size() || line[at] != '"') return std::nullopt;
    const std::size_t key = at + 1;
    if (!skip_string(line, at)) return std::nullopt;
    const std::string_view name = line.substr(key, at - 1 - key);
    skip_space(line, at);
    if (at >= line.size() || line[at] != ':') return std::nullopt;
    ++at;
    skip_space(line, at);
    const std::size_t value = at;
    if (!skip_value(line, at) || found.members_.size() == kMaxMembers) return std::nullopt;
    found.members_.emplace_back(name, line.substr(value, at - value));
    skip_space(line, at);
    if (at >= line.size()) return std::nullopt;
    if (line[at] == '}') break;
    if (line[at] != ',') return std::nullopt;
    ++at;
  }
  ++at;
  skip_space(line, at);
  if (at != line.size()) return std::nullopt;
  return found;
}

std::optional<std::string_view> JsonLine::raw(std::string_view name) const {
  for (const auto& [key, value] : members_)
    if (key == name) return value;
  return std::nullopt;
}

std::optional<double> JsonLine::number(std::string_view name) const {
  const auto value = raw(name);
  if (!value) return std::nullopt;
  double number = 0;
  const auto [end, code] = std::from_chars(value->data(), value->data() + value->size(), number);
  if (code != std::errc() || end != value->data() + value->size()) return std::nullopt;
  return number;
}

std::optional<std::uint64_t> JsonLine::integer(std::string_view name) const {
  const auto value = raw(name);
  if (!value) return std::nullopt;
  std::uint64_t number = 0;
  const auto [end, code] = std::from_chars(value->data(), value->data() + value->size(), number);
  if (code != std::errc() || end != value->data() + value->size()) return std::nullopt;
  return number;
}

std::optional<std::string_view> JsonLine::plain(std::string_view name) const {
  const auto value = raw(name);
  if (!value || !is_string(*value)) return std::nullopt;
  const std::string_view inner = value->substr(1, value->size() - 2);
  if (inner.find('\\') != std::string_view::npos) return std::nullopt;
  return inner;
}

std::optional<std::string> JsonLine::text(std::string_view name) const {
  if (const auto easy = plain(name)) return std::string(*easy);
  const auto value = raw(name);
  if (!value || !is_string(*value)) return std::nullopt;
  const auto parsed = nlohmann::json::parse(*value, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_string()) return std::nullopt;
  return parsed.get<std::string>();
}

std::optional<JsonLine> JsonLine::object(std::string_view name) const {
  const auto value = raw(name);
  return value ? scan(*value) : std::nullopt;
}

}  // namespace troupe::ledger
