#include "graphs/diagnostic.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "graphs/display.hpp"

namespace troupe::graphs {
namespace {

constexpr int kWidest = 110;  // columns of source shown; longer lines are cut around the marks

struct Palette {
  std::string_view error, warning, secondary, gutter, bold, help, reset;
};
constexpr Palette kPlain{};
constexpr Palette kColours{"\x1b[1;31m", "\x1b[1;33m", "\x1b[1;34m", "\x1b[1;34m",
                           "\x1b[1m",    "\x1b[1;36m", "\x1b[0m"};

struct Mark {
  int begin = 0, end = 0;  // display columns
  bool primary = false;
  std::string_view text;
};

std::size_t line_begin(std::string_view text, std::size_t byte) {
  if (byte == 0) return 0;
  const std::size_t newline = text.rfind('\n', byte - 1);
  return newline == std::string_view::npos ? 0 : newline + 1;
}

std::string_view line_at(std::string_view text, std::size_t begin) {
  std::size_t end = std::min(text.find('\n', begin), text.size());
  if (end > begin && text[end - 1] == '\r') --end;
  return text.substr(begin, end - begin);
}

/// One canvas row; cells hold one code point and one colour.
class Row {
 public:
  void put(int column, char32_t code, std::string_view colour) {
    if (column < 0) return;
    if (static_cast<int>(cells_.size()) <= column) cells_.resize(column + 1, {U' ', {}});
    cells_[column] = {code, colour};
  }
  void put(int column, std::string_view text, std::string_view colour) {
    for (std::size_t at = 0; at < text.size();) put(column++, next_code_point(text, at), colour);
  }
  std::string str(const Palette& palette) const {
    std::string out;
    std::string_view colour;
    for (const auto& [code, wanted] : cells_) {
      if (wanted != colour) {
        if (!colour.empty()) out += palette.reset;
        out += wanted;
        colour = wanted;
      }
      append_utf8(out, code);
    }
    if (!colour.empty()) out += palette.reset;
    return out;
  }

 private:
  std::vector<std::pair<char32_t, std::string_view>> cells_;
};

class Renderer {
 public:
  Renderer(const Sources& sources, bool colour)
      : sources_(sources), palette_(colour ? kColours : kPlain) {}

  std::string one(const Diagnostic& diagnostic) {
    out_.clear();
    severity_ = diagnostic.severity == Severity::Error ? palette_.error : palette_.warning;
    out_ +=
        fmt::format("{}{}[{}]{}{}: {}{}\n", severity_,
                    diagnostic.severity == Severity::Error ? "error" : "warning", diagnostic.code,
                    palette_.reset, palette_.bold, diagnostic.message, palette_.reset);
    gutter_ = gutter_width(diagnostic);
    snippet(diagnostic, diagnostic.primary.span.source, true);
    std::vector<std::uint32_t> others;
    for (const Label& label : diagnostic.secondary) {
      const std::uint32_t source = label.span.source;
      if (source != diagnostic.primary.span.source &&
          std::find(others.begin(), others.end(), source) == others.end()) {
        others.push_back(source);
      }
    }
    for (const std::uint32_t source : others) snippet(diagnostic, source, false);
    if (!diagnostic.help.empty()) bar("");
    for (const std::string& help : diagnostic.help) {
      out_ += fmt::format("{:>{}} {}= {}help{}: ", "", gutter_, palette_.gutter, palette_.help,
                          palette_.reset);
      for (const char c : help) {
        out_ += c;
        if (c == '\n') out_.append(gutter_ + 9, ' ');
      }
      out_ += '\n';
    }
    return out_;
  }

 private:
  int gutter_width(const Diagnostic& diagnostic) const {
    int widest = number_width(diagnostic.primary.span);
    for (const Label& label : diagnostic.secondary) {
      widest = std::max(widest, number_width(label.span));
    }
    return widest;
  }
  int number_width(const Span& span) const {
    const Source& source = sources_[span.source];
    if (!source.is_file) return 1;
    return static_cast<int>(std::to_string(position_of(source, span.begin).line).size());
  }

