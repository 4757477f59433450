#pragma once
// RawNode: a graph file as written, every key and value with its place, in the order of the file,
// with every --set applied, and nothing checked but the syntax. The first of the forms
// raw -> Graph (graph.hpp) -> Plan (plan.hpp). A value; one owner.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graphs/diagnostic.hpp"
#include "graphs/findings.hpp"

namespace troupe::graphs {

inline constexpr std::int64_t kFormat = 1;  // of graph files and recipes

struct RawEntry;

struct RawNode {
  enum class Type { Bool, Integer, Real, String, Date, Array, Fields };
  Type type = Type::Fields;
  Span span;  // of the value; of the header for a [table]
  bool boolean = false;
  std::int64_t integer = 0;
  double real = 0;
  std::string string;
  std::vector<RawNode> array;
  std::vector<RawEntry> table;

  const RawEntry* find(std::string_view key) const;
  RawEntry* find(std::string_view key);
  /// "an integer", "a table", ...
  std::string_view describe() const;
};

struct RawEntry {
  std::string key;
  Span key_span;
  RawNode value;
};

/// Reads `source`, the `index` of its spans; nullopt after a diagnostic when it is not TOML.
std::optional<RawNode> read_toml(const Source& source, std::uint32_t index, Findings& findings);

/// Applies "a.b.c=value" (source `index`) to `root`. Stages and models that do not exist are
/// diagnosed, because a new one could only be a typing error.
void apply_set(RawNode& root, const Source& source, std::uint32_t index, Findings& findings);

/// Sets `value` where the keys of `path` lead (values unused), making tables on the way. The same
/// diagnosis.
void assign(RawNode& root, const std::vector<RawEntry>& path, RawNode value, Findings& findings);

/// The parts of a dotted key such as `edge."a -> b".capacity`; empty when it is none.
std::vector<std::string> key_path(std::string_view text);

/// Where each byte of a text value stands in its source (one more for the end), also through
/// escapes. Empty when the source has no such literal there.
std::vector<std::uint32_t> literal_map(const Source& source, const RawNode& text);

}  // namespace troupe::graphs
