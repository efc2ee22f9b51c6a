#include "compiler/driver/program_data.h"

#include <gtest/gtest.h>

#include <vector>

namespace tegula::driver {
namespace {

TensorInfo input(std::vector<Dimension> dims, bool feeds_shapes = false) {
  return {"x", DType::kF32, std::move(dims), feeds_shapes};
}

bool counts(const std::vector<TensorInfo>& inputs) {
  return rows_are_samples(inputs);
}

TEST(ProgramData, RowsAreSamplesWhereTheFirstDimensionOfAllCountsThem) {
  const Dimension one{1, ""}, eight{8, ""}, batch{-1, "batch"}, length{-1, "length"};
  EXPECT_TRUE(counts({input({one, eight})}));
  EXPECT_TRUE(counts({input({batch, eight})}));
  EXPECT_TRUE(counts({input({batch, length}), input({batch})}));
  EXPECT_FALSE(counts({input({batch, length}), input({length})}));
  EXPECT_FALSE(counts({input({batch}), input({one})}));
  EXPECT_FALSE(counts({input({eight})})) << "a batch of its own";
  EXPECT_FALSE(counts({input({})}));
  EXPECT_FALSE(counts({input({batch}), input({})}));
  EXPECT_FALSE(counts({input({one}, true)})) << "its elements are sizes";
  EXPECT_FALSE(counts({}));
}

}  // namespace
}  // namespace tegula::driver
