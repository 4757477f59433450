// The flow for Mermaid, as GitHub, GitLab and others show it in Markdown.
#include <cctype>

#include <fmt/format.h>

#include "graphs/picture.hpp"
#include "graphs/print.hpp"

namespace troupe::graphs {
namespace {

/// A text in quotes. Mermaid decodes #entity; forms after everything else, so what Mermaid, HTML
/// or Markdown would understand is written so. An underscore matters only where Markdown begins
/// or ends an emphasis: between letters it stays, so that sources remain readable.
std::string words(std::string_view text) {
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto letter = [&](std::size_t at) {
      return at < text.size() && std::isalnum(static_cast<unsigned char>(text[at])) != 0;
    };
    if (c == '_' && i > 0 && letter(i - 1) && letter(i + 1)) {
      out += c;
    } else if (std::string_view("\"#&<>`*_~\\[]").find(c) != std::string_view::npos) {
      out += fmt::format("#{};", static_cast<int>(c));
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += ' ';
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string words(const std::vector<std::string>& lines) {
  std::string out = "\"";
  for (const std::string& line : lines) {
    const std::string text = words(line);
    out += (out.size() > 1 ? "<br/>" : "") + text.substr(1, text.size() - 2);
  }
  return out + "\"";
}

/// Names of the reader's graph could be words of Mermaid ("end", "class"), so nodes are numbered.
std::string id_of(std::uint32_t stage) { return fmt::format("s{}", stage); }

std::string link(const std::string& from, std::string_view arrow,
                 const std::vector<std::string>& notes, const std::string& to) {
  if (notes.empty()) return fmt::format("  {} {} {}\n", from, arrow, to);
  return fmt::format("  {} {}|{}| {}\n", from, arrow, words(notes), to);
}

std::string colours() {
  // Fill, border and text together: readable on a light and on a dark page.
  struct Style {
    Role role;
    std::string_view fill, line;
  };
  constexpr Style kStyles[] = {
      {Role::Data, "#eceff3", "#8b98a9"},     {Role::Generator, "#dbe9fb", "#4a83c9"},
      {Role::Verifier, "#def2dd", "#4f9a52"}, {Role::Reward, "#f8f1cc", "#b09525"},
      {Role::Learner, "#fce3cd", "#cc7429"},  {Role::Evaluator, "#ebe1f8", "#8a63c4"},
      {Role::Other, "#f6f6f6", "#8b8b8b"},
  };
  std::string out;
  for (const Style& style : kStyles) {
    out += fmt::format("  classDef {} fill:{},stroke:{},color:#1c2430\n", name_of(style.role),
                       style.fill, style.line);
  }
  return out +
         "  classDef gate fill:#f9dada,stroke:#c04a4a,color:#1c2430\n"
         "  classDef joint fill:#d8dde4,stroke:#66707c,color:#1c2430\n";
}

}  // namespace

std::string draw_mermaid(const Plan& plan) {
  std::string out = "flowchart TD\n";
  for (const StagePlan& stage : plan.stages) {
    if (!stage.in_flow) continue;
    out += fmt::format("  {}[{}]:::{}\n", id_of(stage.index), words(box_lines(stage)),
                       name_of(role_of(*stage.contract)));
  }
  if (plan.gate) {
    out += fmt::format("  gate{{{{{}}}}}:::gate\n",
                       words(std::vector<std::string>{"gate", gate_note(plan)}));
    out += fmt::format("  gate --> {}\n", id_of(plan.gate->stage));
  }
  for (const JoinPlan& join : plan.joins) {
    out += fmt::format("  join{}(({})):::joint\n", join.index, words("&"));
    const std::string from = fmt::format("join{}", join.index);
    if (join.outer) {
      out += link(from, "-->", {}, fmt::format("join{}", join.outer->join));
    } else {
      out += link(from, "-->", join_notes(plan, join), id_of(join.to.stage));
    }
  }
  for (const RoutePlan& route : plan.routes) {
    out += fmt::format("  route{}{{{}}}:::joint\n", route.index, words("task"));
    out += link(id_of(route.entrance.stage), "-->", {}, fmt::format("route{}", route.index));
  }
  for (const EdgePlan& edge : plan.edges) {
    const std::string from =
        edge.route ? fmt::format("route{}", *edge.route) : id_of(edge.from.stage);
    if (edge.join) {
      const auto tasks = edge.tasks ? std::vector{edge.tasks->text()} : std::vector<std::string>{};
      out += link(from, "-->", tasks, fmt::format("join{}", edge.join->join));
    } else if (edge.delivery == Delivery::Latest) {
      out += link(from, "-.->", edge_notes(plan, edge), id_of(edge.to.stage));
    } else {
      out += link(from, "-->", edge_notes(plan, edge),
                  enters_gate(plan, edge) ? "gate" : id_of(edge.to.stage));
    }
  }
  for (const CallPlan& call : plan.calls) {
    out += link(id_of(call.from.stage), "<-->", call_notes(call), id_of(call.to.stage));
  }
  return out + colours();
}

}  // namespace troupe::graphs
