#include "model/engines/parallel.hpp"

#include <ATen/Parallel.h>
#include <omp.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>

namespace troupe::model {

int team_size() { return omp_get_max_threads(); }

void set_team_size(unsigned threads) { at::set_num_threads(static_cast<int>(threads)); }

// libgomp spins 300,000 times at every barrier unless it counts more threads in teams than there
// are cores; then 1,000 times. When another process has one of two cores, the long spin keeps the
// partner from the other one: decoding became ten times slower than on a single thread. The count
// cannot be set from inside a process, so a team that sleeps forever raises the number.
void wait_politely() {
  std::thread([] {
    std::atomic<int> started{0};
#pragma omp parallel num_threads(omp_get_num_procs() + 1)
    started.fetch_add(1);
    for (;;) pause();
  }).detach();
}

double measured_seconds() { return omp_get_wtime(); }

void parallel_ranges(std::int64_t n, std::int64_t grain,
                     FunctionRef<void(std::int64_t, std::int64_t)> body) {
  const std::int64_t units = (n + grain - 1) / grain;
  const std::int64_t parts = std::min<std::int64_t>(units, team_size());
  if (parts <= 1) {
    if (n > 0) body(0, n);
    return;
  }
#pragma omp parallel for num_threads(static_cast<int>(parts)) schedule(static, 1)
  for (std::int64_t part = 0; part < parts; ++part) {
    const std::int64_t begin = units * part / parts * grain;
    const std::int64_t end = std::min(n, units * (part + 1) / parts * grain);
    body(begin, end);
  }
}

void parallel_tasks(std::int64_t n, FunctionRef<void(std::int64_t, int)> body) {
  const std::int64_t parts = std::min<std::int64_t>(n, team_size());
  if (parts <= 1) {
    for (std::int64_t i = 0; i < n; ++i) body(i, 0);
    return;
  }
  std::atomic<std::int64_t> next{0};
#pragma omp parallel num_threads(static_cast<int>(parts))
  {
    const int thread = omp_get_thread_num();
    for (std::int64_t i = next.fetch_add(1, std::memory_order_relaxed); i < n;
         i = next.fetch_add(1, std::memory_order_relaxed)) {
      body(i, thread);
    }
  }
}

}  // namespace troupe::model
