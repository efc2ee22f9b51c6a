#pragma once
#include <gtest/gtest.h>

#include <vector>

#include "kernels/plain_loops.h"
#include "tests/support/values.h"

namespace tegula::kernels {

/// check(), then the kernel.
template <typename Desc, typename Function>
Status run_plain(Function function, const Desc& desc, const std::vector<TensorView>& inputs,
                 const std::vector<TensorView>& outputs) {
  TEGULA_RETURN_IF_ERROR(check(desc, inputs, outputs));
  return function(desc, inputs, outputs);
}

template <typename Desc, typename Function>
void expect_runs(Function function, const Desc& desc, const std::vector<TensorView>& inputs,
                 const std::vector<TensorView>& outputs) {
  const Status status = run_plain(function, desc, inputs, outputs);
  ASSERT_TRUE(status.ok()) << status.error().message;
}

}  // namespace tegula::kernels
