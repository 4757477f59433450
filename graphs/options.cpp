// One table of a graph against the options that a contract declares: types, units, ranges, choices,
// names, defaults.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "graphs/draft.hpp"

namespace troupe::graphs {
namespace {

std::string number_text(double value, OptionType type) {
  if (type == OptionType::Duration) {
    return duration_text(Duration(static_cast<std::int64_t>(std::round(value * 1e9))));
  }
  if (type == OptionType::ByteSize) {
    return byte_size_text(ByteSize{static_cast<std::uint64_t>(value)});
  }
  return fmt::format("{}", value);
}

std::string range_text(const OptionSpec& spec) {
  const auto text = [&](double value) { return number_text(value, spec.type); };
  if (spec.low && spec.high) return fmt::format("{} to {}", text(*spec.low), text(*spec.high));
  if (spec.low)
    return fmt::format("{} {}", spec.low_open ? "more than" : "at least", text(*spec.low));
  return fmt::format("at most {}", text(*spec.high));
}

std::string expected(const OptionSpec& spec) {
  switch (spec.type) {
    case OptionType::Bool:
      return "true or false";
    case OptionType::Integer:
      return "an integer";
    case OptionType::Real:
      return "a number";
    case OptionType::String:
      return "a text in quotes";
    case OptionType::Duration:
      return "a duration such as \"2s\" or \"500ms\"";
    case OptionType::ByteSize:
      return "a size such as \"64MiB\"";
    case OptionType::Count:
      return fmt::format("a count such as \"{} {}\"", spec.unit == CountUnit::Steps ? 400 : 256,
                         name_of(spec.unit.value_or(CountUnit::Samples)));
    case OptionType::Path:
      return "a path in quotes";
    case OptionType::Model:
      return "the name of a model in quotes";
    case OptionType::StageRef:
      return "the name of a stage in quotes";
    case OptionType::StageWeights:
      return "a table such as { check_math = 1.0 }";
  }
  return "";
}

std::string_view units_help(OptionType type) {
  switch (type) {
    case OptionType::Duration:
      return "units of time: ns, us, ms, s, m, h, d; for example \"2s\"";
    case OptionType::ByteSize:
      return "units of size: B, KiB, MiB, GiB, kB, MB, GB; for example \"64MiB\"";
    default:
      return "units of counts: samples, groups, prompts, steps; for example \"8 groups\"";
  }
}

/// Converts values of one table; every failure is a finding.
class Converter {
 public:
  Converter(Draft& draft, const OptionSpec& spec) : draft_(draft), spec_(spec) {}

  std::optional<DraftOption> option(const RawEntry& entry) {
    DraftOption out;
    out.origin = origin_of(entry);
    out.key_span = entry.key_span;
    out.value_span = entry.value.span;
    std::optional<Value> value;
    if (spec_.list && entry.value.type == RawNode::Type::Array) {
      List items;
      bool complete = true;
      for (const RawNode& node : entry.value.array) {
        auto item = one(node, out);
        if (!item) complete = false;
        if (item) items.push_back(std::move(*item));
        out.item_spans.push_back(node.span);
      }
      if (complete) value = Value(std::move(items));
    } else {
      value = one(entry.value, out);
      out.item_spans.push_back(entry.value.span);
      if (value && spec_.list) value = Value(List{std::move(*value)});
    }
    if (!value) return std::nullopt;
    out.value = std::move(*value);
    return out;
  }

 private:
  /// Keys of a table may come from files over the one that began it.
  Origin origin_of(const RawEntry& entry) const {
    Origin out = draft_.origin_of(entry.key_span);
    std::vector<std::uint32_t> told{entry.key_span.source};
    for (const RawEntry& key : entry.value.table) {
      const std::uint32_t source = key.key_span.source;
      if (std::find(told.begin(), told.end(), source) != told.end()) continue;
      told.push_back(source);
      const Origin more = draft_.origin_of(key.key_span);
      out.from = more.from;
      out.place += ", " + more.place;
    }
    return out;
  }

  std::nullopt_t wrong_type(const RawNode& node, std::string help = "") {
    Diagnostic& found =
        draft_.findings.error(codes::kWrongType,
                              fmt::format("{}`{}` is {}, not {}", spec_.list ? "an item of " : "",
                                          spec_.name, expected(spec_), node.describe()),
                              node.span, fmt::format("expected {}", expected(spec_)));
    if (!help.empty()) found.help.push_back(std::move(help));
    if (!spec_.doc.empty()) found.help.push_back(fmt::format("{}: {}", spec_.name, spec_.doc));
    return std::nullopt;
  }

