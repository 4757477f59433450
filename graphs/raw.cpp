#include "graphs/raw.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "graphs/display.hpp"

namespace troupe::graphs {

const RawEntry* RawNode::find(std::string_view key) const {
  const auto found = std::find_if(table.begin(), table.end(),
                                  [&](const RawEntry& entry) { return entry.key == key; });
  return found == table.end() ? nullptr : &*found;
}

RawEntry* RawNode::find(std::string_view key) {
  return const_cast<RawEntry*>(std::as_const(*this).find(key));
}

std::string_view RawNode::describe() const {
  switch (type) {
    case Type::Bool:
      return "true or false";
    case Type::Integer:
      return "an integer";
    case Type::Real:
      return "a number";
    case Type::String:
      return "a text";
    case Type::Date:
      return "a date or time";
    case Type::Array:
      return "a list";
    case Type::Fields:
      return "a table";
  }
  return "";
}

namespace {

struct SetParts {
  std::vector<RawEntry> path;  // keys with their places; values unused
  RawNode value;
};

/// The '=' that ends the key: the first outside quotes.
std::size_t find_equals(std::string_view text) {
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '=') {
      return i;
    }
  }
  return std::string_view::npos;
}

RawNode bare_text(const Source& source, std::uint32_t index, std::size_t begin) {
  const std::string_view text = source.text;
  std::size_t end = text.size();
  while (begin < end && text[begin] == ' ') ++begin;
  while (end > begin && text[end - 1] == ' ') --end;
  RawNode out;
  out.type = RawNode::Type::String;
  out.string = text.substr(begin, end - begin);
  out.span = {index, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
  return out;
}

std::optional<SetParts> parse_set(const Source& source, std::uint32_t index) {
  const std::string& text = source.text;
  const std::size_t equals = find_equals(text);
  if (equals == std::string::npos || equals == 0 || text.find('\n') < equals) return std::nullopt;
  Findings ignored;
  // Key and value are parsed apart, each in a text that keeps its place, so that spans fit.
  auto key = read_toml(Source{source.name, text.substr(0, equals) + "=0", false}, index, ignored);
  if (!key) return std::nullopt;
  SetParts out;
  for (const RawNode* node = &*key; node->type == RawNode::Type::Fields;) {
    if (node->table.size() != 1) return std::nullopt;
    const RawEntry& entry = node->table.front();
    out.path.push_back({entry.key, entry.key_span, {}});
    node = &entry.value;
  }
  std::string padded(equals, ' ');
  padded.front() = 'v';
  auto value = read_toml(Source{source.name, padded + text.substr(equals), false}, index, ignored);
  const RawNode bare = bare_text(source, index, equals + 1);
  // "a#b" and "1 # b" are texts on a command line, not comments.
  const bool whole =
      value && value->table.size() == 1 && value->table.front().value.span.end == bare.span.end;
  out.value = whole ? std::move(value->table.front().value) : bare;
  return out;
}

std::vector<std::string> keys_of(const RawNode& table) {
  std::vector<std::string> out;
  for (const RawEntry& entry : table.table) out.push_back(entry.key);
  return out;
}

}  // namespace

void apply_set(RawNode& root, const Source& source, std::uint32_t index, Findings& findings) {
  auto parts = parse_set(source, index);
  if (!parts) {
    findings
        .error(codes::kBadSet, "a --set is written KEY=VALUE",
               Span{index, 0, static_cast<std::uint32_t>(source.text.size())},
               "no key and value in this")
        .help.push_back(
            "for example --set stage.generate.temperature=0.8, or with a name in "
            "quotes: --set 'edge.\"a -> b\".max_staleness=1'");
    return;
  }
  assign(root, parts->path, std::move(parts->value), findings);
}

