#pragma once
#include <memory>
#include <mutex>
#include <typeindex>
#include <unordered_map>

#include "jit/kernel_cache.h"

namespace tegula::runtime {

/// The generated kernels of one program: one KernelCache per descriptor type, made on first use. Owned by the program;
/// safe for concurrent calls. Kernels live as long as somebody holds them.
class KernelLibrary {
 public:
  template <typename Desc, typename Kernel>
  jit::KernelCache<Desc, Kernel>& cache() {
    const std::lock_guard lock(mutex_);
    auto& slot = caches_[std::type_index(typeid(jit::KernelCache<Desc, Kernel>))];
    if (!slot) slot = std::make_shared<jit::KernelCache<Desc, Kernel>>(&generated_);
    return *static_cast<jit::KernelCache<Desc, Kernel>*>(slot.get());
  }

  /// What all caches have generated so far.
  const jit::GenerationCount& generated() const { return generated_; }

 private:
  jit::GenerationCount generated_;
  std::mutex mutex_;
  std::unordered_map<std::type_index, std::shared_ptr<void>> caches_;
};

}  // namespace tegula::runtime
