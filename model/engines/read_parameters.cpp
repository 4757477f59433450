#include "model/engines/read_parameters.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>

#include "model/engines/failure.hpp"

namespace troupe::model {

Result<void> read_parameters(
    const Checkpoint& checkpoint, const Architecture& a, unsigned threads,
    const std::function<void(const Parameter&, std::span<const float>)>& store) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::optional<Error> first;
  const auto fail = [&](const Error& error) {
    std::lock_guard lock(mutex);
    if (!first) first = error;
    next = a.parameters.size();
  };
  const auto work = [&] {
    try {
      std::vector<float> values;
      for (std::size_t i = next++; i < a.parameters.size(); i = next++) {
        const Parameter& p = a.parameters[i];
        values.resize(static_cast<std::size_t>(p.elements));
        if (const auto read = checkpoint.read_f32(p.name, values); !read.ok()) {
          return fail(read.error());
        }
        store(p, values);
      }
    } catch (...) {
      fail(failure_of(std::current_exception(), "reading a model"));
    }
  };
  // Threads of their own: an OpenMP team made here would stay behind on the caller's thread.
  std::vector<std::thread> others;
  for (unsigned i = 1; i < std::max(1u, threads); ++i) others.emplace_back(work);
  work();
  for (std::thread& t : others) t.join();
  if (first) return *first;
  return {};
}

}  // namespace troupe::model
