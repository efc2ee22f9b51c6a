#include "compiler/lowering/lower_program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "schema/expressions.h"
#include "schema/file_layout.h"
#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// The program as lines: one per step, and what its operands are.
class Lowered {
 public:
  explicit Lowered(std::string_view text, std::map<std::string, int64_t> symbols = {})
      : graph_(graph_of(text)), store_(::testing::TempDir()), symbols_(std::move(symbols)) {
    auto program = lower_program(graph_, store_);
    if (!program.ok()) {
      error_ = program.error().message;
      return;
    }
    program_ = *std::move(program);
    std::vector<ExprNode> nodes;
    for (const auto& e : tables().expressions)
      nodes.push_back(
          {.op = static_cast<ExprOp>(e->op), .value = e->value, .a = e->a, .b = e->b, .c = e->c, .scale = e->scale});
    std::vector<int64_t> given;
    for (const auto& symbol : tables().symbols) given.push_back(symbols_[symbol->name]);
    sizes_.resize(nodes.size());
    evaluate(nodes, given, sizes_);
  }

  const schema::ProgramT& tables() const { return program_.tables; }
  const std::string& error() const { return error_; }

  std::vector<std::string> steps() const {
    std::vector<std::string> lines;
    for (const auto& step : tables().steps) {
      std::string line = schema::EnumNameStepAttributes(step->attributes.type);
      for (const int32_t value : step->inputs) line += " " + describe(value);
      line += " ->";
      for (const int32_t value : step->outputs) line += " " + describe(value);
      lines.push_back(line);
    }
    return lines;
  }

  /// "name", or "name[offset:strides]of base" for views, with the letter of its storage unless it is the arena.
  std::string describe(int32_t number) const {
    if (number < 0) return "-";
    const schema::ValueT& value = *tables().values[static_cast<std::size_t>(number)];
    switch (static_cast<Storage>(value.storage)) {
      case Storage::kArena: return value.name;
      case Storage::kConstant: return "c:" + value.name;
      case Storage::kInput: return "i:" + value.name;
      case Storage::kOutput: return "o:" + value.name;
      case Storage::kView: break;
    }
    std::string text =
        value.name + "[" + std::to_string(value.view_offset < 0 ? 0 : size(static_cast<uint32_t>(value.view_offset)));
    for (std::size_t i = 0; i < value.strides.size(); ++i)
      text += (i ? "," : ":") + std::to_string(size(value.strides[i]));
    return text + "]of " + tables().values[static_cast<std::size_t>(value.base)]->name;
  }

  std::vector<std::string> outputs() const {
    std::vector<std::string> names;
    for (const auto& port : tables().outputs)
      names.push_back(port->name + "=" + describe(static_cast<int32_t>(port->value)));
    return names;
  }

 private:
  int64_t size(uint32_t row) const { return sizes_[row]; }

  Graph graph_;
  ConstantStore store_;
  std::map<std::string, int64_t> symbols_;
  LoweredProgram program_;
  std::vector<int64_t> sizes_;
  std::string error_;
};

TEST(LowerProgram, WritesStepsOverValues) {
  const Lowered program("y = add(%x:f32[batch,3], %w:f32[3]=[1,2,3]) @\"Add_0\"\nreturn y", {{"batch", 2}});
  EXPECT_THAT(program.steps(), ElementsAre("Eltwise i:x c:w -> o:y"));
  EXPECT_THAT(program.outputs(), ElementsAre("y=o:y"));
  EXPECT_EQ(program.tables().steps[0]->name, "Add_0");
  EXPECT_THAT(program.tables().steps[0]->onnx_nodes, ElementsAre("Add_0"));
  ASSERT_EQ(program.tables().symbols.size(), 1u);
  EXPECT_EQ(program.tables().symbols[0]->name, "batch");
}

TEST(LowerProgram, ReshapesAreViews) {
  const Lowered program("a = relu(%x:f32[2,3])\nb = reshape(a) {shape=[6]}\ny = abs(b)\nreturn y");
  EXPECT_THAT(program.steps(), ElementsAre("Eltwise i:x -> a", "Eltwise b[0]of a -> o:y"));
}

