#include "runtime/threading/thread_team.h"

#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include <optional>

#include "runtime/threading/float_mode.h"

namespace tegula::runtime {

struct ThreadTeam::Arena {
  explicit Arena(int count) : threads(count), arena(count, 1) {
    // oneTBB has one worker less than this number; asked for more, it would print a warning and ignore the wish.
    using Control = tbb::global_control;
    if (Control::active_value(Control::max_allowed_parallelism) < static_cast<std::size_t>(count))
      limit.emplace(Control::max_allowed_parallelism, static_cast<std::size_t>(count));
    arena.initialize();
  }

  const int threads;
  std::optional<tbb::global_control> limit;
  tbb::task_arena arena;
  tbb::task_group tasks;
};

ThreadTeam::ThreadTeam(int threads) : arena_(std::make_unique<Arena>(threads)) {}

ThreadTeam::~ThreadTeam() = default;

int ThreadTeam::threads() const {
  return arena_->threads;
}

void ThreadTeam::execute(Region& region) {
  arena_->arena.execute([&] {
    region.run(tbb::this_task_arena::current_thread_index());
    arena_->tasks.wait();
  });
}

void ThreadTeam::invite(Body& body, int count) {
  for (int i = 0; i < count; ++i) {
    arena_->tasks.run([&body] {
      const FloatMode mode;
      body.work(tbb::this_task_arena::current_thread_index());
    });
  }
}

void ThreadTeam::abandon() {
  static_cast<void>(arena_.release());
}

}  // namespace tegula::runtime
