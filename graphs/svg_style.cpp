#include "graphs/svg_style.hpp"

#include <array>
#include <cstdint>

#include <fmt/format.h>

#include "graphs/display.hpp"
#include "graphs/picture.hpp"

namespace troupe::graphs {
namespace {

/// Thousandths of the size, for the characters from ' ' to '~'.
constexpr std::array<std::uint16_t, 95> kWidths = {
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333,  278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667,
    611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667,  611, 722, 667, 944, 667,
    667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278,  556, 556, 222, 222, 500,
    222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500,  500, 334, 260, 334, 584};

struct Colours {
  Role role;
  std::string_view fill, line, dark_fill, dark_line;
};
constexpr Colours kColours[] = {
    {Role::Data, "#eef1f5", "#94a1b2", "#20262e", "#748396"},
    {Role::Generator, "#dfecfc", "#4a83c9", "#16263b", "#5b96de"},
    {Role::Verifier, "#e2f3e1", "#4f9a52", "#17291a", "#5cae60"},
    {Role::Reward, "#faf4d3", "#b3972a", "#2c270f", "#c2a73d"},
    {Role::Learner, "#fde7d5", "#cf7730", "#331f10", "#e08b45"},
    {Role::Evaluator, "#eee6f9", "#8a63c4", "#251b36", "#a581dd"},
    {Role::Other, "#f7f7f7", "#909090", "#222222", "#8a8a8a"},
};

}  // namespace

std::string svg_style() {
  std::string light =
      ".paper{fill:#ffffff}\n"
      "text{font-family:Helvetica,Arial,'Liberation Sans','DejaVu Sans',sans-serif;"
      "text-anchor:middle}\n"
      ".name{font-size:14px;font-weight:700;fill:#17202b}\n"
      ".kind{font-size:12px;fill:#51606f}\n"
      ".note{font-size:11px;fill:#51606f}\n.note.latest{fill:#9a6200}\n"
      ".gate{fill:#fbe3e3;stroke:#c65353;stroke-width:1.3}\n"
      ".gate-text{font-size:11px;fill:#8c2f2f}\n.strong{font-weight:700}\n"
      ".joint{fill:#e4e8ed;stroke:#66727f;stroke-width:1.3}\n"
      ".sign{font-size:13px;font-weight:700;fill:#37424d}\n"
      ".box{stroke-width:1.3}\n"
      ".line{fill:none;stroke-width:1.4}\n"
      ".line.queue{stroke:#56636f}\n.head.queue{fill:#56636f}\n"
      ".line.observe{stroke:#8e99a4;stroke-dasharray:1.5 3.5;stroke-linecap:round}\n"
      ".head.observe{fill:#8e99a4}\n"
      ".line.latest{stroke:#b87a12;stroke-dasharray:6 4}\n.head.latest{fill:#b87a12}\n"
      ".line.call{stroke:#7a55b5;stroke-width:1.8}\n.head.call{fill:#7a55b5}\n"
      ".note.call{fill:#6a46a4}\n";
  std::string dark =
      ".paper{fill:#0d1117}\n.name{fill:#eef2f6}\n.kind,.note{fill:#a3b0bd}\n"
      ".note.latest{fill:#e3ac52}\n.gate{fill:#361818;stroke:#d56a6a}\n.gate-text{fill:#f1b0b0}\n"
      ".joint{fill:#262d35;stroke:#8996a3}\n.sign{fill:#d7dee6}\n"
      ".line.queue{stroke:#94a2b0}\n.head.queue{fill:#94a2b0}\n"
      ".line.observe{stroke:#66727e}\n.head.observe{fill:#66727e}\n"
      ".line.latest{stroke:#cf932f}\n.head.latest{fill:#cf932f}\n"
      ".line.call{stroke:#a581dd}\n.head.call{fill:#a581dd}\n.note.call{fill:#bfa4ea}\n";
  for (const Colours& of : kColours) {
    light += fmt::format(".{}{{fill:{};stroke:{}}}\n", name_of(of.role), of.fill, of.line);
    dark += fmt::format(".{}{{fill:{};stroke:{}}}\n", name_of(of.role), of.dark_fill, of.dark_line);
  }
  return light + "@media (prefers-color-scheme:dark){\n" + dark + "}\n";
}

double svg_text_width(std::string_view text, int size, bool bold) {
  double out = 0;
  for (std::size_t i = 0; i < text.size();) {
    const char32_t c = next_code_point(text, i);
    out += c >= U' ' && c <= U'~' ? kWidths[c - U' '] : 600.0 * width_of(c);
  }
  return out * size / 1000 * (bold ? 1.19 : 1.12);
}

std::string svg_shortened(std::string_view text, int size, bool bold, int width) {
  if (svg_text_width(text, size, bold) <= width) return std::string(text);
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t begin = i;
    next_code_point(text, i);
    const std::string longer = out + std::string(text.substr(begin, i - begin));
    if (svg_text_width(longer + "…", size, bold) > width) break;
    out = longer;
  }
  return out + "…";
}

}  // namespace troupe::graphs
