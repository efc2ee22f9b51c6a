// Constants, functions of the model, branches.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/compiler/importer/model_text.h"

namespace tegula::compiler {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// One model of a graph and functions of domain "local".
std::string with_functions(const std::string& graph, const std::string& functions) {
  return imported(
      parse_model("<ir_version: 8, opset_import: [\"\" : 21, \"local\" : 1]>\ng " + graph + "\n" + functions));
}

constexpr const char* kHeader = "<domain: \"local\", opset_import: [\"\" : 21]>\n";

TEST(Functions, AreWrittenOutInPlace) {
  EXPECT_EQ(with_functions("(float[3] x) => (float[3] y) { a = local.twice(x)  y = local.twice(a) }",
                           std::string(kHeader) + "twice (v) => (w) { t = Relu(v)  w = Add(t, t) }"),
            "input %x: f32[3]\n"
            "%a/t = relu(%x) : f32[3] @\"a/t\"\n"
            "%a = add(%a/t, %a/t) : f32[3] @\"a/w\"\n"
            "%y/t = relu(%a) : f32[3] @\"y/t\"\n"
            "%y = add(%y/t, %y/t) : f32[3] @\"y/w\"\n"
            "return %y\n");
}

TEST(Functions, TakeAttributesAndDefaults) {
  const std::string function =
      std::string(kHeader) + "leaky <slope> (v) => (w) { w = LeakyRelu <alpha: float = @slope> (v) }";
  EXPECT_THAT(with_functions("(float[3] x) => (float[3] y) { y = local.leaky <slope = 0.25> (x) }", function),
              HasSubstr("alpha=0.25"));
  EXPECT_THAT(with_functions("(float[3] x) => (float[3] y) { y = local.leaky(x) }", function), HasSubstr("alpha=0.01"));
  // What FunctionProto.attribute_proto (IR version 9) adds: a default of the function's own.
  onnx::ModelProto model = parse_model(
      "<ir_version: 8, opset_import: [\"\" : 21, \"local\" : 1]>\n"
      "g (float[3] x) => (float[3] y) { y = local.leaky(x) }\n" +
      function);
  onnx::AttributeProto slope;
  slope.set_name("slope");
  slope.set_type(onnx::AttributeProto::FLOAT);
  slope.set_f(0.75f);
  std::string bytes = model.functions(0).SerializeAsString();
  const std::string entry = slope.SerializeAsString();
  bytes += static_cast<char>(11 << 3 | 2);
  bytes += static_cast<char>(entry.size());
  bytes += entry;
  ASSERT_TRUE(model.mutable_functions(0)->ParseFromString(bytes));
  EXPECT_THAT(imported(model), HasSubstr("alpha=0.75"));
}

TEST(Functions, CallOthersAndPassAttributesOn) {
  EXPECT_THAT(with_functions("(float[3] x) => (float[3] y) { y = local.outer <a = 0.5> (x) }",
                             std::string(kHeader) + "inner <b> (v) => (w) { w = Elu <alpha: float = @b> (v) }\n" +
                                 "<domain: \"local\", opset_import: [\"\" : 21, \"local\" : 1]>\n"
                                 "outer <a> (v) => (w) { w = local.inner <b: float = @a> (v) }"),
              AllOf(HasSubstr("alpha=0.5"), HasSubstr("@\"y/w/w\"")));
}

TEST(Functions, MayLeaveOperandsAbsent) {
  const std::string function = std::string(kHeader) + "bound (v, low, high) => (w) { w = Clip(v, low, high) }";
  EXPECT_THAT(with_functions("(float[3] x, float[1] h) => (float[3] y) { y = local.bound(x, , h) }", function),
              HasSubstr("min(%x, %h)"));
  EXPECT_THAT(with_functions("(float[3] x) => (float[3] y) { y = local.bound(x) }", function), HasSubstr("clip"));
}

TEST(Functions, MustNotRecur) {
  EXPECT_THAT(
      with_functions("(float[3] x) => (float[3] y) { y = local.f(x) }",
                     "<domain: \"local\", opset_import: [\"\" : 21, \"local\" : 1]>\nf (v) => (w) { w = local.f(v) }"),
      HasSubstr("nested more than"));
}

TEST(Functions, MustFitTheCall) {
  const std::string function = std::string(kHeader) + "f (v) => (w) { w = Relu(v) }";
  EXPECT_THAT(with_functions("(float[3] x) => (float[3] y) { y = local.f(x, x) }", function),
              HasSubstr("2 inputs and 1 outputs"));
  EXPECT_THAT(with_functions("(float[3] x) => (float[3] y) { y = local.f(x) }",
                             std::string(kHeader) + "f (v) => (w) { t = Relu(v) }"),
              HasSubstr("nothing writes its output 'w'"));
  EXPECT_THAT(with_functions("(float[3] x) => (float[3] y) { y = local.f(x) }",
                             std::string(kHeader) + "f (v) => (w) { w = Relu(x) }"),
              HasSubstr("'x', which nothing gives"));
}

TEST(Functions, DoublingAtEachLevelIsStopped) {
  std::string functions;
  for (int level = 0; level < 40; ++level)
    functions += "<domain: \"local\", opset_import: [\"\" : 21, \"local\" : 1]>\nf" + std::to_string(level) +
                 " (v) => (w) { t = local.f" + std::to_string(level + 1) + "(v)  w = local.f" +
                 std::to_string(level + 1) + "(t) }\n";
  functions += std::string(kHeader) + "f40 (v) => (w) { w = Relu(v) }";
  EXPECT_THAT(with_functions("(float[3] x) => (float[3] y) { y = local.f0(x) }", functions), HasSubstr("more than"));
}

TEST(Constants, OfEveryKind) {
  EXPECT_THAT(imported("(float[2] x) => (float[2] y) { c = Constant <value_float = 2.5> ()  y = Add(x, c) }"),
              HasSubstr("2.5"));
  EXPECT_THAT(imported("(float[2] x) => (float[2] y) { c = Constant <value_floats = [2.5, 3.5]> ()  y = Add(x, c) }"),
              HasSubstr("[2.5, 3.5]"));
  EXPECT_THAT(imported("(int64[2] x) => (int64[2] y) { c = Constant <value_int = 7> ()  y = Add(x, c) }"),
              HasSubstr("7"));
  EXPECT_THAT(imported("(int64[2] x) => (int64[2] y) { c = Constant <value_ints = [7, 8]> ()  y = Add(x, c) }"),
              HasSubstr("[7, 8]"));
  EXPECT_THAT(imported("(float[2] x) => (float[2] y) { c = Constant <value = float[2] {1.5, 2.5}> ()  y = Add(x, c) }"),
              HasSubstr("[1.5, 2.5]"));
  EXPECT_THAT(imported("(float[2] x) => (float[2] y) { c = Constant <value_string = \"a\"> ()  y = Add(x, c) }"),
              HasSubstr("strings"));
  EXPECT_THAT(imported("(float[2] x) => (float[2] y) { c = Constant()  y = Add(x, c) }"), HasSubstr("has no value"));
}

constexpr const char* kBranches = R"(
    then_branch = t () => (float[2] a) { a = Relu(x) },
    else_branch = e () => (float[2] b) { s = Exp(x)  b = Add(s, x) })";

TEST(If, TakesTheBranchOfAConstantCondition) {
  const auto model = [](const char* condition) {
    return concat("(float[2] x) => (float[2] y) { c = Constant <value = bool[1] {", condition, "}> ()  y = If <",
                  kBranches, "> (c) }");
  };
  EXPECT_EQ(imported(model("1")), "input %x: f32[2]\n%y = relu(%x) : f32[2] @\"y/a\"\nreturn %y\n");
  EXPECT_THAT(imported(model("0")), HasSubstr("%y = add(%y/s, %x)"));
}

TEST(If, NeedsAConstantCondition) {
  EXPECT_THAT(imported(concat("(float[2] x, bool[1] c) => (float[2] y) { y = If <", kBranches, "> (c) }")),
              AllOf(HasSubstr("node 'y' (If)"), HasSubstr("depends on the model's inputs")));
}

}  // namespace
}  // namespace tegula::compiler
