#pragma once
// Findings: where checks put what they find, and the texts that many of them share: nearest names,
// lists of names. One owner (load_graph); not thread-safe; cannot fail.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graphs/codes.hpp"
#include "graphs/diagnostic.hpp"

namespace troupe::graphs {

class Findings {
 public:
  /// The reference is good until the next call.
  Diagnostic& error(std::string_view code, std::string message, Span span, std::string label = "") {
    return add(Severity::Error, code, std::move(message), span, std::move(label));
  }
  Diagnostic& warning(std::string_view code, std::string message, Span span,
                      std::string label = "") {
    return add(Severity::Warning, code, std::move(message), span, std::move(label));
  }
  bool has_errors() const { return errors_ > 0; }
  /// Whether nothing more will be told, so that looking for nearest names would be for nothing.
  bool full() const { return all_.size() > kMost; }
  /// The newest finding; null when there is none. Good until the next one.
  Diagnostic* last() { return all_.empty() ? nullptr : &all_.back(); }
  std::size_t errors() const { return errors_; }
  /// In the order of the file: by source, then by place, errors and warnings mixed.
  std::vector<Diagnostic> take();

 private:
  Diagnostic& add(Severity severity, std::string_view code, std::string message, Span span,
                  std::string label);
  static constexpr std::size_t kMost = 100;  // told at once; the rest only makes the graph wrong

  std::vector<Diagnostic> all_;
  Diagnostic beyond_;
  std::size_t errors_ = 0;
};

/// Insertions, deletions, substitutions and swaps of neighbours (Damerau-Levenshtein, restricted).
std::size_t edit_distance(std::string_view a, std::string_view b);
/// The candidate that a person most likely meant; empty when none is near.
std::string nearest(std::string_view name, const std::vector<std::string>& candidates);
/// "did you mean `x`?", or "there are: `a`, `b`, `c`" (at most 12), or "`none`".
std::string name_help(std::string_view name, const std::vector<std::string>& candidates,
                      std::string_view what);
/// "`a`, `b` and `c`".
std::string quoted_list(const std::vector<std::string>& names, std::string_view last = "and");

}  // namespace troupe::graphs