TEST(LowerProgram, WhatAnOutputReshapesBecomesItsView) {
  const Lowered program("a = relu(%x:f32[2,3])\nb = reshape(a) {shape=[6]}\ny = reshape(b) {shape=[3,2]}\nreturn y");
  EXPECT_THAT(program.steps(), ElementsAre("Eltwise i:x -> a[0]of y"));
  EXPECT_THAT(program.outputs(), ElementsAre("y=o:y"));
}

TEST(LowerProgram, CopiesOutputsThatHaveNoBufferOfTheirOwn) {
  const Lowered program(R"(
      a = relu(%x:f32[2,3])
      r = reshape(a) {shape=[6]}
      return x, %w:f32[2]=[1,2], a, "again"=a, r)");
  EXPECT_THAT(program.outputs(), ElementsAre("x=o:x_1", "w=o:w", "a=o:a", "again=o:again", "r=o:r"));
  EXPECT_THAT(program.steps(), ElementsAre("Eltwise i:x -> o:a", "Copy i:x -> o:x_1", "Copy c:w_1 -> o:w",
                                           "Copy o:a -> o:again", "Copy r_1[0]of a -> o:r"));
}

TEST(LowerProgram, StoresEqualConstantsOnce) {
  const Lowered program(R"(
      a = add(%x:f32[4], %w:f32[4]=random(1))
      y = mul(a, %v:f32[4]=random(1))
      return y)");
  const auto& values = program.tables().values;
  const auto is_constant = [](const auto& value) { return static_cast<Storage>(value->storage) == Storage::kConstant; };
  EXPECT_EQ(std::count_if(values.begin(), values.end(), is_constant), 2);
}

TEST(LowerProgram, SkipsConstraintsThatCertainlyHold) {
  const Lowered program(
      "y = relu(%x:f32[n])\nrequire at_least(n, 0)\nrequire equal(n, 2*m) \"why\"\nreturn y, %z:f32[m]");
  ASSERT_EQ(program.tables().constraints.size(), 1u);
  EXPECT_EQ(program.tables().constraints[0]->message, "why");
}

TEST(LowerProgram, ReadsElementsThatFeedShapes) {
  const Lowered program(R"(
      input %sizes: s64[2] holds [h, w]
      input %unread: s64[1] holds [n]
      y = reshape(%x:f32[6]) {shape=[h, w]}
      z = relu(y)
      return z)",
                        {{"h", 2}, {"w", 3}});
  EXPECT_EQ(program.tables().inputs[0]->element_symbols.size(), 2u);
  EXPECT_TRUE(program.tables().inputs[1]->element_symbols.empty());
  EXPECT_EQ(program.tables().constraints.size(), 1u);  // h * w == 6
}

TEST(LowerProgram, RefusesSizesThatNoInputTells) {
  const Lowered program("y = reshape(%x:f32[6]) {shape=[h, w]}\nz = relu(y)\nreturn z");
  EXPECT_EQ(program.error(), "the size 'h' follows from data: it is neither a dimension of an input nor read from one");
}

// ---------------------------------------------------------------- concat and slice

TEST(LowerProgram, OperandsOfAConcatAreWrittenIntoItsResult) {
  const Lowered program(R"(
      a = abs(%x:f32[8,16])
      b = neg(%z:f32[8,32])
      c = concat(a, b) {axis=1}
      y = relu(c)
      return y)");
  EXPECT_THAT(program.steps(),
              ElementsAre("Eltwise i:x -> a[0:48,1]of c", "Eltwise i:z -> b[16:48,1]of c", "Eltwise c -> o:y"));
}

TEST(LowerProgram, ConcatsOfConcatsShareOneBase) {
  const Lowered program(R"(
      a = abs(%x:f32[8,16])
      b = neg(%z:f32[8,32])
      c = concat(a, b) {axis=1}
      d = sqrt(%x)
      e = concat(d, c) {axis=1}
      y = relu(e)
      r = relu(c)
      return y, r)");
  EXPECT_THAT(program.steps(),
              ElementsAre("Eltwise i:x -> a[16:64,1]of e", "Eltwise i:z -> b[32:64,1]of e",
                          "Eltwise i:x -> d[0:64,1]of e", "Eltwise e -> o:y", "Eltwise c[16:64,1]of e -> o:r"));
}

