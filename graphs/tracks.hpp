#pragma once
// Tracks: how lines run through the channel between two rows of a drawing: down from where they
// leave, along a horizontal track, down to where they arrive. Lines that share an end share a net;
// nets are put into tracks so that few cross and none runs into another. Pure functions; values.
#include <map>
#include <string>
#include <vector>

#include "graphs/layout.hpp"

namespace troupe::graphs {

struct Wire {
  const LayoutLine* line = nullptr;
  int x1 = 0, x2 = 0;  // where it leaves and where it arrives
  int net = 0;
};

struct Net {
  int low = 0, high = 0;  // of its horizontal part
  int track = -1;         // -1: straight down
  std::vector<int> starts, ends;
};
using Nets = std::map<int, Net>;

/// Fills `nets` (by Wire::net); gives the number of tracks.
int assign_tracks(const std::vector<Wire>& wires, Nets& nets);

struct Point {
  int x = 0, y = 0;
};

/// The points as the `d` of an SVG path: horizontal and vertical lines with rounded corners.
std::string path_of(const std::vector<Point>& points);

}  // namespace troupe::graphs
