#include <gtest/gtest.h>

#include "tests/support/program_testing.h"

namespace tegula::compiler {
namespace {

TEST(Programs, ReshapedOutputs) {
  expect_program_computes(R"(
      s = softmax(%x:f32[batch,6]) {axis=1}
      r = reshape(s) {shape=[batch, 2, 3]}
      t = softmax(r) {axis=2}
      u = reshape(t) {shape=[6*batch]}
      return u, r, s)");
}

}  // namespace
}  // namespace tegula::compiler
