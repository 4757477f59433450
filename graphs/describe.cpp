#include "graphs/describe.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace troupe::graphs {
namespace {

using Json = nlohmann::ordered_json;

std::string number(double value, OptionType type) {
  if (type == OptionType::Duration) {
    return duration_text(Duration(static_cast<std::int64_t>(value * 1e9 + 0.5)));
  }
  if (type == OptionType::ByteSize) {
    return byte_size_text({static_cast<std::uint64_t>(value)});
  }
  return fmt::format("{}", value);
}

}  // namespace

std::string type_text(const OptionSpec& spec) {
  std::string out(name_of(spec.type));
  if (spec.type == OptionType::StageRef && !spec.family.empty()) out = spec.family + " stage";
  if (spec.unit) out = fmt::format("count of {}", name_of(*spec.unit));
  if (spec.list) out = "list of " + out;
  return out;
}

std::string limits_text(const OptionSpec& spec) {
  std::string out;
  for (const std::string& choice : spec.choices) out += (out.empty() ? "" : " | ") + choice;
  if (spec.low && spec.high) {
    out = fmt::format("{} to {}", number(*spec.low, spec.type), number(*spec.high, spec.type));
  } else if (spec.low) {
    out = fmt::format("{} {}", spec.low_open ? "more than" : "at least",
                      number(*spec.low, spec.type));
  } else if (spec.high) {
    out = fmt::format("at most {}", number(*spec.high, spec.type));
  }
  return out;
}

Json value_json(const Value& value) {
  struct ToJson {
    Json operator()(bool v) const { return v; }
    Json operator()(std::int64_t v) const { return v; }
    Json operator()(double v) const { return v; }
    Json operator()(const std::string& v) const { return v; }
    Json operator()(Duration v) const { return duration_text(v); }
    Json operator()(ByteSize v) const { return byte_size_text(v); }
    Json operator()(Count v) const { return count_text(v); }
    Json operator()(const List& v) const {
      Json out = Json::array();
      for (const Value& item : v) out.push_back(value_json(item));
      return out;
    }
    Json operator()(const Table& v) const {
      Json out = Json::object();
      for (const Field& field : v) out[field.name] = value_json(field.value);
      return out;
    }
  };
  return value.visit(ToJson{});
}

std::uint64_t queue_bytes(const Plan& plan) {
  std::uint64_t bytes = 0;
  for (const EdgePlan& edge : plan.edges) {
    if (edge.delivery == Delivery::Queue) bytes += edge.capacity_bytes;
  }
  return bytes;
}

}  // namespace troupe::graphs
