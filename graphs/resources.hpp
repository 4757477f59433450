#pragma once
// Resources: what a plan needs of the machine it runs on, row by row, and which option changes
// each. Whoever knows models fills it (actors/stages/resources.hpp); this folder adds the queues,
// holds the sum against a limit, and prints it. Values; any thread.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "graphs/plan.hpp"

namespace troupe::graphs {

/// An option of a stage that, one less, saves `bytes_each` of a row.
struct Lever {
  std::string stage, option;
  std::uint64_t value = 0, least = 1;
  std::uint64_t bytes_each = 0;
};

struct MemoryRow {
  std::string owner;                   // "model policy", "stage learn", "queues", "program"
  std::string what;                    // "master weights, moments, gradient"
  std::optional<std::uint64_t> bytes;  // absent: unknown
  std::string from;                    // how it was computed, or why it is unknown
  std::optional<Lever> lever;
};

struct CoreRow {
  std::string owner;
  std::string threads;  // "2, in turns"
  std::string from;
};

struct Resources {
  std::vector<MemoryRow> memory;  // without queues
  std::vector<CoreRow> cores;
  std::uint64_t machine_bytes = 0;  // of this machine; 0: not asked
  unsigned machine_cores = 0;
  bool must_fit = false;  // it is to run here: more than the machine has is an error
};

using Estimate = std::function<Resources(const Plan&)>;

/// Its rows, and one for the queues.
std::vector<MemoryRow> memory_rows(const Plan& plan, const Resources& resources);
/// Of all rows that are known.
std::uint64_t memory_total(const Plan& plan, const Resources& resources);
/// "1.4 GiB"
std::string size_text(std::uint64_t bytes);

}  // namespace troupe::graphs
