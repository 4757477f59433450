#pragma once
// The looks of SVG drawings: colours for light and dark, and how wide a text may be. Widths are
// those of Helvetica (Arial, Liberation Sans) and an eighth more, for readers whose system has only
// a wider font (DejaVu Sans). Pure functions.
#include <string>
#include <string_view>

namespace troupe::graphs {

/// The content of <style>.
std::string svg_style();
/// Pixels of one line in a font of `size` pixels.
double svg_text_width(std::string_view text, int size, bool bold);
/// The text, or its beginning and "…" where it is wider than `width` pixels.
std::string svg_shortened(std::string_view text, int size, bool bold, int width);

}  // namespace troupe::graphs
