// `troupe kinds` and `troupe reference`: contracts for people.
#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "graphs/describe.hpp"
#include "graphs/display.hpp"
#include "graphs/draft.hpp"
#include "graphs/print.hpp"

namespace troupe::graphs {
namespace {

/// "judge (<->): text requests for texts; asks for a judgement".
std::string call_text(const CallSpec& port) {
  std::string request(name_of(port.request)), answer(name_of(port.answer));
  return fmt::format("{} (<->): {}s for {}s; {}", port.name, request, answer, port.doc);
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

/// A cell of a Markdown table.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|' || c == '<' || c == '*') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string code(std::string_view text) {
  // A | ends a cell also inside of backticks.
  std::string out = "`";
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out + "`";
}

std::string options_table(const std::vector<OptionSpec>& options) {
  std::string out = "| option | type | default | allowed | meaning |\n|---|---|---|---|---|\n";
  for (const OptionSpec& spec : options) {
    std::string allowed;
    if (spec.choices.empty()) {
      allowed = limits_text(spec);
    } else {
      for (const std::string& choice : spec.choices) {
        allowed += (allowed.empty() ? "" : ", ") + code(choice);
      }
    }
    out += fmt::format("| `{}` | {} | {} | {} | {} |\n", spec.name, type_text(spec),
                       spec.required        ? "required"
                       : spec.default_value ? code(spec.default_value->text())
                                            : "",
                       allowed, cell(spec.doc));
  }
  return out;
}

std::string kind_section(const Contract& contract) {
  std::string doc = cell(contract.doc);
  if (!doc.empty()) doc.front() = static_cast<char>(std::toupper(doc.front()));
  if (!doc.ends_with('?')) doc += '.';
  std::string out = fmt::format("\n### {}\n\n{}\n\n", contract.kind, doc);
  for (const auto* ports : {&contract.inputs, &contract.outputs}) {
    for (const PortSpec& port : *ports) {
      const bool weights = port.type == MessageType::Weights;
      out += fmt::format(
          "- {} `{}`: {}\n", ports == &contract.inputs ? "input" : "output", port.name,
          port.delivery == Delivery::Queue
              ? fmt::format("a queue of {}s (`->`)", name_of(port.type))
              : fmt::format("the latest {}{} (`~>`)", name_of(port.type), weights ? "" : "s"));
    }
  }
  if (contract.admits) out += "- the admission gate stands before it\n";
  if (contract.judges) out += "- a scorer may weigh its verdict, under the stage's name\n";
  for (const CallSpec& port : contract.calls) out += "- calls " + call_text(port) + "\n";
  for (const CallSpec& port : contract.answers) out += "- answers " + call_text(port) + "\n";
  if (contract.swappable) out += "- may be swapped while the graph runs (`swap = true`)\n";
  if (contract.accounts_groups) out += "- works on whole groups\n";
  if (!contract.options.empty()) out += "\n" + options_table(contract.options);
  return out;
}

}  // namespace

std::string print_reference(const Kinds& kinds,
                            const std::map<std::string, std::string>& examples) {
  std::string out =
      "# Reference of kinds, options and codes\n\n"
      "What `troupe kinds KIND` and `troupe explain CODE` print, on one page. Written by\n"
      "`troupe reference` from what the program itself checks graphs with.\n\n"
      "## Sections\n\n### [run]\n\n" +
      options_table(run_options()) + "\n### [model.NAME]\n\n" + options_table(model_options());
  out += "\n## Kinds of stages\n\n| kind | what it does |\n|---|---|\n";
  for (const Contract& contract : kinds.all()) {
    std::string anchor;
    for (const char c : contract.kind) {
      if (c != '.') anchor += c;  // as GitHub makes them
    }
    out += fmt::format("| [{}](#{}) | {} |\n", contract.kind, anchor, cell(contract.doc));
  }
  for (const Contract& contract : kinds.all()) out += kind_section(contract);
  out += "\n## Codes\n\nE: an error, the graph does not run. W: a warning.\n";
  for (const std::string_view code : all_codes()) {
    const std::string text = explain(code);
    const std::size_t title_end = text.find('\n');
    out += fmt::format("\n### {}\n{}", text.substr(0, title_end), text.substr(title_end + 1));
    const auto example = examples.find(std::string(code));
    if (example != examples.end()) {
      out += fmt::format("\nFor example:\n\n```\n{}\n```\n", example->second);
    }
  }
  return out;
}

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
  for (const CallSpec& port : contract.calls) out += "  calls " + call_text(port) + "\n";
  for (const CallSpec& port : contract.answers) out += "  answers " + call_text(port) + "\n";
  if (contract.admits) out += "  the admission gate stands before it\n";
  if (contract.judges) out += "  its verdict can be weighed by a scorer under the stage's name\n";
  if (contract.accounts_groups) out += "  works on whole groups\n";
  if (contract.swappable) out += "  may be swapped while the graph runs (swap = true)\n";
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