  void bar(std::string_view text) {
    out_ += fmt::format("{:>{}} {}|{}", "", gutter_, palette_.gutter, palette_.reset);
    if (!text.empty()) out_ += fmt::format(" {}", text);
    out_ += '\n';
  }

  void snippet(const Diagnostic& diagnostic, std::uint32_t index, bool primary) {
    const Source& source = sources_[index];
    std::map<std::size_t, std::vector<const Label*>> lines;  // by where the line begins
    const Label* first = nullptr;
    const auto add = [&](const Label& label) {
      if (label.span.source != index) return;
      if (!first) first = &label;
      lines[line_begin(source.text, std::min<std::size_t>(label.span.begin, source.text.size()))]
          .push_back(&label);
    };
    add(diagnostic.primary);
    for (const Label& label : diagnostic.secondary) add(label);

    const Position at = position_of(source, first->span.begin);
    out_ += fmt::format("{:>{}}{}{}{} {}", "", gutter_, palette_.gutter,
                        primary ? "-->" : ":::", palette_.reset, source.name);
    if (source.is_file) out_ += fmt::format(":{}:{}", at.line, at.column);
    out_ += '\n';
    if (source.text.empty()) return;
    bar("");
    int previous = 0;
    for (const auto& [begin, labels] : lines) {
      const int line = position_of(source, static_cast<std::uint32_t>(begin)).line;
      if (previous != 0 && line > previous + 1) {
        out_ += fmt::format("{}...{}\n", palette_.gutter, palette_.reset);
      }
      previous = line;
      source_line(diagnostic, source, begin, line, labels);
    }
  }

  void source_line(const Diagnostic& diagnostic, const Source& source, std::size_t begin, int line,
                   const std::vector<const Label*>& labels) {
    const std::string_view raw = line_at(source.text, begin);
    const DisplayLine shown = display_line(raw);
    const int width = shown.columns.back();
    std::vector<Mark> marks;
    for (const Label* label : labels) {
      const auto column = [&](std::size_t byte) {
        const std::size_t offset = byte > begin ? byte - begin : 0;
        return shown.columns[std::min(offset, raw.size())];
      };
      Mark mark{column(label->span.begin), column(label->span.end), label == &diagnostic.primary,
                label->text};
      if (label->span.end > begin + raw.size()) mark.end = width;
      mark.end = std::max(mark.end, mark.begin + 1);
      marks.push_back(mark);
    }
    std::stable_sort(marks.begin(), marks.end(),
                     [](const Mark& a, const Mark& b) { return a.begin < b.begin; });

    int from = 0;
    std::string text = shown.text;
    if (width > kWidest) {
      const int last = std::min(marks.back().end, marks.back().begin + kWidest / 2);
      from = std::clamp(marks.front().begin - kWidest / 4, 0, std::max(0, width - kWidest));
      if (last > from + kWidest) from = std::min(marks.front().begin, last - kWidest);
      text = (from > 0 ? "..." : "") + columns_of(text, from, from + kWidest) +
             (from + kWidest < width ? "..." : "");
      const int shift = from - (from > 0 ? 3 : 0);
      for (Mark& mark : marks) {
        mark.begin = std::min(mark.begin - shift, kWidest + 3);
        mark.end = std::clamp(mark.end - shift, mark.begin + 1, kWidest + 4);
      }
    }
    out_ += fmt::format("{}{:>{}} |{} {}\n", palette_.gutter,
                        source.is_file ? std::to_string(line) : std::string(), gutter_,
                        palette_.reset, text);
    underline(marks);
  }