  std::nullopt_t wrong_unit(const RawNode& node, std::string label) {
    draft_.findings
        .error(codes::kWrongUnit, fmt::format("`{}` needs {}", spec_.name, expected(spec_)),
               node.span, std::move(label))
        .help.push_back(
            spec_.unit ? fmt::format("write it in {}, for example {}", name_of(*spec_.unit),
                                     spec_.default_value && spec_.default_value->as_count().n > 0
                                         ? spec_.default_value->text()
                                         : expected(spec_).substr(sizeof("a count such as ") - 1))
                       : std::string(units_help(spec_.type)));
    return std::nullopt;
  }

  std::optional<Value> one(const RawNode& node, DraftOption& out) {
    using Type = RawNode::Type;
    std::string storage;
    switch (spec_.type) {
      case OptionType::Bool:
        if (node.type != Type::Bool) return wrong_type(node);
        return Value(node.boolean);
      case OptionType::Integer:
        if (node.type == Type::Real && node.real == std::floor(node.real) &&
            std::abs(node.real) < 0x1p53) {
          return wrong_type(node, fmt::format("write {}", static_cast<std::int64_t>(node.real)));
        }
        if (node.type != Type::Integer) return wrong_type(node);
        return ranged(Value(node.integer), static_cast<double>(node.integer), node);
      case OptionType::Real:
        if (node.type == Type::Integer) {
          const double real = static_cast<double>(node.integer);
          return ranged(Value(real), real, node);
        }
        if (node.type != Type::Real) return wrong_type(node);
        if (!std::isfinite(node.real)) return wrong_type(node, "nan and inf are no settings");
        return ranged(Value(node.real), node.real, node);
      case OptionType::Duration:
      case OptionType::ByteSize:
      case OptionType::Count:
        return with_unit(node);
      case OptionType::StageWeights:
        return weights(node, out);
      default:
        break;
    }
    const std::string* text = text_of_node(draft_, node, storage);
    if (!text) return wrong_type(node);
    return texts(*text, node, out);
  }

  std::optional<Value> with_unit(const RawNode& node) {
    if (node.type == RawNode::Type::Integer || node.type == RawNode::Type::Real) {
      return wrong_unit(node, "this number has no unit");
    }
    if (node.type != RawNode::Type::String) return wrong_type(node);
    if (spec_.type == OptionType::Duration) {
      const auto value = parse_duration(node.string);
      if (!value) return wrong_unit(node, "this is no duration");
      return ranged(Value(*value), static_cast<double>(value->count()) * 1e-9, node);
    }
    if (spec_.type == OptionType::ByteSize) {
      const auto value = parse_byte_size(node.string);
      if (!value) return wrong_unit(node, "this is no size");
      return ranged(Value(*value), static_cast<double>(value->bytes), node);
    }
    const auto value = parse_count(node.string);
    if (!value) return wrong_unit(node, "this is no count");
    if (spec_.unit && value->unit != *spec_.unit) {
      return wrong_unit(node, fmt::format("counted in {} here", name_of(*spec_.unit)));
    }
    return ranged(Value(*value), static_cast<double>(value->n), node);
  }

  std::optional<Value> weights(const RawNode& node, DraftOption& out) {
    if (node.type != RawNode::Type::Fields) return wrong_type(node);
    Table table;
    bool complete = true;
    for (const RawEntry& entry : node.table) {
      const RawNode& value = entry.value;
      out.key_spans[entry.key] = entry.key_span;
      if (value.type != RawNode::Type::Integer && value.type != RawNode::Type::Real) {
        draft_.findings.error(
            codes::kWrongType,
            fmt::format("the weight of `{}` is a number, not {}", entry.key, value.describe()),
            value.span, "expected a number");
        complete = false;
        continue;
      }
      const double real =
          value.type == RawNode::Type::Integer ? static_cast<double>(value.integer) : value.real;
      if (!ranged(Value(real), real, value)) complete = false;
      table.push_back({entry.key, Value(real)});
    }
    if (!complete) return std::nullopt;
    return Value(std::move(table));
  }

  std::optional<Value> texts(const std::string& text, const RawNode& node, DraftOption& out) {
    if (!spec_.choices.empty() &&
        std::find(spec_.choices.begin(), spec_.choices.end(), text) == spec_.choices.end()) {
      Diagnostic& found = draft_.findings.error(
          codes::kNotAChoice, fmt::format("`{}` cannot be \"{}\"", spec_.name, text), node.span,
          "not one of the choices");
      if (const std::string near = nearest(text, spec_.choices); !near.empty()) {
        found.help.push_back(fmt::format("did you mean \"{}\"?", near));
      }
      found.help.push_back(
          fmt::format("{} is one of {}", spec_.name, quoted_list(spec_.choices, "or")));
      return std::nullopt;
    }
    if (spec_.type == OptionType::Path) {
      if (text.empty()) return wrong_type(node, "the path is empty");
      out.written = text;
      const Source& source = draft_.sources[node.span.source];
      if (source.is_recipe && text.front() == '@') {
        draft_.artifacts.push_back({text, node.span});
        return Value(text);
      }
      // A path in a file belongs to that file; one on the command line to where it was typed.
      std::filesystem::path path(text);
      if (path.is_relative() && source.is_file) {
        path = std::filesystem::path(source.name).parent_path() / path;
      }
      return Value(path.lexically_normal().string());
    }
    return Value(text);
  }

