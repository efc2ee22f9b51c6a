// What the importer makes of names, shapes, order, outputs and of models that it cannot import.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/compiler/importer/model_text.h"

namespace tegula::compiler {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(Import, NamesValuesAsTheModelDoes) {
  EXPECT_EQ(imported("(float[N,3] x) => (float[N,3] y) { t = Relu(x)  y = Add(t, x) }"),
            "symbol N: 0..\n"
            "input %x: f32[N,3]\n"
            "%t = relu(%x) : f32[N,3] @\"t\"\n"
            "%y = add(%t, %x) : f32[N,3] @\"y\"\n"
            "return %y\n");
}

TEST(Import, OrdersNodesThatTheFileHasOutOfOrder) {
  EXPECT_EQ(imported("(float[3] x) => (float[3] y) { y = Add(b, a)  b = Exp(a)  a = Relu(x) }"),
            "input %x: f32[3]\n"
            "%a = relu(%x) : f32[3] @\"a\"\n"
            "%b = exp(%a) : f32[3] @\"b\"\n"
            "%y = add(%b, %a) : f32[3] @\"y\"\n"
            "return %y\n");
}

TEST(Import, DropsWhatNoOutputNeeds) {
  EXPECT_THAT(imported("(float[3] x) => (float[3] y) { y = Relu(x)  unused = Exp(x) }"), Not(HasSubstr("exp")));
}

TEST(Import, RefusesNamesThatDoNotFitTogether) {
  EXPECT_THAT(imported("(float[3] x) => (float[3] y) { y = Add(x, nobody) }"),
              AllOf(HasSubstr("node 'y' (Add)"), HasSubstr("'nobody'")));
  EXPECT_THAT(imported("(float[3] x) => (float[3] y) { y = Relu(x)  y = Exp(x) }"), HasSubstr("already gives"));
  EXPECT_THAT(imported("(float[3] x) => (float[3] y) { x = Relu(y)  y = Exp(y) }"), HasSubstr("already gives"));
  EXPECT_THAT(imported("(float[3] x) => (float[3] y) { a = Add(x, b)  b = Relu(a)  y = Exp(x) }"),
              HasSubstr("in a cycle"));
  EXPECT_THAT(imported("(float[3] x, float[3] x) => (float[3] y) { y = Relu(x) }"), HasSubstr("empty or taken"));
  EXPECT_THAT(imported("(float[3] x) => (float[3] z) { y = Relu(x) }"), HasSubstr("output 'z'"));
}

TEST(Import, PassesInputsAndConstantsThrough) {
  EXPECT_EQ(imported("(float[3] x) => (float[3] x) { }"), "input %x: f32[3]\nreturn %x\n");
}

// ---------------------------------------------------------------- shapes of inputs

TEST(InputShapes, MakesSymbols) {
  EXPECT_THAT(imported("(float[N, ?, N, 4] x) => (float[M] y) { y = Relu(x) }"),
              AllOf(HasSubstr("input %x: f32[N,x_1,N,4]"), Not(HasSubstr("M"))));
  onnx::ModelProto model = model_of("(float[N] x, float[N] z) => (float[N] y) { y = Add(x, z) }");
  const auto dim = [&](int input) {
    return model.mutable_graph()
        ->mutable_input(input)
        ->mutable_type()
        ->mutable_tensor_type()
        ->mutable_shape()
        ->mutable_dim(0);
  };
  dim(0)->set_dim_param("batch size/2");
  dim(1)->set_dim_param("batch size*2");
  EXPECT_THAT(imported(model), AllOf(HasSubstr("%x: f32[batch_size_2]"), HasSubstr("%z: f32[batch_size_2_2]")));
  dim(0)->set_dim_value(-1);
  EXPECT_THAT(imported(model), HasSubstr("%x: f32[x_0]"));
}

TEST(InputShapes, FixesAndRangesSymbols) {
  const onnx::ModelProto model = model_of("(float[N,C] x) => (float[N,C] y) { y = Relu(x) }");
  EXPECT_THAT(imported(model, {.dims = {{"N", {8, 8}}, {"C", {1, 64}}}}),
              AllOf(HasSubstr("symbol C: 1..64"), HasSubstr("%x: f32[8,C]")));
  EXPECT_THAT(imported(model, {.dims = {{"M", {8, 8}}}}),
              AllOf(HasSubstr("no input has a dimension called 'M'"), HasSubstr("C, N")));
  EXPECT_THAT(imported(model, {.dims = {{"N", {8, 2}}}}), HasSubstr("no range"));
}

TEST(InputShapes, TakesShapesFromOptions) {
  const onnx::ModelProto model = model_of("(float[2,3] x) => (float[2,3] y) { y = Relu(x) }");
  EXPECT_THAT(imported(model, {.shapes = {{"x", {"batch", "?"}}}}), HasSubstr("%x: f32[batch,x_1]"));
  EXPECT_THAT(imported(model, {.shapes = {{"x", {"2*n", "n"}}}}), HasSubstr("%x: f32[2*n,n]"));
  EXPECT_THAT(imported(model, {.dims = {{"n", {5, 5}}}, .shapes = {{"x", {"2*n", "n"}}}}), HasSubstr("%x: f32[10,5]"));
  EXPECT_THAT(imported(model, {.shapes = {{"x", {"2"}}}}), HasSubstr("2 dimensions, the option 1"));
  EXPECT_THAT(imported(model, {.shapes = {{"x", {"2", "-3"}}}}), HasSubstr("negative"));
  EXPECT_THAT(imported(model, {.shapes = {{"x", {"2", "(("}}}}), HasSubstr("dimension '(('"));
  EXPECT_THAT(imported(model, {.shapes = {{"z", {"2", "3"}}}}), HasSubstr("the inputs are: x"));
}

TEST(ConstantInputs, AreNoInputsAnyMore) {
  const onnx::ModelProto model = model_of("(float[n,3] x, float[3] z) => (float[n,3] y) { y = Add(x, z) }");
  const Literal z = Literal::of<float>({3}, {1, 2, 3});
  EXPECT_THAT(imported(model, {.constants = {{"z", z}}}),
              AllOf(HasSubstr("const %z: f32[3]"), Not(HasSubstr("input %z"))));
  EXPECT_THAT(imported(model, {.constants = {{"w", z}}}), HasSubstr("constant is given for 'w', which is no input"));
  EXPECT_THAT(imported(model, {.constants = {{"x", z}}}), HasSubstr("has the shape [3]"));
  EXPECT_THAT(imported(model, {.constants = {{"z", Literal::of<float>({2}, {1, 2})}}}), HasSubstr("has the shape [2]"));
  EXPECT_THAT(imported(model, {.constants = {{"z", Literal::of<int64_t>({3}, {1, 2, 3})}}}), HasSubstr("of type s64"));
}

TEST(InputShapes, NeedsARank) {
  onnx::ModelProto model = model_of("(float[N] x) => (float[N] y) { y = Relu(x) }");
  model.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->clear_shape();
  EXPECT_THAT(imported(model), AllOf(HasSubstr("input 'x'"), HasSubstr("--shape")));
  EXPECT_THAT(imported(model, {.shapes = {{"x", {"n", "4"}}}}), HasSubstr("%x: f32[n,4]"));
}

TEST(InputShapes, RefusesTheImpossible) {
  EXPECT_THAT(imported("(float[1,1,1,1,1,1,1,1,1] x) => (float[1] y) { y = Relu(x) }"), HasSubstr("9 dimensions; 8"));
  EXPECT_THAT(imported("(float[4294967296,4294967296] x) => (float[1] y) { y = Relu(x) }"),
              HasSubstr("too many elements"));
}

TEST(InputShapes, AcceptsScalarsAndEmptyTensors) {
  onnx::ModelProto model = model_of("(float[1] x, float[0,3] z) => (float[0,3] y) { y = Add(x, z) }");
  model.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape()->clear_dim();
  EXPECT_THAT(imported(model), AllOf(HasSubstr("%x: f32[]"), HasSubstr("%y = add(%x, %z) : f32[0,3]")));
}

// ---------------------------------------------------------------- types

TEST(Types, WidensHalvesInsideTheGraph) {
  EXPECT_EQ(imported("(float16[3] x, bfloat16[3] z) => (float16[3] y, bfloat16[3] w) { y = Relu(x)  w = Add(x, z) }"),
            "input %x: f16[3]\n"
            "input %z: bf16[3]\n"
            "%x_1 = cast(%x) {to=f32} : f32[3] @\"x\"\n"
            "%z_1 = cast(%z) {to=f32} : f32[3] @\"z\"\n"
            "%y = relu(%x_1) : f32[3] @\"y\"\n"
            "%w = add(%x_1, %z_1) : f32[3] @\"w\"\n"
            "%y_1 = cast(%y) {to=f16} : f16[3] @\"y\"\n"
            "%w_1 = cast(%w) {to=bf16} : bf16[3] @\"w\"\n"
            "return \"y\"=%y_1, \"w\"=%w_1\n");
}

TEST(Types, ReturnsAHalfInputAsItIs) {
  EXPECT_EQ(imported("(float16[3] x) => (float16[3] x) { }"), "input %x: f16[3]\nreturn %x\n");
}

TEST(Types, SaysThatHalvesWereWidened) {
  const auto result = import_model(model_of("(float16[3] x) => (float[3] y) { y = Relu(x) }"));
  ASSERT_TRUE(result.ok());
  EXPECT_THAT(result->graph.notes, testing::ElementsAre("1 FP16 or BF16 tensors were widened to FP32"));
}

TEST(Types, RefusesOtherTypes) {
  EXPECT_THAT(imported("(string[3] x) => (float[3] y) { y = Relu(x) }"), HasSubstr("STRING"));
  onnx::ModelProto model = model_of("(float[3] x) => (float[3] y) { y = Relu(x) }");
  model.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(17);
  EXPECT_THAT(imported(model), HasSubstr("FLOAT8E4M3FN"));
  model.mutable_graph()->mutable_input(0)->mutable_type()->mutable_sequence_type();
  EXPECT_THAT(imported(model), HasSubstr("sequence"));
}

// ---------------------------------------------------------------- errors

TEST(Errors, ListEveryNodeThatIsNotSupported) {
  onnx::ModelProto model = model_of(R"((float[3] x) => (float[3] y) {
    a = NonZero(x)
    b = Frobnicate(x)
    c = Relu(b)
    d = com.microsoft.Sprocket(c)
    y = Cast <to = 8> (x)
  })");
  const auto result = import_model(model);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kUnsupported);
  const std::string& message = result.error().message;
  EXPECT_THAT(message, StartsWith("4 things"));
  EXPECT_THAT(message, HasSubstr("\n  node 'a' (NonZero): the size of its output depends on data"));
  EXPECT_THAT(message, HasSubstr("\n  node 'b' (Frobnicate): "));
  EXPECT_THAT(message, HasSubstr("\n  node 'd' (com.microsoft.Sprocket): "));
  EXPECT_THAT(message, HasSubstr("\n  node 'y' (Cast): attribute 'to': STRING is not supported"));
}

