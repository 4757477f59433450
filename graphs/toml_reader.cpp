// The only file that includes toml++. Its exceptions end here, and its lines and columns (which
// count code points) become byte spans.
#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "graphs/display.hpp"
#include "graphs/raw.hpp"

namespace troupe::graphs {
namespace {

class Reader {
 public:
  Reader(const Source& source, std::uint32_t index) : source_(source), index_(index) {
    lines_.push_back(0);
    for (std::uint32_t i = 0; i < source.text.size(); ++i) {
      if (source.text[i] == '\n') lines_.push_back(i + 1);
    }
  }

  RawNode node(const toml::node& from) const {
    RawNode out;
    out.span = span(from.source());
    if (const auto* table = from.as_table()) {
      out.type = RawNode::Type::Fields;
      for (const auto& [key, value] : *table) {
        out.table.push_back({std::string(key.str()), span(key.source()), node(value)});
      }
      // toml++ iterates in the order of names; people expect the order of the file.
      std::stable_sort(
          out.table.begin(), out.table.end(),
          [](const RawEntry& a, const RawEntry& b) { return a.key_span.begin < b.key_span.begin; });
    } else if (const auto* array = from.as_array()) {
      out.type = RawNode::Type::Array;
      for (const toml::node& item : *array) out.array.push_back(node(item));
    } else if (const auto* text = from.as_string()) {
      out.type = RawNode::Type::String;
      out.string = text->get();
    } else if (const auto* integer = from.as_integer()) {
      out.type = RawNode::Type::Integer;
      out.integer = integer->get();
    } else if (const auto* real = from.as_floating_point()) {
      out.type = RawNode::Type::Real;
      out.real = real->get();
    } else if (const auto* boolean = from.as_boolean()) {
      out.type = RawNode::Type::Bool;
      out.boolean = boolean->get();
    } else {
      out.type = RawNode::Type::Date;
    }
    return out;
  }

  Span span(const toml::source_region& region) const {
    Span out{index_, byte_of(region.begin), byte_of(region.end)};
    if (out.end <= out.begin) out.end = out.begin + 1;
    out.end = std::min<std::uint32_t>(out.end, static_cast<std::uint32_t>(source_.text.size()));
    out.begin = std::min(out.begin, out.end);
    return out;
  }

 private:
  std::uint32_t byte_of(const toml::source_position& position) const {
    if (position.line == 0 || position.line > lines_.size()) {
      return static_cast<std::uint32_t>(source_.text.size());
    }
    std::size_t at = lines_[position.line - 1];
    for (std::uint32_t column = 1; column < position.column && at < source_.text.size(); ++column) {
      next_code_point(source_.text, at);
    }
    return static_cast<std::uint32_t>(at);
  }

  const Source& source_;
  std::uint32_t index_;
  std::vector<std::uint32_t> lines_;  // where each begins
};

/// Where a dotted name has so many parts that nested tables would exhaust the stack (toml++ limits
/// the nesting of values, not of names).
std::optional<std::uint32_t> too_many_dots(std::string_view text) {
  constexpr int kMost = 64;
  int dots = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' || c == '\'') {
      const std::string_view triple = text.substr(i, 3);
      if (triple == "\"\"\"" || triple == "'''") {
        const std::size_t end = text.find(triple, i + 3);
        if (end == std::string_view::npos) return std::nullopt;
        i = end + 2;
        continue;
      }
      for (++i; i < text.size() && text[i] != c && text[i] != '\n'; ++i) {
        if (c == '"' && text[i] == '\\') ++i;
      }
    } else if (c == '#') {
      while (i + 1 < text.size() && text[i + 1] != '\n') ++i;
    } else if (c == '.') {
      if (++dots > kMost) return static_cast<std::uint32_t>(i);
    } else if (c == '\n' || c == '=' || c == ',' || c == '{' || c == '[') {
      dots = 0;
    }
  }
  return std::nullopt;
}

std::string_view between(std::string_view text, char open) {
  const std::size_t begin = text.find(open);
  const std::size_t end = text.rfind(open);
  if (begin == std::string_view::npos || end <= begin) return "";
  return text.substr(begin + 1, end - begin - 1);
}

