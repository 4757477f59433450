#include "graphs/value.hpp"

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

namespace troupe::graphs {
namespace {

struct NumberAndUnit {
  std::string_view number, unit;
};

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::optional<NumberAndUnit> split(std::string_view text) {
  text = trim(text);
  std::size_t end = 0;
  while (end < text.size() && (std::isdigit(static_cast<unsigned char>(text[end])) ||
                               text[end] == '.' || text[end] == '_')) {
    ++end;
  }
  if (end == 0) return std::nullopt;
  return NumberAndUnit{text.substr(0, end), trim(text.substr(end))};
}

std::optional<double> to_number(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c != '_') digits += c;
  }
  double number = 0;
  const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || rest != digits.data() + digits.size()) return std::nullopt;
  return number;
}

struct Scale {
  std::string_view unit;
  double factor;
};
constexpr std::array kDurations = {Scale{"ns", 1},     Scale{"us", 1e3},   Scale{"ms", 1e6},
                                   Scale{"s", 1e9},    Scale{"m", 60e9},   Scale{"min", 60e9},
                                   Scale{"h", 3600e9}, Scale{"d", 86400e9}};
constexpr std::array kSizes = {Scale{"B", 1},        Scale{"KiB", 0x1p10}, Scale{"MiB", 0x1p20},
                               Scale{"GiB", 0x1p30}, Scale{"TiB", 0x1p40}, Scale{"kB", 1e3},
                               Scale{"MB", 1e6},     Scale{"GB", 1e9},     Scale{"TB", 1e12}};

template <std::size_t N>
std::optional<double> scaled(std::string_view text, const std::array<Scale, N>& scales) {
  const auto parts = split(text);
  if (!parts) return std::nullopt;
  const auto number = to_number(parts->number);
  if (!number) return std::nullopt;
  for (const Scale& scale : scales) {
    // Below 2^53 the product is exact enough, and no unit of a graph is larger.
    if (scale.unit == parts->unit && *number * scale.factor < 0x1p53) {
      return std::round(*number * scale.factor);
    }
  }
  return std::nullopt;
}

std::string quoted_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\r':
        out += "\\r";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          out += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
        } else {
          out += c;
        }
    }
  }
  return out + '"';
}

bool is_bare_key(std::string_view text) {
  for (const char c : text) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '-') return false;
  }
  return !text.empty();
}

std::string real_text(double value) {
  std::string text = fmt::format("{}", value);
  // TOML tells a float from an integer by the point.
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

}  // namespace

std::string_view name_of(CountUnit unit) {
  switch (unit) {
    case CountUnit::Samples:
      return "samples";
    case CountUnit::Groups:
      return "groups";
    case CountUnit::Prompts:
      return "prompts";
    case CountUnit::Steps:
      return "steps";
  }
  return "";
}

double Value::as_real() const {
  if (const auto* integer = get_if<std::int64_t>()) return static_cast<double>(*integer);
  return get<double>();
}

std::vector<std::string> Value::as_strings() const {
  std::vector<std::string> out;
  for (const Value& item : as_list()) out.push_back(item.as_string());
  return out;
}

std::string Value::text() const {
  struct Text {
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(std::int64_t v) const { return std::to_string(v); }
    std::string operator()(double v) const { return real_text(v); }
    std::string operator()(const std::string& v) const { return quoted_text(v); }
    std::string operator()(Duration v) const { return quoted_text(duration_text(v)); }
    std::string operator()(ByteSize v) const { return quoted_text(byte_size_text(v)); }
    std::string operator()(Count v) const { return quoted_text(count_text(v)); }
    std::string operator()(const List& v) const {
      std::string out = "[";
      for (const Value& item : v) out += (out.size() > 1 ? ", " : "") + item.text();
      return out + "]";
    }
    std::string operator()(const Table& v) const {
      if (v.empty()) return "{}";
      std::string out = "{";
      for (const Field& field : v) {
        out += out.size() > 1 ? ", " : " ";
        out += is_bare_key(field.name) ? field.name : quoted_text(field.name);
        out += " = " + field.value.text();
      }
      return out + " }";
    }
  };
  return std::visit(Text{}, data_);
}

std::string Value::describe() const {
  static constexpr std::array<const char*, 9> kNames = {
      "true or false",   "an integer", "a number", "a text", "a duration",
      "a size in bytes", "a count",    "a list",   "a table"};
  return kNames[data_.index()];
}

bool Value::operator==(const Value& other) const { return data_ == other.data_; }

std::optional<Duration> parse_duration(std::string_view text) {
  const auto ns = scaled(text, kDurations);
  if (!ns) return std::nullopt;
  return Duration(static_cast<std::int64_t>(*ns));
}

std::optional<ByteSize> parse_byte_size(std::string_view text) {
  const auto bytes = scaled(text, kSizes);
  if (!bytes) return std::nullopt;
  return ByteSize{static_cast<std::uint64_t>(*bytes)};
}

std::optional<Count> parse_count(std::string_view text) {
  const auto parts = split(text);
  if (!parts) return std::nullopt;
  const auto number = to_number(parts->number);
  if (!number || *number != std::floor(*number) || *number >= 0x1p53) return std::nullopt;
  for (const CountUnit unit :
       {CountUnit::Samples, CountUnit::Groups, CountUnit::Prompts, CountUnit::Steps}) {
    const std::string_view plural = name_of(unit);
    if (parts->unit == plural || parts->unit == plural.substr(0, plural.size() - 1)) {
      return Count{static_cast<std::int64_t>(*number), unit};
    }
  }
  return std::nullopt;
}

std::string duration_text(Duration value) {
  const std::int64_t ns = value.count();
  struct Unit {
    std::int64_t ns;
    const char* name;
  };
  for (const Unit unit : {Unit{3'600'000'000'000, "h"}, Unit{60'000'000'000, "m"},
                          Unit{1'000'000'000, "s"}, Unit{1'000'000, "ms"}, Unit{1'000, "us"}}) {
    if (ns != 0 && ns % unit.ns == 0) return std::to_string(ns / unit.ns) + unit.name;
  }
  return ns == 0 ? "0s" : std::to_string(ns) + "ns";
}

std::string byte_size_text(ByteSize value) {
  struct Unit {
    std::uint64_t bytes;
    const char* name;
  };
  for (const Unit unit : {Unit{1ull << 40, "TiB"}, Unit{1ull << 30, "GiB"}, Unit{1ull << 20, "MiB"},
                          Unit{1ull << 10, "KiB"}}) {
    if (value.bytes != 0 && value.bytes % unit.bytes == 0) {
      return std::to_string(value.bytes / unit.bytes) + unit.name;
    }
  }
  return std::to_string(value.bytes) + "B";
}

std::string count_text(Count value) {
  std::string_view unit = name_of(value.unit);
  if (value.n == 1) unit.remove_suffix(1);
  return fmt::format("{} {}", value.n, unit);
}

}  // namespace troupe::graphs