  std::optional<Value> ranged(Value value, double number, const RawNode& node) {
    const bool low = spec_.low && (spec_.low_open ? number <= *spec_.low : number < *spec_.low);
    const bool high = spec_.high && number > *spec_.high;
    if (!low && !high) return value;
    Diagnostic& found = draft_.findings.error(
        codes::kOutOfRange,
        fmt::format("`{}` cannot be {}", spec_.name, number_text(number, spec_.type)), node.span,
        fmt::format("allowed: {}", range_text(spec_)));
    if (!spec_.doc.empty()) found.help.push_back(fmt::format("{}: {}", spec_.name, spec_.doc));
    return std::nullopt;
  }

  Draft& draft_;
  const OptionSpec& spec_;
};

struct Reserved {
  std::string_view key, meaning;
};
constexpr Reserved kReserved[] = {
    {"on", "placement of stages"},
    {"instances", "several instances of a stage"},
    {"init", "models made from an architecture table"},
    {"durable", "durability against power loss"},
    {"exact", "byte-exact runs"},
};

void unknown_key(Draft& draft, const RawEntry& entry, const std::vector<std::string>& known,
                 const std::string& owner) {
  for (const Reserved& reserved : kReserved) {
    if (entry.key != reserved.key) continue;
    draft.findings
        .error(codes::kNotSupportedYet,
               fmt::format("not supported yet: {} (`{}`)", reserved.meaning, reserved.key),
               entry.key_span, "Troupe does not know what to do with this yet")
        .help.push_back("remove it; it would have no effect");
    return;
  }
  Diagnostic& found = draft.findings.error(codes::kUnknownKey,
                                           fmt::format("{} has no option `{}`", owner, entry.key),
                                           entry.key_span, "unknown option");
  // An option of the kind that the stage had before another file gave it a new one.
  if (draft.kind_span && draft.lies_below(entry.key_span, *draft.kind_span)) {
    found.secondary.push_back({*draft.kind_span, "its kind is set here"});
    found.help.push_back(fmt::format("to take it away, write it into `remove = [...]` there"));
  }
  found.help.push_back(name_help(entry.key, known, "its options"));
}

}  // namespace

const std::string* text_of_node(const Draft& draft, const RawNode& node, std::string& storage) {
  if (node.type == RawNode::Type::String) return &node.string;
  const Source& source = draft.sources[node.span.source];
  if (source.is_file || node.type == RawNode::Type::Fields || node.type == RawNode::Type::Array) {
    return nullptr;
  }
  storage = source.text.substr(node.span.begin, node.span.end - node.span.begin);
  return &storage;
}

DraftOptions read_options(Draft& draft, const RawNode& table, const std::vector<OptionSpec>& specs,
                          const std::vector<std::string>& other_keys, const std::string& owner,
                          Span header) {
  DraftOptions out;
  std::vector<std::string> known = other_keys;
  for (const OptionSpec& spec : specs) known.push_back(spec.name);
  for (const RawEntry& entry : table.table) {
    const auto spec = std::find_if(specs.begin(), specs.end(),
                                   [&](const OptionSpec& s) { return s.name == entry.key; });
    if (spec != specs.end()) {
      if (auto option = Converter(draft, *spec).option(entry)) {
        out.emplace(spec->name, std::move(*option));
      }
    } else if (std::find(other_keys.begin(), other_keys.end(), entry.key) == other_keys.end()) {
      unknown_key(draft, entry, known, owner);
    }
  }
  for (const OptionSpec& spec : specs) {
    if (table.find(spec.name)) continue;
    if (spec.default_value) {
      DraftOption option;
      option.value = *spec.default_value;
      option.origin.place = "default";
      option.key_span = option.value_span = header;
      out.emplace(spec.name, std::move(option));
    } else if (spec.required) {
      draft.findings
          .error(codes::kMissingKey, fmt::format("{} needs `{}`", owner, spec.name), header,
                 fmt::format("`{}` is missing", spec.name))
          .help.push_back(
              fmt::format("add {} = ... ({}): {}", spec.name, expected(spec), spec.doc));
    }
  }
  return out;
}

}  // namespace troupe::graphs
