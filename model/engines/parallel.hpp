#pragma once
// Sharing loops among the threads of the calling engine: one OpenMP team, the same that LibTorch's
// matrix products use on this thread. How work is cut never changes a result: every index is
// handled alone. Bodies must not throw.
#include <cstdint>
#include <memory>
#include <type_traits>

namespace troupe::model {

/// A reference to a callable; the callable outlives the call.
template <class Signature>
class FunctionRef;
template <class R, class... A>
class FunctionRef<R(A...)> {
 public:
  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef>)
  FunctionRef(F&& f)  // NOLINT: implicit by purpose
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(f)))),
        call_([](void* object, A... a) -> R {
          return (*static_cast<std::remove_reference_t<F>*>(object))(a...);
        }) {}
  R operator()(A... a) const { return call_(object_, a...); }

 private:
  void* object_;
  R (*call_)(void*, A...);
};

/// body(begin, end) over parts of [0, n), each at least `grain` long where n allows, cut at
/// multiples of `grain`.
void parallel_ranges(std::int64_t n, std::int64_t grain,
                     FunctionRef<void(std::int64_t, std::int64_t)> body);

/// body(index, thread) for every index in [0, n), whoever is free takes the next; thread is below
/// team_size().
void parallel_tasks(std::int64_t n, FunctionRef<void(std::int64_t, int)> body);

int team_size();
/// Threads that this thread's loops and LibTorch's products use.
void set_team_size(unsigned threads);

/// Makes OpenMP teams of this process give up their core after microseconds of waiting, not
/// milliseconds. Once per process, before the first team.
void wait_politely();

/// Seconds since an arbitrary start, for the times that engines report; no decision reads it.
double measured_seconds();

}  // namespace troupe::model
