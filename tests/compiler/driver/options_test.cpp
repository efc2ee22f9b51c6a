#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/driver/input_options.h"
#include "compiler/driver/shape_options.h"

namespace tegula::driver {
namespace {

using ::testing::HasSubstr;

TEST(ShapeOptions, ReadsDimensions) {
  const auto dims = parse_dims({"batch=8", "seq=1..64", "a=b=3"});
  ASSERT_TRUE(dims.ok()) << dims.error().message;
  EXPECT_EQ(dims->at("batch"), std::pair(int64_t{8}, int64_t{8}));
  EXPECT_EQ(dims->at("seq"), std::pair(int64_t{1}, int64_t{64}));
  EXPECT_EQ(dims->at("a=b"), std::pair(int64_t{3}, int64_t{3}));
  for (const char* wrong : {"batch", "=8", "batch=", "batch=x", "batch=-1", "batch=8..1", "batch=1..", "batch=1..2..3",
                            "batch=9999999999999999999"}) {
    const auto refused = parse_dims({wrong});
    ASSERT_FALSE(refused.ok()) << wrong;
    EXPECT_THAT(refused.error().message, HasSubstr(concat("--dim ", wrong, ": want NAME=SIZE")));
  }
  EXPECT_THAT(parse_dims({"n=1", "n=2"}).error().message, HasSubstr("--dim n is given twice"));
  EXPECT_FALSE(parse_fixed_dims({"n=1..2"}).ok());
}

TEST(ShapeOptions, ReadsShapes) {
  const auto shapes = parse_shapes({"in=Nx3x224x224", "in/put:0=max,h+2,3", "s=", "v=7"});
  ASSERT_TRUE(shapes.ok()) << shapes.error().message;
  EXPECT_EQ(shapes->at("in"), (std::vector<std::string>{"N", "3", "224", "224"}));
  EXPECT_EQ(shapes->at("in/put:0"), (std::vector<std::string>{"max", "h+2", "3"}));
  EXPECT_TRUE(shapes->at("s").empty());
  EXPECT_EQ(shapes->at("v"), std::vector<std::string>{"7"});
  EXPECT_FALSE(parse_shapes({"in=1xx2"}).ok());
  EXPECT_FALSE(parse_shapes({"in"}).ok());
  EXPECT_FALSE(parse_shapes({"in=1", "in=2"}).ok());
  EXPECT_EQ(parse_fixed_shapes({"in=2x0x3"})->at("in"), (Dims{2, 0, 3}));
  EXPECT_THAT(parse_fixed_shapes({"in=Nx3"}).error().message, HasSubstr("'N' is no number"));
}

TEST(InputOptions, ReadsRanges) {
  InputOptions options;
  options.ranges = {"ids=0:30522", "x=-1.5:2e3"};
  const auto request = options.request();
  ASSERT_TRUE(request.ok()) << request.error().message;
  EXPECT_EQ(request->ranges.at("ids").high, 30522);
  EXPECT_EQ(request->ranges.at("x").low, -1.5);
  EXPECT_EQ(request->ranges.at("x").high, 2000);
  for (const char* wrong : {"ids", "ids=3", "ids=0:", "ids=:3", "ids=a:b", "=0:1", "ids=0:1x"}) {
    options.ranges = {wrong};
    EXPECT_FALSE(options.request().ok()) << wrong;
  }
}

}  // namespace
}  // namespace tegula::driver
