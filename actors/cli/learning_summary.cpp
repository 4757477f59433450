#include "actors/cli/learning_summary.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace troupe::cli {

void LearningSummary::add(const std::string& stage, std::uint32_t step,
                          const runtime::Metrics& metrics) {
  if (stage.empty()) {
    if (const auto it = metrics.find("reward/mean"); it != metrics.end())
      reward_.push_back({step, it->second, 0});
    return;
  }
  const auto it = metrics.find(stage + "/accuracy");
  if (it == metrics.end()) return;
  const auto questions = metrics.find(stage + "/questions");
  accuracy_[stage].push_back(
      {step, it->second, questions == metrics.end() ? 0.0 : questions->second});
}

std::vector<std::string> LearningSummary::lines() const {
  std::vector<std::string> lines;
  for (const auto& [stage, points] : accuracy_) {
    const Point& first = points.front();
    const Point& last = points.back();
    if (points.size() == 1) {
      lines.push_back(fmt::format("{}: accuracy {:.1f} % at step {} on {:.0f} held-out questions",
                                  stage, 100 * first.value, first.step, first.questions));
      continue;
    }
    lines.push_back(fmt::format(
        "{}: accuracy {:.1f} % at step {} -> {:.1f} % at step {} ({:+.1f} points) on {:.0f} "
        "held-out questions",
        stage, 100 * first.value, first.step, 100 * last.value, last.step,
        100 * (last.value - first.value), last.questions));
  }
  if (!reward_.empty()) {
    // The mean over a few steps, since one batch is noisy.
    const std::size_t n = std::min<std::size_t>(5, reward_.size());
    double first = 0, last = 0;
    for (std::size_t i = 0; i < n; ++i) {
      first += reward_[i].value / static_cast<double>(n);
      last += reward_[reward_.size() - 1 - i].value / static_cast<double>(n);
    }
    lines.push_back(fmt::format("reward: mean {:.3f} in the first {} steps, {:.3f} in the last {}",
                                first, n, last, n));
  }
  return lines;
}

}  // namespace troupe::cli
