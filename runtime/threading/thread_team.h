#pragma once
#include <memory>

namespace tegula::runtime {

/// The threads of one instance: a oneTBB arena. Worker threads belong to the process and come when they are free, or
/// never: nothing may wait for one that has not come.
class ThreadTeam {
 public:
  /// What workers do. Called on their threads, possibly several at once, each with a number of its own in [0, threads).
  /// Must return soon after it is told so by other means, and must not throw.
  class Body {
   public:
    virtual void work(int worker) = 0;

   protected:
    ~Body() = default;
  };

  /// A region during which workers may be invited; runs on the calling thread. Must not throw.
  class Region {
   public:
    /// `worker` is the caller's own number.
    virtual void run(int worker) = 0;

   protected:
    ~Region() = default;
  };

  /// `threads` >= 2, the caller's included.
  explicit ThreadTeam(int threads);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int threads() const;

  /// Runs `region` inside of the arena, then waits until every invited call of `body` has returned (or runs it itself).
  void execute(Region& region);

  /// Only from within a region: asks for `count` workers to call body.work(), once each.
  void invite(Body& body, int count);

  /// Leaves the arena behind without touching it: after fork() its threads are gone.
  void abandon();

 private:
  struct Arena;
  std::unique_ptr<Arena> arena_;
};

}  // namespace tegula::runtime
