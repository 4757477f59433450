#include "graphs/findings.hpp"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

namespace troupe::graphs {

Diagnostic& Findings::add(Severity severity, std::string_view code, std::string message, Span span,
                          std::string label) {
  if (severity == Severity::Error) ++errors_;
  if (all_.size() == kMost) {
    Diagnostic& last = all_.emplace_back();
    last.code = codes::kTooMany;
    last.message = fmt::format("more than {} problems", kMost);
    last.primary = {span, "and this is not the last"};
    last.help.push_back("these come first: solve them and check again");
  }
  // Found all the same, so that whoever finds it needs to know nothing of the limit.
  if (all_.size() > kMost) return beyond_ = Diagnostic();
  Diagnostic& found = all_.emplace_back();
  found.severity = severity;
  found.code = code;
  found.message = std::move(message);
  found.primary = {span, std::move(label)};
  return found;
}

std::vector<Diagnostic> Findings::take() {
  std::stable_sort(all_.begin(), all_.end(), [](const Diagnostic& a, const Diagnostic& b) {
    const auto key = [](const Diagnostic& d) {
      return std::tuple(d.primary.span.source, d.primary.span.begin);
    };
    return key(a) < key(b);
  });
  return std::move(all_);
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), previous(b.size() + 1), current(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      current[j] = std::min(
          {previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        current[j] = std::min(current[j], before[j - 2] + 1);
      }
    }
    before.swap(previous);
    previous.swap(current);
  }
  return previous[b.size()];
}

std::string nearest(std::string_view name, const std::vector<std::string>& candidates) {
  // Names longer than this are not typing errors, and the distance is quadratic.
  constexpr std::size_t kLongest = 100;
  if (name.empty() || name.size() > kLongest) return "";
  const std::string* best = nullptr;
  std::size_t best_distance = std::max<std::size_t>(1, name.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kLongest) continue;
    std::size_t distance = edit_distance(name, candidate);
    // `math` for `check_math`, `verifier` for `verifier.math`: part of the name was left out.
    if (name.size() >= 3 && candidate.size() > name.size() &&
        candidate.find(name) != std::string::npos) {
      distance = std::min<std::size_t>(distance, 1);
    }
    if (distance < best_distance) {
      best = &candidate;
      best_distance = distance;
    }
  }
  return best ? *best : "";
}

std::string name_help(std::string_view name, const std::vector<std::string>& candidates,
                      std::string_view what) {
  if (const std::string near = nearest(name, candidates); !near.empty()) {
    return fmt::format("did you mean `{}`?", near);
  }
  if (candidates.empty()) return fmt::format("there are no {} here", what);
  constexpr std::size_t kShown = 12;
  std::vector<std::string> shown(candidates.begin(),
                                 candidates.begin() + std::min(kShown, candidates.size()));
  if (candidates.size() <= kShown) return fmt::format("{}: {}", what, quoted_list(shown));
  return fmt::format("{}: {} and {} more", what, quoted_list(shown, ""),
                     candidates.size() - kShown);
}

std::string quoted_list(const std::vector<std::string>& names, std::string_view last) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) out += i + 1 == names.size() && !last.empty() ? fmt::format(" {} ", last) : ", ";
    out += '`' + names[i] + '`';
  }
  return out;
}

}  // namespace troupe::graphs
