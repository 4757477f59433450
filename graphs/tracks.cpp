#include "graphs/tracks.hpp"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

namespace troupe::graphs {
namespace {

constexpr int kCorner = 7;  // pixels

/// How often two nets cross when `a` runs above `b`; running into each other counts most.
int crossings(const Net& a, const Net& b) {
  int out = 0;
  const auto within = [](int x, const Net& net) { return x > net.low && x < net.high; };
  for (const int x : a.ends) out += within(x, b) ? 1 : 0;
  for (const int x : b.starts) out += within(x, a) ? 1 : 0;
  for (const int x : a.ends) {
    for (const int y : b.starts) out += std::abs(x - y) < 4 ? 20 : 0;
  }
  return out;
}

}  // namespace

int assign_tracks(const std::vector<Wire>& wires, Nets& nets) {
  for (const Wire& wire : wires) {
    auto [at, added] = nets.try_emplace(wire.net);
    Net& net = at->second;
    if (added) net.low = net.high = wire.x1;
    net.low = std::min({net.low, wire.x1, wire.x2});
    net.high = std::max({net.high, wire.x1, wire.x2});
    net.starts.push_back(wire.x1);
    net.ends.push_back(wire.x2);
  }
  std::vector<Net*> order;
  for (auto& [id, net] : nets) {
    net.track = -1;
    if (net.low != net.high) order.push_back(&net);
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const Net* a, const Net* b) { return a->low < b->low; });
  for (std::size_t pass = 0; pass < order.size(); ++pass) {
    for (std::size_t i = 0; i + 1 < order.size(); ++i) {
      if (crossings(*order[i + 1], *order[i]) < crossings(*order[i], *order[i + 1])) {
        std::swap(order[i], order[i + 1]);
      }
    }
  }
  int count = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    int track = 0;
    for (std::size_t j = 0; j < i; ++j) {
      if (order[i]->low <= order[j]->high + 6 && order[j]->low <= order[i]->high + 6) {
        track = std::max(track, order[j]->track + 1);
      }
    }
    order[i]->track = track;
    count = std::max(count, track + 1);
  }
  return count;
}

std::string path_of(const std::vector<Point>& all) {
  std::vector<Point> points;
  for (const Point& point : all) {  // what lies on a straight line is no corner
    if (!points.empty() && points.back().x == point.x && points.back().y == point.y) continue;
    if (points.size() > 1) {
      const Point a = points[points.size() - 2], b = points.back();
      if ((a.x == b.x && b.x == point.x) || (a.y == b.y && b.y == point.y)) points.pop_back();
    }
    points.push_back(point);
  }
  std::string out = fmt::format("M{} {}", points.front().x, points.front().y);
  for (std::size_t i = 1; i + 1 < points.size(); ++i) {
    const Point a = points[i - 1], b = points[i], c = points[i + 1];
    const auto towards = [&](Point from, Point to) {
      const int length = std::abs(to.x - from.x) + std::abs(to.y - from.y);
      const int cut = std::min(kCorner, length / 2);
      const auto sign = [](int v) { return (v > 0) - (v < 0); };
      return Point{from.x + sign(to.x - from.x) * cut, from.y + sign(to.y - from.y) * cut};
    };
    const Point before = towards(b, a), after = towards(b, c);
    out += fmt::format("L{} {}Q{} {} {} {}", before.x, before.y, b.x, b.y, after.x, after.y);
  }
  return out + fmt::format("L{} {}", points.back().x, points.back().y);
}

}  // namespace troupe::graphs