TEST(LowerProgram, BlocksAlongTheFirstAxisAreContiguous) {
  const Lowered program(R"(
      a = abs(%x:f32[2,16])
      b = neg(%z:f32[3,16])
      c = concat(a, b) {axis=0}
      return c)");
  EXPECT_THAT(program.steps(), ElementsAre("Eltwise i:x -> a[0]of c", "Eltwise i:z -> b[32]of c"));
  EXPECT_THAT(program.outputs(), ElementsAre("c=o:c"));
}

TEST(LowerProgram, CopiesOperandsThatLieElsewhere) {
  const Lowered program(R"(
      a = abs(%x:f32[8,16])
      c = concat(a, %x) {axis=1}
      y = relu(c)
      return y)");
  EXPECT_THAT(program.steps(),
              ElementsAre("Eltwise i:x -> a[0:32,1]of c", "Copy i:x -> x_1[16:32,1]of c", "Eltwise c -> o:y"));
}

TEST(LowerProgram, KeepsConcatsOfWhatLiesElsewhere) {
  EXPECT_THAT(Lowered("c = concat(%x:f32[8,16], %z:f32[8,4]) {axis=1}\ny = relu(c)\nreturn y").steps(),
              ElementsAre("Concat i:x i:z -> c", "Eltwise c -> o:y"));
  EXPECT_THAT(Lowered("a = abs(%x:f32[8,16])\nc = concat(a, a) {axis=1}\nreturn c").steps(),
              ElementsAre("Eltwise i:x -> a", "Concat a a -> o:c"));
  EXPECT_THAT(Lowered("a = abs(%x:f32[8,4])\nb = abs(a)\nc = concat(a, b) {axis=1}\nreturn c, a").steps(),
              ElementsAre("Eltwise i:x -> o:a", "Eltwise o:a -> b[4:8,1]of c", "Copy o:a -> a_1[0:8,1]of c"));
}

TEST(LowerProgram, KeepsConcatsWhoseBlocksAreUneven) {
  // Along a middle axis of several images, rows of an operand are not evenly apart.
  EXPECT_THAT(Lowered("a = abs(%x:f32[2,3,4])\nb = neg(%x)\nc = concat(a, b) {axis=1}\nreturn c").steps(),
              ElementsAre("Eltwise i:x -> a", "Eltwise i:x -> b", "Concat a b -> o:c"));
}

TEST(LowerProgram, OperandsThatAreReshapedElsewhereAreCopied) {
  const Lowered program(R"(
      a = abs(%x:f32[8,16])
      b = neg(%x)
      c = concat(a, b) {axis=1}
      r = reshape(a) {shape=[128]}
      y = relu(c)
      z = relu(r)
      return y, z)");
  EXPECT_THAT(program.steps(), ElementsAre("Eltwise i:x -> a", "Eltwise i:x -> b[16:32,1]of c",
                                           "Copy a -> a_1[0:32,1]of c", "Eltwise c -> o:y", "Eltwise r[0]of a -> o:z"));
}

TEST(LowerProgram, SlicesOfRowsAreViews) {
  const Lowered program(R"(
      p = abs(%x:f32[n,48])
      a = slice(p) {starts=[0,0], sizes=[n,16], steps=[1,1]}
      b = slice(p) {starts=[0,16], sizes=[n,32], steps=[1,1]}
      y = relu(a)
      z = relu(b)
      return y, z)",
                        {{"n", 2}});
  EXPECT_THAT(program.steps(),
              ElementsAre("Eltwise i:x -> p", "Eltwise a[0:48,1]of p -> o:y", "Eltwise b[16:48,1]of p -> o:z"));
}