void assign(RawNode& root, const std::vector<RawEntry>& path, RawNode value, Findings& findings) {
  if (const RawEntry& first = path.front(); first.key == "extends" || first.key == "remove") {
    findings
        .error(codes::kBadSet, fmt::format("`{}` belongs into a file", first.key), first.key_span,
               "cannot be set")
        .help.push_back("write it into a file and lay that over the graph: --with FILE");
    return;
  }
  RawNode* node = &root;
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    const RawEntry& part = path[i];
    RawEntry* entry = node->find(part.key);
    if (!entry && i == 1 && (path[0].key == "stage" || path[0].key == "model")) {
      const std::string& family = path[0].key;
      findings
          .error(codes::kBadSet, fmt::format("there is no [{}.{}] to set", family, part.key),
                 part.key_span, "no such " + family)
          .help.push_back(name_help(part.key, keys_of(*node), family + "s"));
      return;
    }
    if (!entry) {
      RawNode table;
      table.span = part.key_span;
      node->table.push_back({part.key, part.key_span, std::move(table)});
      entry = &node->table.back();
    }
    if (entry->value.type != RawNode::Type::Fields) {
      Diagnostic& found =
          findings.error(codes::kBadSet, fmt::format("`{}` has nothing inside to set", part.key),
                         part.key_span, "not a table");
      found.secondary.push_back(
          {entry->value.span, fmt::format("it is {} here", entry->value.describe())});
      return;
    }
    node = &entry->value;
  }
  const RawEntry& last = path.back();
  if (RawEntry* entry = node->find(last.key)) {
    entry->key_span = last.key_span;
    entry->value = std::move(value);
  } else {
    node->table.push_back({last.key, last.key_span, std::move(value)});
  }
}

std::vector<std::string> key_path(std::string_view text) {
  std::vector<std::string> out;
  Findings ignored;
  const auto root = read_toml(Source{"", std::string(text) + " = 0", false}, 0, ignored);
  if (!root) return out;
  for (const RawNode* node = &*root; node->type == RawNode::Type::Fields;) {
    if (node->table.size() != 1) return {};
    out.push_back(node->table.front().key);
    node = &node->table.front().value;
    // The value is the one added here, not one that the text brought.
    if (node->type == RawNode::Type::Integer && node->span.begin == text.size() + 3) return out;
  }
  return {};
}

namespace {

/// Appends the place of every byte that the escape at `at` becomes; moves behind it.
void map_escape(std::string_view text, std::size_t& at, std::vector<std::uint32_t>& out) {
  const auto place = static_cast<std::uint32_t>(at);
  const char kind = at + 1 < text.size() ? text[at + 1] : '\0';
  const std::size_t digits = kind == 'u' ? 4 : kind == 'U' ? 8 : kind == 'x' ? 2 : 0;
  std::string decoded = "?";
  if (digits > 0) {
    char32_t code = 0;
    for (const char c : text.substr(std::min(at + 2, text.size()), digits)) {
      const int value = c >= 'a' ? c - 'a' + 10 : c >= 'A' ? c - 'A' + 10 : c - '0';
      code = code * 16 + static_cast<char32_t>(value & 15);
    }
    decoded.clear();
    append_utf8(decoded, code);
  }
  out.insert(out.end(), decoded.size(), place);
  at += 2 + digits;
}

}  // namespace

std::vector<std::uint32_t> literal_map(const Source& source, const RawNode& node) {
  const std::string_view text = source.text;
  const std::size_t end = std::min<std::size_t>(node.span.end, text.size());
  std::size_t at = node.span.begin;
  std::vector<std::uint32_t> out;
  if (at >= end) return out;
  const char quote = text[at];
  if (quote != '"' && quote != '\'') {  // the bare text of a --set
    for (; at <= end; ++at) out.push_back(static_cast<std::uint32_t>(at));
  } else {
    const bool triple = text.substr(at, 3) == std::string(3, quote);
    const std::size_t marks = triple ? 3 : 1;
    at += marks;
    if (triple && text.substr(at, 1) == "\n") ++at;
    if (triple && text.substr(at, 2) == "\r\n") at += 2;
    const std::size_t close = end >= marks ? end - marks : 0;
    while (at < close) {
      if (quote == '"' && text[at] == '\\') {
        const std::size_t behind = text.find_first_not_of(" \t\r", at + 1);
        if (triple && behind != std::string_view::npos && text[behind] == '\n') {
          at = std::min(text.find_first_not_of(" \t\r\n", behind), close);
        } else {
          map_escape(text, at, out);
        }
      } else {
        out.push_back(static_cast<std::uint32_t>(at++));
      }
    }
    out.push_back(static_cast<std::uint32_t>(close));
  }
  if (out.size() != node.string.size() + 1) out.clear();
  return out;
}

}  // namespace troupe::graphs