  void underline(std::vector<Mark> marks) {
    Row row;
    for (const bool primary : {false, true}) {
      for (const Mark& mark : marks) {
        if (mark.primary != primary) continue;
        for (int i = mark.begin; i < mark.end; ++i) {
          row.put(i, primary ? U'^' : U'-', primary ? severity_ : palette_.secondary);
        }
      }
    }
    // The text of the last mark stands beside it, the others below, like rustc does it.
    int furthest = 0;
    for (const Mark& mark : marks) furthest = std::max(furthest, mark.end);
    if (!marks.back().text.empty() && marks.back().end == furthest) {
      row.put(furthest + 1, marks.back().text,
              marks.back().primary ? severity_ : palette_.secondary);
      marks.pop_back();
    }
    bar(row.str(palette_));
    std::erase_if(marks, [](const Mark& mark) { return mark.text.empty(); });
    const auto connectors = [&](std::size_t count) {
      Row line;
      for (std::size_t i = 0; i < count; ++i) {
        line.put(marks[i].begin, U'|', marks[i].primary ? severity_ : palette_.secondary);
      }
      return line;
    };
    if (!marks.empty()) bar(connectors(marks.size()).str(palette_));
    while (!marks.empty()) {
      Row line = connectors(marks.size() - 1);
      line.put(marks.back().begin, marks.back().text,
               marks.back().primary ? severity_ : palette_.secondary);
      bar(line.str(palette_));
      marks.pop_back();
    }
  }

  const Sources& sources_;
  const Palette& palette_;
  std::string_view severity_;
  std::string out_;
  int gutter_ = 1;
};

nlohmann::ordered_json label_json(const Label& label, const Sources& sources) {
  const Source& source = sources[label.span.source];
  const Position begin = position_of(source, label.span.begin);
  const Position end = position_of(source, label.span.end);
  return {{"file", source.name},  {"line", begin.line},       {"column", begin.column},
          {"end_line", end.line}, {"end_column", end.column}, {"label", label.text}};
}

}  // namespace

Position position_of(const Source& source, std::uint32_t byte) {
  const std::string_view text = source.text;
  const std::size_t end = std::min<std::size_t>(byte, text.size());
  Position out;
  out.line += static_cast<int>(std::count(text.begin(), text.begin() + end, '\n'));
  for (std::size_t at = line_begin(text, end); at < end;) {
    next_code_point(text, at);
    ++out.column;
  }
  return out;
}

std::string render(const std::vector<Diagnostic>& diagnostics, const Sources& sources,
                   bool colour) {
  std::string out;
  Renderer renderer(sources, colour);
  std::size_t errors = 0;
  for (const Diagnostic& diagnostic : diagnostics) {
    out += renderer.one(diagnostic) + "\n";
    if (diagnostic.severity == Severity::Error) ++errors;
  }
  if (diagnostics.empty()) return out;
  const std::size_t warnings = diagnostics.size() - errors;
  const auto count = [](std::size_t n, const char* what) {
    return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
  };
  if (errors > 0) out += count(errors, "error");
  if (errors > 0 && warnings > 0) out += ", ";
  if (warnings > 0) out += count(warnings, "warning");
  return out + fmt::format("; `troupe explain {}` tells more\n", diagnostics.front().code);
}

std::string render_json(const std::vector<Diagnostic>& diagnostics, const Sources& sources) {
  nlohmann::ordered_json out;
  out["diagnostics"] = nlohmann::ordered_json::array();
  std::size_t errors = 0;
  for (const Diagnostic& diagnostic : diagnostics) {
    if (diagnostic.severity == Severity::Error) ++errors;
    nlohmann::ordered_json one = {
        {"severity", diagnostic.severity == Severity::Error ? "error" : "warning"},
        {"code", diagnostic.code},
        {"message", diagnostic.message}};
    one.update(label_json(diagnostic.primary, sources));
    one["secondary"] = nlohmann::ordered_json::array();
    for (const Label& label : diagnostic.secondary) {
      one["secondary"].push_back(label_json(label, sources));
    }
    one["help"] = diagnostic.help;
    out["diagnostics"].push_back(std::move(one));
  }
  out["errors"] = errors;
  out["warnings"] = diagnostics.size() - errors;
  // Bytes of a broken file may be in messages: replace what is not UTF-8.
  return out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace troupe::graphs
