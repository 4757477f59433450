#include "actors/stages/engines/thread_workers.hpp"

namespace troupe::stages {

ThreadWorkers::ThreadWorkers(unsigned threads) {
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { serve(); });
}

ThreadWorkers::~ThreadWorkers() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    items_.clear();
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadWorkers::begin(std::vector<Work>& work) {
  {
    const std::lock_guard lock(mutex_);
    items_.insert(items_.end(), std::make_move_iterator(work.begin()),
                  std::make_move_iterator(work.end()));
  }
  if (work.size() > 1)
    wake_.notify_all();
  else
    wake_.notify_one();
  work.clear();
}

runtime::EngineResult ThreadWorkers::run(const Work& work) {
  try {
    return work.run();
  } catch (const std::exception& e) {
    return Error{ErrorCode::Infra, e.what(), ""};
  }
}

void ThreadWorkers::serve() {
  for (;;) {
    Work item;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || !items_.empty(); });
      if (stopping_) return;
      item = std::move(items_.front());
      items_.pop_front();
    }
    runtime::EngineResult result = run(item);
    item.run = nullptr;  // whoever gets the result may want what the work was done on
    item.done(std::move(result));
  }
}

}  // namespace troupe::stages
