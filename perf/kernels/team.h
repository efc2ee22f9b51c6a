#pragma once
#include <atomic>
#include <functional>
#include <thread>
#include <vector>

namespace tegula::perf {

/// Threads that compute one problem together and spin between problems, so that handing over costs little. The calling
/// thread is worker 0. One user at a time.
class Team {
 public:
  explicit Team(int workers) {
    for (int i = 1; i < workers; ++i) threads_.emplace_back([this, i] { serve(i); });
  }
  ~Team() {
    work_ = nullptr;
    round_.fetch_add(1, std::memory_order_release);
    for (std::thread& thread : threads_) thread.join();
  }
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return static_cast<int>(threads_.size()) + 1; }

  /// Calls work(worker) once on each of size() threads and returns when all have.
  void run(const std::function<void(int worker)>& work) {
    work_ = &work;
    busy_.store(static_cast<int>(threads_.size()), std::memory_order_relaxed);
    round_.fetch_add(1, std::memory_order_release);
    work(0);
    while (busy_.load(std::memory_order_acquire) > 0) __builtin_ia32_pause();
  }

 private:
  void serve(int worker) {
    for (int seen = 0;; ++seen) {
      while (round_.load(std::memory_order_acquire) == seen) __builtin_ia32_pause();
      if (work_ == nullptr) return;
      (*work_)(worker);
      busy_.fetch_sub(1, std::memory_order_release);
    }
  }

  const std::function<void(int)>* work_ = nullptr;
  std::atomic<int> round_{0}, busy_{0};
  std::vector<std::thread> threads_;
};

}  // namespace tegula::perf
