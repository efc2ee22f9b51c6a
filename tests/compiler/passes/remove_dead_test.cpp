#include "compiler/passes/remove_dead.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

TEST(RemoveDead, RemovesChainsThatNobodyReads) {
  EXPECT_EQ(after(remove_dead, R"(
      a = neg(%x:f32[2])
      b = add(a, %w:f32[2]=[1,2])
      c = abs(b)
      y = relu(a)
      return y)"),
            R"(
      a = neg(%x:f32[2])
      y = relu(a)
      return y)");
}

TEST(RemoveDead, KeepsInputsAndWhatIsRead) {
  expect_unchanged(remove_dead, R"(
      input unread: f32[3]
      y = relu(%x:f32[2])
      return y)");
}

}  // namespace
}  // namespace tegula::compiler
