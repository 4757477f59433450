#pragma once
// Diagnostic: one problem of a graph, in the style of rustc: a code, a sentence, the place with an
// underline, further places that matter, and what to do. Problems are collected, never thrown, and
// all of one check are shown together. Values; any thread.
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::graphs {

enum class Severity { Error, Warning };

/// Bytes [begin, end) of one source.
struct Span {
  std::uint32_t source = 0;  // index in Sources
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

/// A text that spans point into: a file, or one `--set`.
struct Source {
  std::string name;  // "quickstart.toml" (as it is found from here), "--set"
  std::string text;
  bool is_file = true;
  bool is_recipe = false;  // paths "@phase/artifact" in it name what an earlier phase leaves
};
using Sources = std::deque<Source>;

struct Label {
  Span span;
  std::string text;  // may be empty
};

struct Diagnostic {
  Severity severity = Severity::Error;
  std::string code;  // "E0107"
  std::string message;
  Label primary;
  std::vector<Label> secondary;
  std::vector<std::string> help;  // each one thing to do
};

struct Position {
  int line = 1;    // from 1
  int column = 1;  // from 1, in code points
};
Position position_of(const Source& source, std::uint32_t byte);

/// For people; ends with a line that counts the problems. Empty for no diagnostics.
std::string render(const std::vector<Diagnostic>& diagnostics, const Sources& sources, bool colour);
/// {"diagnostics": [{code, severity, message, file, line, column, ..., help}], "errors": n}
std::string render_json(const std::vector<Diagnostic>& diagnostics, const Sources& sources);

/// What `troupe explain CODE` prints; empty for an unknown code.
std::string explain(std::string_view code);
/// All codes, in order.
std::vector<std::string_view> all_codes();

}  // namespace troupe::graphs