/// The first line of `text` before `before` that is the header or the key `name`.
std::optional<Span> first_definition(const Source& source, std::uint32_t index,
                                     std::string_view name, std::size_t before) {
  const std::string_view text = source.text;
  for (std::size_t begin = 0; begin < before;) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    std::size_t skip = 0;
    while (skip < line.size() && (line[skip] == ' ' || line[skip] == '\t' || line[skip] == '[')) {
      ++skip;
    }
    const std::string_view rest = line.substr(skip);
    if (rest.substr(0, name.size()) == name && rest.size() > name.size() &&
        std::string_view(" \t]=").find(rest[name.size()]) != std::string_view::npos) {
      return Span{index, static_cast<std::uint32_t>(begin + skip),
                  static_cast<std::uint32_t>(begin + skip + name.size())};
    }
    begin = end + 1;
  }
  return std::nullopt;
}

void report(const toml::parse_error& error, const Reader& reader, const Source& source,
            std::uint32_t index, Findings& findings) {
  const Span at = reader.span(error.source());
  std::string what(error.description());
  if (what.find("cannot redefine") != std::string::npos) {
    const std::string name(between(what, '\''));
    Diagnostic& found = findings.error(
        codes::kDefinedTwice, fmt::format("`{}` is defined twice", name), at, "defined again here");
    // For a key toml++ points behind it: mark the whole line up to there.
    std::size_t begin = source.text.rfind('\n', at.begin > 0 ? at.begin - 1 : 0);
    begin = begin == std::string::npos || at.begin == 0 ? 0 : begin + 1;
    if (source.text[at.begin] == '[') {
      const std::size_t end = source.text.find(']', at.begin);
      if (end != std::string::npos) {
        found.primary.span.end = static_cast<std::uint32_t>(end + 1);
      }
    } else if (begin < at.begin) {
      begin = std::min<std::size_t>(source.text.find_first_not_of(" \t", begin), at.begin);
      const std::size_t end =
          std::min<std::size_t>(source.text.find_first_of(" \t=", begin), at.begin);
      found.primary.span = {index, static_cast<std::uint32_t>(begin),
                            static_cast<std::uint32_t>(std::max(end, begin + 1))};
    }
    if (const auto first = first_definition(source, index, name, begin)) {
      found.secondary.push_back({*first, "first defined here"});
    }
    found.help.push_back("give one of them another name, or move its keys into the other");
    return;
  }
  const std::size_t colon = what.find(": ");
  std::string where;
  if (colon != std::string::npos) {
    where = what.substr(0, colon);
    what = what.substr(colon + 2);
  }
  if (where.rfind("Error while parsing ", 0) == 0) where = where.substr(20) + " ";
  const bool at_line_end = at.begin < source.text.size() && source.text[at.begin] == '\n';
  if (at_line_end && where == "string ") what = "the quote that ends the text is missing";
  if (what == "could not determine value type") what = "no text, number, list or table begins so";
  for (std::size_t i; (i = what.find("'\\n'")) != std::string::npos;) {
    what.replace(i, 4, "the end of the line");
  }
  Diagnostic& found =
      findings.error(codes::kSyntax, fmt::format("this {}is not TOML", where), at, what);
  if (where.find("integer") != std::string::npos || where.find("float") != std::string::npos) {
    found.help.push_back(
        "a number with a unit is written as a text: \"2s\", \"64MiB\", \"8 groups\"");
  } else if (where.find("string") != std::string::npos) {
    found.help.push_back(
        "a text ends on its own line; write '...' for text with backslashes, \"\"\" for several "
        "lines");
  } else if (at.begin > 0 && source.text[source.text.rfind('\n', at.begin - 1) + 1] == '[') {
    found.help.push_back("is the `]` of a list above missing?");
  } else if (where.find("key-value") != std::string::npos ||
             where.find("value") != std::string::npos) {
    found.help.push_back("texts stand in quotes: name = \"value\"");
  }
  found.help.push_back("the rest of the file is checked once this can be read");
}

}  // namespace

std::optional<RawNode> read_toml(const Source& source, std::uint32_t index, Findings& findings) {
  if (const auto deep = too_many_dots(source.text)) {
    findings.error(codes::kSyntax, "this is not a graph", Span{index, *deep, *deep + 1},
                   "a name of more than 64 parts");
    return std::nullopt;
  }
  const Reader reader(source, index);
  try {
    const toml::table root = toml::parse(std::string_view(source.text), std::string_view());
    return reader.node(root);
  } catch (const toml::parse_error& error) {
    report(error, reader, source, index, findings);
  } catch (const std::exception& error) {  // toml++ promises parse_error only; rely on less
    findings.error(codes::kSyntax, "this is not TOML", Span{index, 0, 0}, error.what());
  }
  return std::nullopt;
}

}  // namespace troupe::graphs
