// `troupe kinds`: contracts for people.
#include <algorithm>

#include <fmt/format.h>

#include "graphs/display.hpp"
#include "graphs/print.hpp"

namespace troupe::graphs {
namespace {

std::string number(double value, OptionType type) {
  if (type == OptionType::Duration) {
    return duration_text(Duration(static_cast<std::int64_t>(value * 1e9 + 0.5)));
  }
  if (type == OptionType::ByteSize) {
    return byte_size_text({static_cast<std::uint64_t>(value)});
  }
  return fmt::format("{}", value);
}

std::string type_text(const OptionSpec& spec) {
  std::string out(name_of(spec.type));
  if (spec.type == OptionType::StageRef && !spec.family.empty()) out = spec.family + " stage";
  if (spec.unit) out = fmt::format("count of {}", name_of(*spec.unit));
  if (spec.list) out = "list of " + out;
  return out;
}

/// "1 to 1024", "one of a, b": what the type does not say.
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

std::string ports_text(const std::vector<PortSpec>& ports, std::string_view title) {
  std::string out;
  for (const PortSpec& port : ports) {
    const std::string what =
        port.type == MessageType::Weights ? "weights" : fmt::format("{}s", name_of(port.type));
    out += port.delivery == Delivery::Queue
               ? fmt::format("  {} {}: a queue of {} (->)\n", title, port.name, what)
               : fmt::format("  {} {}: the latest {} (~>)\n", title, port.name, what);
  }
  return out;
}

/// Rows of cells under each other.
std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<int> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    // The last cell of a row may be as long as it likes.
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
      widths[i] = std::max(widths[i], display_width(row[i]));
    }
  }
  std::string out;
  for (const auto& row : rows) {
    std::string text = " ";
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += " " + row[i];
      text.append(static_cast<std::size_t>(std::max(widths[i] - display_width(row[i]), 0) + 1),
                  ' ');
    }
    while (!text.empty() && text.back() == ' ') text.pop_back();
    out += text + "\n";
  }
  return out;
}

}  // namespace

std::string print_kinds(const Kinds& kinds) {
  std::vector<std::vector<std::string>> rows;
  for (const Contract& contract : kinds.all()) {
    std::string in, out;
    for (const PortSpec& port : contract.inputs) {
      if (port.delivery == Delivery::Queue) in = name_of(port.type);
    }
    if (const PortSpec* port = contract.default_output(Delivery::Queue)) out = name_of(port->type);
    rows.push_back({contract.kind, fmt::format("{:>6} -> {}", in, out), contract.doc});
    if (in.empty() && out.empty()) rows.back()[1] = "beside the flow";
  }
  return table(rows);
}

std::string print_kind(const Contract& contract) {
  std::string out = fmt::format("{}: {}\n\n", contract.kind, contract.doc);
  out += ports_text(contract.inputs, "in ") + ports_text(contract.outputs, "out");
  if (contract.admits) out += "  the admission gate stands before it\n";
  if (contract.judges) out += "  its verdict can be weighed by a scorer under the stage's name\n";
  if (contract.accounts_groups) out += "  works on whole groups\n";
  if (contract.options.empty()) return out + "\n  no options\n";
  std::vector<std::vector<std::string>> rows;
  for (const OptionSpec& spec : contract.options) {
    const std::string value = spec.required        ? ", required"
                              : spec.default_value ? " = " + spec.default_value->text()
                                                   : ", optional";
    rows.push_back({spec.name, type_text(spec) + value, spec.doc});
    // Choices can be many: they get a line of their own.
    if (const std::string limits = limits_text(spec); !limits.empty()) rows.push_back({"", limits});
  }
  return out + "\n" + table(rows);
}

}  // namespace troupe::graphs
