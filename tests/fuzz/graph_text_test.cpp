// Damaged texts of graphs: the parser names the line, or reads a graph that verifies and prints as it was read.
#include <gtest/gtest.h>

#include "compiler/graph/graph.h"
#include "tests/support/mutate.h"
#include "tests/support/rounds.h"

namespace tegula::compiler {
namespace {

constexpr std::string_view kTexts[] = {
    R"(symbol batch: 1..64
symbol 'past seq': 0..
input %x: f32[batch,3]
input %sizes: s64[2] holds [h,w]
const %w: f32[3] = [1, -0.5, 1e+20]
const %"onnx::Add_1": s64[] = 7
const %zero: f32[1000] = fill(0)
const %half: bf16[2] = bits[16256, 0]
%y = mul(%x, %w) : f32[batch,3] @"Mul_0" @"a \"b\""
%c = clip(%y) {beta=6} : f32[batch,3]
%i = cast(%c) {to=s32} : s32[batch,3]
%e = eltwise(%c, %y) {program=<add 0 1; clip 2 alpha=-0.1 beta=6; cast 3 to=f64>} : f64[batch,3]
%s = add(%sizes, %"onnx::Add_1") : s64[2]
%v = reshape(%e) {shape=[3*batch]} : f64[3*batch]
require equal(h*w, 49) "node 'x': why"
return %i, %v, "sum"=%s
)",
    R"(c = conv(%x:f32[1,3,floor(h/2),max(w,8)], %w:f32[4,3,3,3]=random(1)) {pads=[1,1,1,1], strides=[2,2]}
t = transpose(c) {perm=[0,2,3,1]}
y = softmax(t) {axis=3}
return y
)"};

constexpr std::string_view kTokens[] = {"%x",
                                        "f32",
                                        "s64",
                                        "[",
                                        "]",
                                        "(",
                                        ")",
                                        "{",
                                        "}",
                                        "=",
                                        ",",
                                        ":",
                                        "\"",
                                        "'",
                                        "\n",
                                        "@",
                                        "-1",
                                        "9223372036854775807",
                                        "-9223372036854775808",
                                        "1e999",
                                        "nan",
                                        "0",
                                        "batch",
                                        "h*w",
                                        "select(",
                                        "floor(h/0)",
                                        "mod(",
                                        "fill(",
                                        "random(",
                                        "bits[",
                                        "return ",
                                        "const ",
                                        "input ",
                                        "symbol ",
                                        "require ",
                                        "program=<",
                                        "\x1b",
                                        "#"};

TEST(DamagedGraphText, IsRefusedOrReadAsItPrints) {
  test::Mutator mutator(1);
  int accepted = 0;
  const int rounds = test::rounds(4000);
  for (int round = 0; round < rounds; ++round) {
    const std::string text = mutator.damaged_text(std::string(kTexts[mutator.below(std::size(kTexts))]), kTokens);
    const auto graph = parse(text);
    if (!graph.ok()) {
      ASSERT_NE(graph.error().code, ErrorCode::kInternal) << text << graph.error().message;
      ASSERT_TRUE(test::is_printable_message(graph.error().message)) << graph.error().message;
      continue;
    }
    ++accepted;
    const auto status = verify(*graph);
    ASSERT_TRUE(status.ok()) << text << status.error().message;
    const std::string printed = print(*graph);
    const auto again = parse(printed);
    ASSERT_TRUE(again.ok()) << printed << again.error().message;
    ASSERT_EQ(print(*again), printed);
  }
  EXPECT_GT(accepted, rounds / 200);
  EXPECT_LT(accepted, rounds / 10 * 9);
}

}  // namespace
}  // namespace tegula::compiler
