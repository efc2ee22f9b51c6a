#include "runtime/threading/parallel_for.h"

#include <tbb/parallel_for.h>

namespace tegula::runtime {

void parallel_for(int64_t count, const std::function<void(int64_t)>& body) {
  if (count == 1) return body(0);
  tbb::parallel_for(int64_t{0}, count, body);
}

}  // namespace tegula::runtime