TEST(Errors, TellAWrongModelFromAnUnsupportedOne) {
  const auto code = [](const std::string& graph) { return import_model(model_of(graph)).error().code; };
  EXPECT_EQ(code("(float[3] x) => (float[3] y) { y = Relu(x, x) }"), ErrorCode::kInvalidFile);
  EXPECT_EQ(code("(float[3] x) => (float[3] y) { y = LeakyRelu <alpha = \"high\"> (x) }"), ErrorCode::kInvalidFile);
  EXPECT_EQ(code("(float[3] x, float[4] z) => (float[3] y) { y = Add(x, z) }"), ErrorCode::kInvalidFile);
  EXPECT_EQ(code("(float[3] x) => (float[3] y) { y = Nothing(x) }"), ErrorCode::kUnsupported);
}

TEST(Errors, NameTheOperatorSetThatIsTooOld) {
  EXPECT_THAT(imported("(float[3] x) => (float[3] y) { y = Relu(x) }", {}, 5), HasSubstr("operator set 5"));
  EXPECT_THAT(imported("(float[3] x) => (float[3] y) { y = Relu(x) }", {}, 6), HasSubstr("relu"));
}

TEST(Errors, RefuseWhatIsNoModel) {
  EXPECT_THAT(import_onnx_bytes("garbage that is no protobuf").error().message, HasSubstr("not an ONNX model"));
  EXPECT_THAT(import_onnx_bytes("").error().message, HasSubstr("no graph"));
  EXPECT_THAT(import_onnx("/nowhere/model.onnx").error().message, HasSubstr("cannot be opened"));
  onnx::ModelProto model = model_of("(float[3] x) => (float[3] y) { y = Relu(x) }");
  model.clear_opset_import();
  EXPECT_THAT(imported(model), HasSubstr("operator set"));
}

TEST(Errors, StopGraphsNestedTooDeep) {
  onnx::ModelProto model = model_of("(float[3] x) => (float[3] y) { y = Relu(x) }");
  onnx::GraphProto* graph = model.mutable_graph();
  for (int depth = 0; depth < 1000; ++depth) {
    onnx::NodeProto* node = graph->add_node();
    node->set_op_type("If");
    graph = node->add_attribute()->mutable_g();
  }
  EXPECT_THAT(imported(model), HasSubstr("not an ONNX model"));
}

TEST(Import, KnowsWhereTheModelCameFrom) {
  onnx::ModelProto model = model_of("(float[3] x) => (float[3] y) { y = Relu(x) }", 17);
  model.set_producer_name("exporter");
  model.set_producer_version("2.5");
  const auto result = import_model(model);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->info.producer, "exporter 2.5");
  EXPECT_EQ(result->info.opset, 17);
  EXPECT_NE(result->info.xxh3, 0u);
}

}  // namespace
}  // namespace tegula::compiler
