#pragma once
// ThreadWorkers: a small pool of threads for short pure work. Threads are made at once and joined
// by the destructor, which first finishes what was begun and drops what was not.
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "actors/runtime/workers.hpp"

namespace troupe::stages {

class ThreadWorkers final : public runtime::Workers {
 public:
  explicit ThreadWorkers(unsigned threads);
  ~ThreadWorkers() override;
  void begin(std::vector<Work>& work) override;

 private:
  void serve();
  static runtime::EngineResult run(const Work& work);
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Work> items_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace troupe::stages