TEST(LowerProgram, SlicesThatAreNoViewsStayStepsInOrder) {
  EXPECT_THAT(
      Lowered("p = abs(%x:f32[6,4])\ny = slice(p) {starts=[0,0], sizes=[3,4], steps=[2,1]}\nz = relu(y)\nreturn z")
          .steps(),
      ElementsAre("Eltwise i:x -> p", "Slice p -> y", "Eltwise y -> o:z"));
  // A graph output has a buffer of its own.
  EXPECT_THAT(Lowered("p = abs(%x:f32[6,4])\ny = slice(p) {starts=[0,1], sizes=[6,2], steps=[1,1]}\nreturn y").steps(),
              ElementsAre("Eltwise i:x -> p", "Slice p -> o:y"));
  // Pixels of a crop are not evenly apart.
  EXPECT_THAT(
      Lowered(
          "p = abs(%x:f32[6,4,2])\ny = slice(p) {starts=[0,1,0], sizes=[6,2,2], steps=[1,1,1]}\nz = relu(y)\nreturn z")
          .steps(),
      ElementsAre("Eltwise i:x -> p", "Slice p -> y", "Eltwise y -> o:z"));
}

TEST(LowerProgram, ReshapingWhatLiesApartBringsItTogether) {
  const Lowered program(R"(
      p = abs(%x:f32[6,4])
      a = slice(p) {starts=[0,1], sizes=[6,2], steps=[1,1]}
      y = relu(a)
      r = reshape(a) {shape=[12]}
      z = relu(r)
      return y, z)");
  EXPECT_THAT(program.steps(),
              ElementsAre("Eltwise i:x -> p", "Slice p -> a", "Eltwise a -> o:y", "Eltwise r[0]of a -> o:z"));
}

TEST(LowerProgram, ColumnsAreViewsForReadersOfAnyStrides) {
  const Lowered program(R"(
      a = slice(%i:s64[n,26]) {starts=[0,3], sizes=[n,1], steps=[1,1]}
      r = reshape(a) {shape=[n]}
      y = gather(%w:f32[5,2]=random(1), r) {axis=0}
      t = transpose(a) {perm=[1,0]}
      return y, t)",
                        {{"n", 2}});
  EXPECT_THAT(program.steps(), ElementsAre("Gather c:w r[3:26]of i -> o:y", "Transpose a[3:26,1]of i -> o:t"));
}

TEST(LowerProgram, ColumnsAreCopiedForReadersOfRows) {
  const auto steps = [](std::string_view rest) {
    const std::string start =
        "p = abs(%x:f32[6,4])\na = slice(p) {starts=[0,1], sizes=[6,1], steps=[1,1]}\nr = reshape(a) {shape=[6]}\n";
    return Lowered(start + std::string(rest)).steps();
  };
  EXPECT_THAT(steps("t = transpose(r) {perm=[0]}\nreturn t"),
              ElementsAre("Eltwise i:x -> p", "Transpose r[1:4]of p -> o:t"));
  EXPECT_THAT(steps("y = relu(r)\nreturn y"),
              ElementsAre("Eltwise i:x -> p", "Slice p -> a", "Eltwise r[0]of a -> o:y"));
  EXPECT_THAT(steps("t = transpose(r) {perm=[0]}\nreturn t, r"), ElementsAre(_, HasSubstr("Slice p ->"), _));
  EXPECT_THAT(steps("q = reshape(a) {shape=[2,3]}\nt = transpose(q) {perm=[1,0]}\nreturn t"),
              ElementsAre("Eltwise i:x -> p", "Slice p -> a", "Transpose q[0]of a -> o:t"));
}

TEST(LowerProgram, FirstRowsBehindAReshapeAreRows) {
  const Lowered program(R"(
      p = tanh(%x:f32[batch,seq,8])
      a = slice(p) {starts=[0,0,0], sizes=[batch,1,8], steps=[1,1,1]}
      r = reshape(a) {shape=[batch,8]}
      y = relu(r)
      return y)",
                        {{"batch", 3}, {"seq", 5}});
  EXPECT_THAT(program.steps(), ElementsAre("Eltwise i:x -> p", "Eltwise r[0:40,1]of p -> o:y"));
}

TEST(LowerProgram, PartsOfReshapedValuesAreViewsOfTheRoot) {
  const Lowered program(R"(
      p = abs(%x:f32[2,3,8])
      r = reshape(p) {shape=[6,8]}
      a = slice(r) {starts=[0,2], sizes=[6,4], steps=[1,1]}
      y = relu(a)
      return y)");
  EXPECT_THAT(program.steps(), ElementsAre("Eltwise i:x -> p", "Eltwise a[2:8,1]of p -> o:y"));
}

}  // namespace
}  // namespace tegula::compiler
